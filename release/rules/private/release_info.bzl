"""A whole release."""

ReleaseInfo = provider(
    doc = "Everything that a release consists of.",
    fields = {
        "files": "dict of string to File: path in the release → file or directory.",
        "version": "string: the release's version.",
    },
)
