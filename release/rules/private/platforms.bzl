"""The platforms that a release can have, by their names in the release's files."""

# name → (GOOS, GOARCH). Each has a Bazel platform //release/platforms:<name>.
PLATFORMS = {
    "linux-amd64": ("linux", "amd64"),
    "linux-arm64": ("linux", "arm64"),
    "linux-armv7": ("linux", "arm"),
    "osx-amd64": ("darwin", "amd64"),
    "osx-arm64": ("darwin", "arm64"),
    "win-amd64": ("windows", "amd64"),
}

# Platform of an image, in OCI's form → name of the release's platform.
ARCHITECTURES = {
    "linux/amd64": "linux-amd64",
    "linux/arm/v7": "linux-armv7",
    "linux/arm64": "linux-arm64",
}

def check_platforms(label, names, known):
    """Fails if a name is unknown, or if there are no names.

    Args:
        label: the target with the attribute.
        names: list of strings.
        known: dict with the known names as keys.
    """
    if not names:
        fail("{}: no platform given, want some of {}".format(label, ", ".join(known.keys())))
    for name in names:
        if name not in known:
            fail("{}: got platform {}, want one of {}".format(label, repr(name), ", ".join(known.keys())))
