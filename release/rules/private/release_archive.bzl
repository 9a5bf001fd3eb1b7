"""Archives, one for every platform."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":artifact_info.bzl", "ArtifactInfo", "artifact", "checksum", "content")
load(":binary_info.bzl", "BinaryInfo", "programs_of")
load(":paths.bzl", "directory_entries", "file_entries", "link_entries")
load(":platforms.bzl", "PLATFORMS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _license_entries(files):
    """Returns entries for tools/build/pack that put licences at licenses/<module>/…, each path once."""
    entries = {}
    for file in files.to_list():
        path = "licenses/" + file.path.partition("/.release/licenses/")[2]
        entries[path] = struct(path = path, source = file.path)
    return entries.values()

def _join(*parts):
    return "/".join([part.strip("/") for part in parts if part])

def _release_archive_impl(ctx):
    licenses = depset(transitive = [b[BinaryInfo].license_files for b in ctx.attr.binaries] + [s[SourceInfo].license_files for s in ctx.attr.sources])
    common = _license_entries(licenses) + file_entries(ctx.label, ctx.attr.files) + directory_entries(ctx.attr.directories)
    inputs = depset(ctx.files.files, transitive = [licenses])

    artifacts = {}
    for platform in _platforms(ctx):
        artifacts.update(_archive(ctx, platform, common, inputs))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = programs_of(ctx.attr.binaries)),
    ]

def _platforms(ctx):
    """Returns the platforms of the programs, which have to be the same for all."""
    first = ctx.attr.binaries[0]
    platforms = first[BinaryInfo].files.keys()
    for target in ctx.attr.binaries[1:]:
        other = target[BinaryInfo].files.keys()
        if sorted(other) != sorted(platforms):
            fail("{}: {} is built for {}, and {} for {}: want the same platforms".format(
                ctx.label,
                first.label,
                ", ".join(platforms),
                target.label,
                ", ".join(other),
            ))
    return platforms

def _archive(ctx, platform, common, inputs):
    """Declares the archive of one platform and returns path → artifact for it and its checksum."""
    windows = PLATFORMS[platform][0] == "windows"
    entries = common + ([] if windows else link_entries(ctx.attr.symlinks))
    stem = "{}-{}".format(ctx.attr.archive or ctx.label.name, ctx.attr.version)
    prefix = stem + "/" if ctx.attr.directory else ""
    contents = []
    for target in ctx.attr.binaries:
        binary = target[BinaryInfo]
        path = _join(ctx.attr.bin_dir, binary.name + (".exe" if windows else ""))
        entries.append(struct(path = path, source = binary.files[platform].path, mode = "0755"))
        contents.append(content(binary.files[platform], prefix + path, platform))

    name = "{}-{}.{}".format(stem, platform, "zip" if windows else "tar.gz")
    archive = ctx.actions.declare_file(name)
    sha256 = ctx.actions.declare_file(name + ".sha256")
    listing = ctx.actions.declare_file(name + ".entries.json")
    ctx.actions.write(listing, json.encode(entries))

    args = ctx.actions.args()
    args.add("--format", "zip" if windows else "tar.gz")
    args.add("--entries", listing)
    if prefix:
        args.add("--prefix", prefix)
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", archive)
    args.add("--sha256", sha256)
    ctx.actions.run(
        executable = release_toolchain(ctx).pack,
        arguments = [args],
        inputs = depset([c.file for c in contents] + [listing], transitive = [inputs]),
        outputs = [archive, sha256],
        mnemonic = "ReleaseArchive",
        progress_message = "Packing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return {name: artifact(
        archive,
        "archive",
        contents = contents,
        media_type = "application/zip" if windows else "application/gzip",
        platform = platform,
    )} | checksum(name, sha256)

release_archive = rule(
    implementation = _release_archive_impl,
    doc = "Packs programs, licences and other files: <archive>-<version>-<platform>.tar.gz, .zip for Windows, each with its .sha256.",
    attrs = {
        "archive": attr.string(doc = "The beginning of the archives' names; default: the target's name."),
        "bin_dir": attr.string(doc = "The directory of programs in the archive.", default = "bin"),
        "binaries": attr.label_list(allow_empty = False, doc = "release_binary and release_platform_file targets, for the same platforms.", mandatory = True, providers = [BinaryInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files → path in the archive. A path that is empty or ends in / is a directory."),
        "directories": attr.string_list(doc = "Empty directories, as paths in the archive."),
        "directory": attr.bool(doc = "Whether everything is in a directory <archive>-<version>/.", default = True),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "sources": attr.label_list(doc = "Pinned sources whose licences are packed in addition to those of the programs.", providers = [SourceInfo]),
        "symlinks": attr.string_dict(doc = "Symbolic links: path in the archive → target, unchanged. Archives for Windows have none."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
