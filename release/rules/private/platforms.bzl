"""The platforms that a release can have, by their names in the release's files.

//tools/internal/input/platform has the same table, and a test that compares them."""

# GOOS → its GOARCH: what the go command links without cgo. universal stands for amd64 and arm64 in one file.
_PAIRS = {
    "aix": ["ppc64"],
    "android": ["arm64"],
    "darwin": ["amd64", "arm64", "universal"],
    "dragonfly": ["amd64"],
    "freebsd": ["386", "amd64", "arm", "arm64"],
    "illumos": ["amd64"],
    "js": ["wasm"],
    "linux": ["386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"],
    "netbsd": ["386", "amd64", "arm", "arm64"],
    "openbsd": ["386", "amd64", "arm", "arm64", "ppc64", "riscv64"],
    "plan9": ["386", "amd64", "arm"],
    "solaris": ["amd64"],
    "wasip1": ["wasm"],
    "windows": ["386", "amd64", "arm64"],
}

_FLOAT = ["hardfloat", "softfloat"]
_POWER = ["power8", "power9", "power10"]

# GOARCH → the variable of its level, and the levels, the go command's default first.
_LEVELS = {
    "386": ("GO386", ["sse2", "softfloat"]),
    "amd64": ("GOAMD64", ["v1", "v2", "v3", "v4"]),
    "arm": ("GOARM", ["7", "5", "6"]),
    "arm64": ("GOARM64", ["v8.{}".format(i) for i in range(10)] + ["v9.{}".format(i) for i in range(6)]),
    "mips": ("GOMIPS", _FLOAT),
    "mips64": ("GOMIPS64", _FLOAT),
    "mips64le": ("GOMIPS64", _FLOAT),
    "mipsle": ("GOMIPS", _FLOAT),
    "ppc64": ("GOPPC64", _POWER),
    "ppc64le": ("GOPPC64", _POWER),
    "riscv64": ("GORISCV64", ["rva20u64", "rva22u64", "rva23u64"]),
}

# GOOS → its name in the platform's, where that is another.
SYSTEMS = {"darwin": "osx", "windows": "win"}

def _suffix(goarch, level):
    """Returns what a level adds to the name of its architecture."""
    if goarch == "arm":
        return "v" + (level or _LEVELS["arm"][1][0])
    if not level or level.startswith("v"):
        return level
    return "_" + level

def _platforms():
    platforms = {}
    for goos, goarchs in _PAIRS.items():
        for goarch in goarchs:
            for level in [""] + _LEVELS.get(goarch, ("", [""]))[1][1:]:
                platforms["{}-{}{}".format(SYSTEMS.get(goos, goos), goarch, _suffix(goarch, level))] = (goos, goarch, level)
    return platforms

# name → (GOOS, GOARCH, level). An empty level is the default. Each but the universal one has a
# Bazel platform //release/platforms:<name>.
PLATFORMS = _platforms()

# Name of a universal platform → the platforms of the programs in it, in the file's order.
UNIVERSAL = {"osx-universal": ["osx-amd64", "osx-arm64"]}

def setting(name):
    """Returns the level of a platform as the go command gets it.

    Args:
        name: one of PLATFORMS.

    Returns:
        (variable, value), such as ("GOARM", "7"), or ("", "") if the architecture has no levels.
    """
    _, goarch, level = PLATFORMS[name]
    variable, levels = _LEVELS.get(goarch, ("", [""]))
    return variable, level or levels[0]

_GO = "@io_bazel_rules_go//go/"

def constraints(name, default_level = True):
    """Returns the constraint values of a platform.

    Args:
        name: one of PLATFORMS.
        default_level: whether the level is among them if it is the default and rules_go does not know it.

    Returns:
        a list of labels.
    """
    goos, goarch, level = PLATFORMS[name]
    values = [_GO + "toolchain:" + goos, _GO + "toolchain:" + goarch]
    variable, value = setting(name)
    if goarch == "arm" and default_level or level and goarch in ["amd64", "arm"]:
        values.append("{}constraints/{}:{}".format(_GO, goarch, value))
    elif level:
        values.append("{}constraints/level:{}_{}".format(_GO, variable, value))
    return values

def oci_platform(name):
    """Returns the platform of an image in OCI's form, such as linux/arm/v7.

    Args:
        name: one of PLATFORMS.

    Returns:
        a string.
    """
    goos, goarch, level = PLATFORMS[name]
    variant = _suffix("arm", level) if goarch == "arm" else level
    return "/".join([part for part in [goos, goarch, variant] if part])

# Platform of an image, in OCI's form → name of the release's platform.
ARCHITECTURES = {
    oci_platform(name): name
    for name, (goos, _, _) in PLATFORMS.items()
    if goos == "linux"
}

def check_platforms(label, names, known):
    """Fails if a name is unknown, or if there are no names.

    Args:
        label: the target with the attribute.
        names: list of strings.
        known: dict with the known names as keys.
    """
    if not names:
        fail("{}: no platform given, want names such as {}".format(label, ", ".join(_examples(known))))
    for name in names:
        if name not in known:
            fail("{}: got platform {}, want {}".format(label, repr(name), _want(name, known)))

def _want(name, known):
    """Says what an unknown name could be instead: a level of its architecture, an architecture of its system, or another."""
    separator = "/" if "linux/amd64" in known else "-"
    system, _, arch = name.partition(separator)
    archs = []
    levels = []
    for other in known:
        if other.partition(separator)[0] != system:
            continue
        _, goarch, level = PLATFORMS[ARCHITECTURES.get(other, other)]
        if not level:
            archs.append(other)
        if arch.startswith(goarch) and arch[len(goarch):][:1] in ["v", "_", "/"]:
            levels.append(other)
    if levels:
        return "one of " + ", ".join(levels)
    if archs:
        return "one of {}, or one with its level".format(", ".join(archs))
    return "a name such as " + ", ".join(_examples(known))

def _examples(known):
    return [name for name in ["linux-amd64", "osx-arm64", "win-amd64", "linux/amd64", "linux/arm64"] if name in known]
