"""Archives, one for every platform."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":artifact_info.bzl", "ArtifactInfo", "artifact", "checksum", "content")
load(":binary_info.bzl", "BinaryInfo", "programs_of")
load(":names.bzl", "DEFAULT_NAMES", "archive_name")
load(":paths.bzl", "check_paths", "directory_entries", "file_entries", "file_inputs", "link_entries")
load(":platforms.bzl", "PLATFORMS", "SYSTEMS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

# Format → the media type of its files.
FORMATS = {
    "binary": "application/octet-stream",
    "tar.gz": "application/gzip",
    "tar.xz": "application/x-xz",
    "tar.zst": "application/zstd",
    "zip": "application/zip",
}

# The names of systems in those of platforms.
_SYSTEMS = {SYSTEMS.get(goos, goos): None for goos, _, _ in PLATFORMS.values()}

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
    if not ctx.attr.pack_licenses:
        licenses = depset()
    common = _license_entries(licenses) + file_entries(ctx.label, ctx.attr.files) + directory_entries(ctx.attr.directories)
    inputs = depset(file_inputs(ctx.attr.files), transitive = [licenses])

    artifacts = {}
    names = _names(ctx)
    for platform, formats in _formats(ctx).items():
        for name in names[platform]:
            artifacts.update(_artifacts(ctx, platform, name, formats, common, inputs))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = programs_of(ctx.attr.binaries)),
    ]

def _platforms(ctx):
    """Returns the platforms of the programs, which have to be the same for all."""
    if not ctx.attr.binaries:
        fail("{}: no binaries: want release_binary or release_platform_file targets".format(ctx.label))
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

def _names(ctx):
    """Returns platform → the archive's names without the format, each another."""
    for platform in ctx.attr.aliases:
        if platform not in PLATFORMS:
            fail("{}: aliases: got {}, want a platform such as osx-amd64".format(ctx.label, repr(platform)))
    names = {}
    platforms = {}
    for platform in _platforms(ctx):
        names[platform] = []
        for alias in ["", ctx.attr.aliases.get(platform)] if platform in ctx.attr.aliases else [""]:
            name = archive_name(ctx.label, ctx.attr.names or DEFAULT_NAMES, ctx.attr.archive or ctx.label.name, ctx.attr.version, platform, alias)
            if name in platforms:
                fail("{}: {} and {} both make {}: change names or aliases".format(ctx.label, platforms[name], _called(platform, alias), name))
            names[platform].append(name)
            platforms[name] = _called(platform, alias)
    return names

def _called(platform, alias):
    return "{} as {}".format(platform, alias) if alias else platform

def _formats(ctx):
    """Returns platform → formats, from the attribute's platforms, systems and default."""
    for key, formats in ctx.attr.formats.items():
        rest = key.partition("-")[2]
        if rest and key not in PLATFORMS or not rest and key and key not in _SYSTEMS:
            fail("{}: formats: got {}, want a platform such as osx-arm64, a system such as osx, or \"\" for all others".format(ctx.label, repr(key)))
        for format in formats:
            if format not in FORMATS:
                fail("{}: formats: got {} for {}, want some of {}".format(ctx.label, repr(format), repr(key), ", ".join(FORMATS.keys())))
        if not formats or sorted(formats) != sorted({f: None for f in formats}.keys()):
            fail("{}: formats: got {} for {}, want each format once, and at least one".format(ctx.label, formats, repr(key)))
    default = {"": ["tar.gz"], "win": ["zip"]} | ctx.attr.formats
    return {
        platform: default.get(platform) or default.get(platform.partition("-")[0]) or default[""]
        for platform in _platforms(ctx)
    }

def _artifacts(ctx, platform, name, formats, common, inputs):
    """Declares the archives of one platform and returns path → artifact for them and their checksums."""
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
    check_paths(ctx.label, entries, ctx.files.files)

    artifacts = {}
    for format in formats:
        if format == "binary":
            artifacts.update(_pack(ctx, name + (".exe" if windows else ""), format, platform, _program(ctx, platform), depset([contents[0].file]), [content(contents[0].file, "", platform)]))
        else:
            artifacts.update(_pack(ctx, name + "." + format, format, platform, entries, depset([c.file for c in contents], transitive = [inputs]), contents, prefix))
    return artifacts

def _program(ctx, platform):
    """Returns the entry of the only program, for format binary."""
    if len(ctx.attr.binaries) != 1:
        fail("{}: format binary is for one program, got {}".format(ctx.label, len(ctx.attr.binaries)))
    binary = ctx.attr.binaries[0][BinaryInfo]
    return [struct(path = binary.name, source = binary.files[platform].path, mode = "0755")]

def _pack(ctx, name, format, platform, entries, inputs, contents, prefix = ""):
    """Declares one file and its checksum, and returns path → artifact."""
    archive = ctx.actions.declare_file(name)
    sha256 = ctx.actions.declare_file(name + ".sha256")
    listing = ctx.actions.declare_file(name + ".entries.json")
    ctx.actions.write(listing, json.encode(entries))

    args = ctx.actions.args()
    args.add("--format", format)
    args.add("--entries", listing)
    if prefix:
        args.add("--prefix", prefix)
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", archive)
    args.add("--sha256", sha256)
    ctx.actions.run(
        executable = release_toolchain(ctx).pack,
        arguments = [args],
        inputs = depset([listing], transitive = [inputs]),
        outputs = [archive, sha256],
        mnemonic = "ReleaseArchive",
        progress_message = "Packing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return {name: artifact(
        archive,
        "binary" if format == "binary" else "archive",
        contents = contents,
        media_type = FORMATS[format],
        platform = platform,
    )} | checksum(name, sha256)

release_archive = rule(
    implementation = _release_archive_impl,
    doc = """Packs programs, licences and other files, for each platform: <archive>-<version>-<platform>.tar.gz, .zip for Windows, each with its .sha256.

The line's names and the attribute formats make it other files.""",
    attrs = {
        "aliases": attr.string_dict(doc = "Platform → another name for it: that platform's archives are there under both names, such as osx-amd64 → osx."),
        "archive": attr.string(doc = "The beginning of the archives' names; default: the target's name."),
        "bin_dir": attr.string(doc = "The directory of programs in the archive.", default = "bin"),
        "binaries": attr.label_list(doc = "release_binary and release_platform_file targets, for the same platforms.", mandatory = True, providers = [BinaryInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files → path in the archive. A path that is empty or ends in / is the directory of the file, or of the whole directory, which keeps its name."),
        "directories": attr.string_list(doc = "Empty directories, as paths in the archive."),
        "directory": attr.bool(doc = "Whether everything is in a directory <archive>-<version>/.", default = True),
        "formats": attr.string_list_dict(doc = """Platform such as osx-arm64, system such as osx, or "" for all others → formats: tar.gz, tar.xz, tar.zst, zip, or binary, the program itself.
Default: zip for Windows, tar.gz for all others."""),
        "pack_licenses": attr.bool(doc = "Whether the archive has the licences of its programs and of sources, at licenses/.", default = True),
        "names": attr.string(doc = "NAMES of the line: a template of the files' names without the format. Default: {name}-{version}-{platform}."),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "sources": attr.label_list(doc = "Pinned sources whose licences are packed in addition to those of the programs.", providers = [SourceInfo]),
        "symlinks": attr.string_dict(doc = "Symbolic links: path in the archive → target, unchanged. Archives for Windows have none."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
