"""A whole release."""

ReleaseInfo = provider(
    doc = "All files of a release except its SHA256SUMS.",
    fields = {
        "files": "dict of string to File: path in the release → file or directory.",
        "programs": "depset of string: the programs of the packaged BinaryInfo.",
    },
)
