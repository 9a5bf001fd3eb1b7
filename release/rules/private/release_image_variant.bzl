"""Variants of container images."""

load("//release/sources:defs.bzl", "BaseImageInfo")
load(":artifact_info.bzl", "ArtifactInfo")
load(":image_info.bzl", "ImageInfo")
load(":image_layout.bzl", "image_layout")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _release_image_variant_impl(ctx):
    image = ctx.attr.image[ImageInfo]
    if image.variant:
        fail("{}: {} is a variant itself: want the image".format(ctx.label, ctx.attr.image.label))
    if not _is_name(ctx.attr.variant):
        fail("{}: got variant {}, want lower-case letters, digits and single dashes".format(ctx.label, repr(ctx.attr.variant)))
    return image_layout(
        ctx,
        image,
        ctx.attr.base[BaseImageInfo] if ctx.attr.base else None,
        ctx.attr.image[ArtifactInfo].programs,
        variant = ctx.attr.variant,
    )

def _is_name(variant):
    """Reports whether a variant can be a part of an image's name and of a tag."""
    return all([word.isalnum() and word == word.lower() for word in variant.split("-")])

release_image_variant = rule(
    implementation = _release_image_variant_impl,
    doc = """Puts the layers of an image on another base, as an OCI image layout at images/<image>-<variant>.

All settings are those of the image; what it does not set is inherited from the variant's base. The variant is
published to the image's repository, with -<variant> at the end of each tag: 1.0.0-debug, latest-debug.""",
    attrs = {
        "base": attr.label(doc = "The base image: @<product>//:base_<image>. Default: none.", providers = [BaseImageInfo]),
        "image": attr.label(doc = "The release_image.", mandatory = True, providers = [ImageInfo, ArtifactInfo]),
        "variant": attr.string(doc = "The variant's name, such as debug or distroless.", mandatory = True),
    },
    provides = [ArtifactInfo, ImageInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
