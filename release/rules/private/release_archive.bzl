"""Archives, one for every platform."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":artifact_info.bzl", "ArtifactInfo")
load(":binary_info.bzl", "BinaryInfo", "programs_of")
load(":platforms.bzl", "PLATFORMS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def license_entries(sources):
    """Puts the licences of sources at licenses/<module>/….

    Args:
        sources: list of targets with SourceInfo.

    Returns:
        a list of entries for tools/build/pack, each path once.
    """
    entries = {}
    for source in sources:
        for file in source[SourceInfo].license_files.to_list():
            path = file.path.partition("/.release/licenses/")[2]
            entries["licenses/" + path] = struct(path = "licenses/" + path, source = file.path)
    return entries.values()

def _join(*parts):
    return "/".join([part.strip("/") for part in parts if part])

def _release_archive_impl(ctx):
    platforms = ctx.attr.binaries[0][BinaryInfo].files.keys()
    common = license_entries(ctx.attr.sources)
    for target, path in ctx.attr.files.items():
        for file in target[DefaultInfo].files.to_list():
            common.append(struct(path = path + file.basename if path.endswith("/") or not path else path, source = file.path))
    inputs = depset(ctx.files.files, transitive = [s[SourceInfo].license_files for s in ctx.attr.sources])

    files = {}
    for platform in platforms:
        files.update(_archive(ctx, platform, common, inputs))
    return [
        DefaultInfo(files = depset(files.values())),
        ArtifactInfo(files = files, programs = programs_of(ctx.attr.binaries)),
    ]

def _archive(ctx, platform, common, inputs):
    """Declares the archive of one platform and returns path → File for it and its checksum."""
    windows = PLATFORMS[platform][0] == "windows"
    entries = list(common)
    executables = []
    for target in ctx.attr.binaries:
        binary = target[BinaryInfo]
        if platform not in binary.files:
            fail("{}: {} is not built for {}".format(ctx.label, target.label, platform))
        executables.append(binary.files[platform])
        entries.append(struct(
            path = _join(ctx.attr.bin_dir, binary.name + (".exe" if windows else "")),
            source = binary.files[platform].path,
            mode = "0755",
        ))

    stem = "{}-{}".format(ctx.attr.archive or ctx.label.name, ctx.attr.version)
    name = "{}-{}.{}".format(stem, platform, "zip" if windows else "tar.gz")
    archive = ctx.actions.declare_file(name)
    checksum = ctx.actions.declare_file(name + ".sha256")
    listing = ctx.actions.declare_file(name + ".entries.json")
    ctx.actions.write(listing, json.encode(entries))

    args = ctx.actions.args()
    args.add("--format", "zip" if windows else "tar.gz")
    args.add("--entries", listing)
    if ctx.attr.folder:
        args.add("--prefix", stem + "/")
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", archive)
    args.add("--sha256", checksum)
    ctx.actions.run(
        executable = release_toolchain(ctx).pack,
        arguments = [args],
        inputs = depset(executables + [listing], transitive = [inputs]),
        outputs = [archive, checksum],
        mnemonic = "ReleaseArchive",
        progress_message = "Packing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return {name: archive, name + ".sha256": checksum}

release_archive = rule(
    implementation = _release_archive_impl,
    doc = "Packs programs, licences and other files: <archive>-<version>-<platform>.tar.gz, .zip for Windows, each with its .sha256.",
    attrs = {
        "archive": attr.string(doc = "How the archives' names begin; the target's name if not given."),
        "bin_dir": attr.string(doc = "The folder for programs, in the archive.", default = "bin"),
        "binaries": attr.label_list(allow_empty = False, doc = "release_binary and release_platform_file targets, for the same platforms.", mandatory = True, providers = [BinaryInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files → path in the archive. A path that is empty or ends in / is a folder."),
        "folder": attr.bool(doc = "Whether everything stands in a folder <archive>-<version>/.", default = True),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "sources": attr.label_list(doc = "Pinned sources, whose licences are packed.", providers = [SourceInfo]),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
