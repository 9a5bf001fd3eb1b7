"""A pinned base image, for the rule that builds on it."""

BaseImageInfo = provider(
    doc = "A pinned image, on which other images are built.",
    fields = {
        "digest": "string: the digest of the index, or of a single image's manifest: sha256:….",
        "entry": "string: the name of the lock's entry.",
        "files": "depset of File: an OCI image layout with the blobs of the platforms.",
        "layout": "string: the path of the layout's directory, for actions that have the files.",
        "platforms": "dict of string to string: platform, such as linux/arm64 → the digest of its manifest.",
    },
)
