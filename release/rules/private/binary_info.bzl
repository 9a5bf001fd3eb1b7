"""A program for several platforms."""

BinaryInfo = provider(
    doc = "One program, linked or ready-made, for every platform of the release.",
    fields = {
        "files": "dict of string to File: platform, such as linux-amd64 → executable.",
        "license_files": "depset of File: the licences of the pinned sources from which it is compiled.",
        "name": "string: the program's file name, without .exe.",
        "programs": "depset of string: a JSON object for each platform, for //tools/rebuild; empty for a ready-made file.",
    },
)

def program_for(label, target, platform):
    """Returns the program of a target for a platform.

    Args:
        label: the target that packs the program, for errors.
        target: the target with BinaryInfo.
        platform: the platform, such as linux-amd64.

    Returns:
        the File.
    """
    files = target[BinaryInfo].files
    if platform not in files:
        fail("{}: {} is not built for {}: it is for {}; add {} to its platforms, or leave the program out".format(
            label,
            target.label,
            platform,
            ", ".join(files.keys()),
            platform,
        ))
    return files[platform]

def programs_of(targets):
    """Collects the programs of targets with BinaryInfo.

    Args:
        targets: the targets.

    Returns:
        the programs of all, a depset.
    """
    return depset(transitive = [target[BinaryInfo].programs for target in targets])
