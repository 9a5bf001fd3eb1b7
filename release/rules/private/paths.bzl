"""The paths of files in archives and images."""

load(":source_files_info.bzl", "SourceFilesInfo")

def path_in(path, name):
    """Returns a file's path in an archive or image.

    Args:
        path: the path in a BUILD file. If it is empty or ends in /, it is a directory.
        name: the file's name.

    Returns:
        the path, without a leading slash.
    """
    return path.lstrip("/") + (name if not path or path.endswith("/") else "")

def link_entries(symlinks):
    """Says which symbolic links there are.

    Args:
        symlinks: dict of paths → targets.

    Returns:
        a list of entries for tools/build/pack and tools/build/image.
    """
    return [struct(path = path.lstrip("/"), symlink = target) for path, target in symlinks.items()]

def directory_entries(directories):
    """Says which empty directories there are.

    Args:
        directories: list of paths.

    Returns:
        a list of entries for tools/build/pack and tools/build/image.
    """
    return [struct(path = path.strip("/") + "/") for path in directories]

def file_entries(label, files):
    """Returns the entries for the files of targets.

    Args:
        label: the target with the attribute, for errors.
        files: dict of targets → paths, as for path_in.

    Returns:
        a list of entries for tools/build/pack and tools/build/image.
    """
    entries = []
    for target, path in files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1 and path and not path.endswith("/"):
            fail("{}: got {} files in {} for {}: want one, or a path that ends in /".format(label, len(found), target.label, repr(path)))
        modes = {"modes": target[SourceFilesInfo].modes.path} if SourceFilesInfo in target else {}
        entries += [struct(path = path_in(path, file.basename), source = file.path, **modes) for file in found]
    return entries

def file_inputs(files):
    """Returns what the entries of file_entries read.

    Args:
        files: dict of targets → paths, or list of targets.

    Returns:
        a list of Files.
    """
    inputs = []
    for target in files:
        inputs += target[DefaultInfo].files.to_list()
        if SourceFilesInfo in target:
            inputs.append(target[SourceFilesInfo].modes)
    return inputs

def check_paths(label, entries, files = []):
    """Fails if two files, programs or links have one path.

    Args:
        label: the target, for errors.
        entries: entries for tools/build/pack, tools/build/image or tools/build/package.
        files: the Files of the target. The content of those that are directories is known only when they are built.
    """
    trees = [file.path for file in files if file.is_directory]
    at = {}
    for entry in entries:
        source = getattr(entry, "source", "") or getattr(entry, "symlink", "a directory")
        if entry.path in at:
            fail("{}: two files at {}: {} and {}; change the path of one".format(label, entry.path, at[entry.path], source))
        if source not in trees:
            at[entry.path] = source
