"""A container image."""

ImageInfo = provider(
    doc = "An image index in an OCI image layout (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md).",
    fields = {
        "config": "struct: the settings of its containers that the target sets, as in the spec of tools/build/image.",
        "contents": "list of what content() returns: the programs in it.",
        "created": "string: the time of the images, in RFC 3339.",
        "labels": "dict of string to string: labels and annotations.",
        "layers": "dict of string to list of struct(tar = File, descriptor = File): platform such as linux/arm64 → the layers above the base, the lowest first.",
        "layout": "File: the layout's directory.",
        "name": "string: the image's name, without registry and tag. All variants of an image have the same.",
        "variant": "string: the name of the variant; empty for the image itself.",
        "version": "string: the release's version.",
    },
)
