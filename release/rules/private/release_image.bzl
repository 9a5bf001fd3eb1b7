"""Container images."""

load("//release/sources:defs.bzl", "BaseImageInfo")
load(":artifact_info.bzl", "ArtifactInfo", "content")
load(":binary_info.bzl", "BinaryInfo", "program_for", "programs_of")
load(":image_info.bzl", "ImageInfo")
load(":image_layout.bzl", "image_layout")
load(":paths.bzl", "check_paths", "directory_entries", "file_entries", "file_inputs", "link_entries", "path_in")
load(":platforms.bzl", "ARCHITECTURES", "check_platforms")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_image_impl(ctx):
    check_platforms(ctx.label, ctx.attr.architectures, ARCHITECTURES)
    if not ctx.attr.binaries and not ctx.attr.files:
        fail("{}: neither binaries nor files given: an image has at least one of them".format(ctx.label))
    shared = []
    entries = file_entries(ctx.label, ctx.attr.files) + link_entries(ctx.attr.symlinks) + directory_entries(ctx.attr.directories)
    if ctx.attr.files or entries:
        shared.append(_layer(ctx, "files", entries, file_inputs(ctx.attr.files)))
    layers = {}
    contents = []
    for architecture in ctx.attr.architectures:
        programs = _programs(ctx, architecture)
        check_paths(ctx.label, entries + [struct(path = p.path, source = p.file.path) for p in programs], ctx.files.files)
        contents += programs
        layers[architecture] = shared + ([_binaries_layer(ctx, architecture, programs)] if programs else [])
    image = struct(
        config = struct(
            cmd = ctx.attr.cmd,
            entrypoint = ctx.attr.entrypoint,
            env = ctx.attr.env,
            ports = ctx.attr.ports,
            user = ctx.attr.user,
            workdir = ctx.attr.workdir,
        ),
        contents = contents,
        created = ctx.attr.created,
        labels = ctx.attr.labels,
        layers = layers,
        name = ctx.attr.image or ctx.label.name,
        version = ctx.attr.version,
    )
    return image_layout(ctx, image, ctx.attr.base[BaseImageInfo] if ctx.attr.base else None, programs_of(ctx.attr.binaries.keys()))

def _programs(ctx, architecture):
    """Returns the programs in the image of one architecture."""
    programs = []
    platform = ARCHITECTURES[architecture]
    for target, path in ctx.attr.binaries.items():
        programs.append(content(program_for(ctx.label, target, platform), path_in(path, target[BinaryInfo].name), platform))
    return programs

def _binaries_layer(ctx, architecture, programs):
    entries = [struct(path = p.path, source = p.file.path, mode = "0755") for p in programs]
    return _layer(ctx, architecture.replace("/", "-"), entries, [p.file for p in programs])

def _layer(ctx, name, entries, inputs):
    listing = ctx.actions.declare_file("{}.{}.entries.json".format(ctx.label.name, name))
    ctx.actions.write(listing, json.encode(entries))
    tar = ctx.actions.declare_file("{}.{}.tar.gz".format(ctx.label.name, name))
    descriptor = ctx.actions.declare_file("{}.{}.json".format(ctx.label.name, name))
    args = ctx.actions.args()
    args.add("layer")
    args.add("--entries", listing)
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", tar)
    args.add("--descriptor", descriptor)
    ctx.actions.run(
        executable = release_toolchain(ctx).image,
        arguments = [args],
        inputs = inputs + [listing],
        outputs = [tar, descriptor],
        mnemonic = "ReleaseLayer",
        progress_message = "Packing layer %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return struct(tar = tar, descriptor = descriptor)

release_image = rule(
    implementation = _release_image_impl,
    doc = """Builds an image for several architectures as an OCI image layout at images/<image>.

It starts from scratch, or from a pinned base image, whose layers are kept unchanged. Attributes that
are not set are then inherited from the base; env, labels and ports are merged. Setting an entrypoint
clears the base's cmd.""",
    attrs = {
        "architectures": attr.string_list(doc = "Platforms such as linux/arm64: ARCHITECTURES of the line.", mandatory = True),
        "base": attr.label(doc = "The base image: @<product>//:base_<image>. Default: none.", providers = [BaseImageInfo]),
        "binaries": attr.label_keyed_string_dict(doc = "release_binary and release_platform_file targets → path in the image. A path that is empty or ends in / is a directory.", providers = [BinaryInfo]),
        "cmd": attr.string_list(doc = "Default arguments."),
        "created": attr.string(doc = "CREATED of the line: RFC 3339.", mandatory = True),
        "directories": attr.string_list(doc = "Empty directories for every architecture, in the layer of files, as paths in the image."),
        "entrypoint": attr.string_list(doc = "The command to run."),
        "env": attr.string_list(doc = "Variables, as NAME=value."),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Files for every architecture, in a shared layer → path in the image. A path that is empty or ends in / is the directory of the file, or of the whole directory, which keeps its name."),
        "image": attr.string(doc = "The image's name; default: the target's name."),
        "labels": attr.string_dict(doc = "Labels and annotations, such as org.opencontainers.image.source."),
        "ports": attr.string_list(doc = "Ports that the program listens on, such as 8080 or 53/udp."),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "symlinks": attr.string_dict(doc = "Symbolic links for every architecture, in the layer of files: path in the image → target, unchanged."),
        "user": attr.string(doc = "uid:gid, or the name of a user. Default: the base's, or 65532:65532 without a base."),
        "version": attr.string(doc = "VERSION of the line: the image's name in its layout.", mandatory = True),
        "workdir": attr.string(doc = "The working directory. Default: the base's, or / without a base."),
    },
    provides = [ArtifactInfo, ImageInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
