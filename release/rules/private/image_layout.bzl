"""What the rules for images have in common: from layers to a layout."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":image_info.bzl", "ImageInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def image_layout(ctx, image, base, programs, variant = ""):
    """Declares the OCI image layout of an image for several platforms.

    Args:
        ctx: the rule's context.
        image: a struct with the fields of ImageInfo, or an ImageInfo. Its layout and variant are not used.
        base: the BaseImageInfo of the image below its layers, or None.
        programs: depset of string, as in ArtifactInfo.
        variant: the name of the variant; empty for the image itself.

    Returns:
        the list of the rule's providers.
    """
    name = image.name + ("-" + variant if variant else "")
    spec = ctx.actions.declare_file(ctx.label.name + ".spec.json")
    ctx.actions.write(spec, json.encode(struct(
        annotations = image.labels,
        created = image.created,
        platforms = [_platform(ctx, image, architecture, base) for architecture in image.layers],
        ref = image.version + ("-" + variant if variant else ""),
    )))
    layout = ctx.actions.declare_directory(ctx.label.name + "/" + name)
    args = ctx.actions.args()
    args.add("index")
    args.add("--spec", spec)
    args.add("--out", layout.path)
    ctx.actions.run(
        executable = release_toolchain(ctx).image,
        arguments = [args],
        inputs = depset(
            [file for layers in image.layers.values() for layer in layers for file in (layer.tar, layer.descriptor)] + [spec],
            transitive = [base.files] if base else [],
        ),
        outputs = [layout],
        mnemonic = "ReleaseImage",
        progress_message = "Assembling image %{label}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([layout])),
        ArtifactInfo(
            artifacts = {"images/" + name: artifact(
                layout,
                "image",
                contents = image.contents,
                media_type = "application/vnd.oci.image.index.v1+json",
            )},
            programs = programs,
        ),
        ImageInfo(
            config = image.config,
            contents = image.contents,
            created = image.created,
            labels = image.labels,
            layers = image.layers,
            layout = layout,
            name = image.name,
            variant = variant,
            version = image.version,
        ),
    ]

def _platform(ctx, image, architecture, base):
    """Returns the part of the spec about one platform."""
    os, _, rest = architecture.partition("/")
    arch, _, variant = rest.partition("/")
    config = image.config
    return struct(
        os = os,
        architecture = arch,
        variant = variant,
        base = _base(ctx, base, architecture),
        layers = [struct(tar = layer.tar.path, descriptor = layer.descriptor.path) for layer in image.layers[architecture]],
        config = struct(
            entrypoint = config.entrypoint,
            cmd = config.cmd,
            env = config.env,
            labels = image.labels,
            ports = config.ports,
            user = config.user or ("" if base else "65532:65532"),
            workdir = config.workdir or ("" if base else "/"),
        ),
    )

def _base(ctx, base, architecture):
    if not base:
        return None
    digest = base.platforms.get(architecture)
    if not digest:
        fail("{}: base {} is not pinned for {}: it is for {}; add {} to its platforms in the manifest, or leave it out of architectures".format(ctx.label, base.entry, architecture, ", ".join(base.platforms.keys()), architecture))
    return struct(layout = base.layout, digest = digest)
