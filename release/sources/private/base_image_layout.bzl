"""The layout of a pinned base image."""

load(":base_image_info.bzl", "BaseImageInfo")

def _base_image_layout_impl(ctx):
    markers = [f for f in ctx.files.files if f.basename == "oci-layout"]
    if len(markers) != 1:
        fail("{}: got {} files oci-layout, want 1".format(ctx.label, len(markers)))
    files = depset(ctx.files.files)
    return [
        DefaultInfo(files = files),
        BaseImageInfo(
            digest = ctx.attr.digest,
            entry = ctx.attr.entry,
            files = files,
            layout = markers[0].dirname,
            platforms = ctx.attr.platforms,
        ),
    ]

base_image_layout = rule(
    implementation = _base_image_layout_impl,
    doc = "Describes the base image in the repository.",
    attrs = {
        "digest": attr.string(doc = "The digest of the index or the manifest: sha256:….", mandatory = True),
        "entry": attr.string(doc = "The name of the lock's entry.", mandatory = True),
        "files": attr.label_list(allow_files = True, doc = "All files of an OCI image layout.", mandatory = True),
        "platforms": attr.string_dict(doc = "Platform, such as linux/arm64 → the digest of its manifest.", mandatory = True),
    },
    provides = [BaseImageInfo],
)
