"""What packaging rules return."""

ArtifactInfo = provider(
    doc = "Files of a release. Packaging rules return it; the release tree accepts nothing else.",
    fields = {
        "files": "dict of string to File: path in the release → file. A directory means all files in it.",
        "programs": "depset of string: the programs of the packaged BinaryInfo.",
    },
)
