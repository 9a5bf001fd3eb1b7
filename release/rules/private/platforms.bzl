"""The platforms that a release can have, by the names that its files carry."""

# name → (GOOS, GOARCH). Each has a Bazel platform //release/platforms:<name>.
PLATFORMS = {
    "linux-amd64": ("linux", "amd64"),
    "linux-arm64": ("linux", "arm64"),
    "linux-armv7": ("linux", "arm"),
    "osx-amd64": ("darwin", "amd64"),
    "osx-arm64": ("darwin", "arm64"),
    "win-amd64": ("windows", "amd64"),
}

# Platform of an image, as OCI writes it → name of the release's platform.
ARCHITECTURES = {
    "linux/amd64": "linux-amd64",
    "linux/arm/v7": "linux-armv7",
    "linux/arm64": "linux-arm64",
}

def check_platforms(label, names, known):
    """Fails if one of names is not in known, or there is none.

    Args:
        label: whose attribute it is.
        names: list of strings.
        known: dict with the names that there are.
    """
    if not names:
        fail("{}: no platform given, want some of {}".format(label, ", ".join(known.keys())))
    for name in names:
        if name not in known:
            fail("{}: got platform {}, want one of {}".format(label, repr(name), ", ".join(known.keys())))
