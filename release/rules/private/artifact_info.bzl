"""What packaging rules return."""

ArtifactInfo = provider(
    doc = "Files of a release. Packaging rules return it; the release tree accepts nothing else.",
    fields = {
        "artifacts": "dict of string to struct: path in the release → what artifact() returns.",
        "programs": "depset of string: the programs of the packaged BinaryInfo.",
    },
)

# Kind → the word that chooses it in a manifest's outputs. A kind without a word is in every release.
# buildifier: disable=attr-licenses
KINDS = {
    "apk": "apk",
    "archive": "archive",
    "archlinux": "archlinux",
    "binary": "archive",
    "chart": "helm",
    "checksum": "",
    "dashboard": "grafana",
    "deb": "debian",
    "docker-archive": "docker",
    "document": "",
    "image": "docker",
    "licenses": "licenses",
    "notes": "page",
    "package-manifest": "packagemanagers",
    "page": "page",
    "provenance": "provenance",
    "rpm": "rpm",
    "sbom": "sbom",
    "sources": "sources",
    "vex": "vex",
}

def artifact(file, kind, contents = [], media_type = "application/octet-stream", platform = "", subject = ""):
    """Describes a file of a release, for release.json and for the statements about the release.

    Args:
        file: the File. A directory means all files in it: an OCI image layout is one artifact.
        kind: one of KINDS.
        contents: a list of what content() returns: the files in it whose origin is known.
        media_type: the file's media type (RFC 6838).
        platform: the platform that it is for, such as linux-amd64; empty if it is not for one alone.
        subject: the path in the release of the artifact that it says something about.

    Returns:
        a struct with these fields.
    """
    if kind not in KINDS:
        fail("{}: got kind {}, want one of {}".format(file.short_path, repr(kind), ", ".join(KINDS)))
    return struct(contents = contents, file = file, kind = kind, media_type = media_type, platform = platform, subject = subject)

def content(file, path, platform):
    """Describes a program in an artifact.

    Args:
        file: the File.
        path: its path in the archive, package or image.
        platform: the platform that it is for, such as linux-amd64.

    Returns:
        a struct with these fields.
    """
    return struct(file = file, path = path, platform = platform)

def checksum(path, file):
    """Describes the .sha256 of an artifact.

    Args:
        path: the artifact's path in the release.
        file: the File with the checksum.

    Returns:
        a dict of its path to what artifact() returns.
    """
    return {path + ".sha256": artifact(file, "checksum", media_type = "text/plain", subject = path)}

def chosen(artifacts, outputs):
    """Returns the artifacts that a line's outputs choose.

    Args:
        artifacts: dict of path → what artifact() returns.
        outputs: OUTPUTS of the line; empty for all.

    Returns:
        a dict of the same form. An artifact is not in it if its subject is not.
    """
    if not outputs:
        return artifacts
    kept = {path: a for path, a in artifacts.items() if KINDS[a.kind] in outputs + [""]}
    return {path: a for path, a in kept.items() if a.subject in kept or a.subject not in artifacts}
