"""A container image."""

ImageInfo = provider(
    doc = "An image index in an OCI image layout (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md).",
    fields = {
        "layout": "File: the layout's directory.",
        "name": "string: the image's name, without registry and tag.",
    },
)
