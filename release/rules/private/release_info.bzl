"""A whole release."""

ReleaseInfo = provider(
    doc = "Everything that a release consists of, but its SHA256SUMS.",
    fields = {
        "files": "dict of string to File: path in the release → file or directory.",
        "programs": "depset of string: those of the BinaryInfo of what is in it.",
    },
)
