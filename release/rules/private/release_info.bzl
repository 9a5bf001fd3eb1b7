"""A whole release."""

ReleaseInfo = provider(
    doc = "All files of a release except its SHA256SUMS and release.json.",
    fields = {
        "artifacts": "dict of string to struct: path in the release → what artifact() returns.",
        "checks": "list of CheckInfo: the product's own checks.",
        "programs": "depset of string: the programs of the packaged BinaryInfo.",
    },
)
