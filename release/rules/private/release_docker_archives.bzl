"""Images as archives that docker load reads."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact", "checksum")
load(":image_info.bzl", "ImageInfo")
load(":platforms.bzl", "ARCHITECTURES")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_docker_archives_impl(ctx):
    if not ctx.attr.images:
        fail("{}: no images: want release_image or release_image_variant targets".format(ctx.label))
    artifacts = {}
    for target in ctx.attr.images:
        image = target[ImageInfo]
        for architecture in image.layers:
            path = _path(image, architecture)
            if path in artifacts:
                fail("{}: two images for {}: {} is one of them; give each another name or variant".format(ctx.label, path, target.label))
            artifacts.update(_archive(ctx, image, architecture, path))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = depset(transitive = [target[ArtifactInfo].programs for target in ctx.attr.images])),
    ]

def _path(image, architecture):
    """Returns the archive's path in the release. Those for linux/amd64 have no architecture in their names."""
    words = [image.name, image.variant, "".join(architecture.split("/")[1:]).removesuffix("amd64")]
    return "docker/{}.tar.gz".format("-".join([word for word in words if word]))

def _archive(ctx, image, architecture, path):
    """Declares the archive of one platform and returns path → artifact for it and its checksum."""
    archive = ctx.actions.declare_file("{}/{}".format(ctx.label.name, path))
    sha256 = ctx.actions.declare_file("{}/{}.sha256".format(ctx.label.name, path))
    args = ctx.actions.args()
    args.add("docker-archive")
    args.add("--layout", image.layout.path)
    args.add("--platform", architecture)
    args.add("--repository", "/".join([part for part in (ctx.attr.docker, image.name) if part]))
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", archive)
    args.add("--sha256", sha256)
    ctx.actions.run(
        executable = release_toolchain(ctx).image,
        arguments = [args],
        inputs = [image.layout],
        outputs = [archive, sha256],
        mnemonic = "ReleaseDockerArchive",
        progress_message = "Writing Docker archive %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    platform = ARCHITECTURES[architecture]
    return {path: artifact(
        archive,
        "docker-archive",
        contents = [c for c in image.contents if c.platform == platform],
        media_type = "application/gzip",
        platform = platform,
    )} | checksum(path, sha256)

release_docker_archives = rule(
    implementation = _release_docker_archives_impl,
    doc = """Writes images as docker load and podman load read them: docker/<image>[-<variant>][-<arch>].tar.gz for each platform, each with its .sha256.

Those for linux/amd64 have no <arch>. Manifests, configs and layers are those of the images' OCI layouts: nothing is
compressed again, and the digests are the same as in a registry. The tag is <docker>/<image>:<version>[-<variant>].""",
    attrs = {
        "docker": attr.string(doc = "DOCKER of the line: the hub in the images' names, such as docker.io/me. Default: none."),
        "images": attr.label_list(doc = "release_image and release_image_variant targets.", mandatory = True, providers = [ImageInfo, ArtifactInfo]),
        "source_date_epoch": attr.int(doc = "The time of every file in the archives: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
