"""A pinned base image, as the rule that builds on it sees it."""

BaseImageInfo = provider(
    doc = "An image that a lock pins, to build other images on.",
    fields = {
        "digest": "string: the digest of the index, or of the manifest of a single image, as sha256:….",
        "entry": "string: the name of the lock's entry.",
        "files": "depset of File: an OCI image layout with the blobs of the platforms.",
        "layout": "string: the path of the layout's directory, for actions that have the files.",
        "platforms": "dict of string to string: platform, as linux/arm64 → the digest of its manifest.",
    },
)
