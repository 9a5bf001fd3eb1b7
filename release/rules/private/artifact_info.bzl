"""What packaging rules return."""

ArtifactInfo = provider(
    doc = "Files of a release. A packaging rule returns it; the release tree takes nothing else.",
    fields = {
        "files": "dict of string to File: path in the release → file. A directory stands for all that is in it.",
        "programs": "depset of string: those of the BinaryInfo of what is in it.",
    },
)
