"""The programs of Istio, with what `istioctl version` and the others print."""

load("@io_bazel_rules_go//go:def.bzl", "go_binary")

_SYSTEMS = [
    "darwin",
    "linux",
    "windows",
]

_ARCHITECTURES = [
    "amd64",
    "arm",
    "arm64",
]

def _qualified(values):
    return {"istio.io/istio/pkg/version." + name: value for name, value in values.items()}

def _by_platform(name, values):
    return select({"@io_bazel_rules_go//go/platform:" + value: _qualified({name: value}) for value in values})

def variables(docker, revision, version):
    """Returns the values that the linker sets.

    Args:
        docker: the hub of the images.
        revision: the commit.
        version: the release's version.

    Returns:
        a dict for x_defs, which depends on the platform.
    """
    return _qualified({
        "buildGitRevision": revision,
        "buildHub": docker,
        "buildStatus": "Clean",
        "buildTag": version,
        "buildVersion": version,
    }) | _by_platform("buildOS", _SYSTEMS) | _by_platform("buildArch", _ARCHITECTURES)

def programs(packages, gotags, variables):
    """Declares a go_binary NAME_binary for the program of each package.

    Args:
        packages: labels.
        gotags: build tags.
        variables: x_defs.
    """
    for package in packages:
        name = package.rpartition("/")[2]
        go_binary(
            name = name + "_binary",
            out = name,
            embed = [package + ":go_default_library"],
            gotags = gotags,
            tags = ["manual"],
            x_defs = variables,
        )
