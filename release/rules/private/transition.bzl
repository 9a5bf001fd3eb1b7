"""How release binaries are built, regardless of the command line."""

load(":platforms.bzl", "UNIVERSAL", "check_platforms", PLATFORM_NAMES = "PLATFORMS")

# Settings that the command line must not change in a release, with their values.
_SETTINGS = {
    "//command_line_option:compilation_mode": "fastbuild",
    "//command_line_option:stamp": False,
    "//command_line_option:strip": "always",
    "@io_bazel_rules_go//go/config:debug": False,
    "@io_bazel_rules_go//go/config:gc_goopts": [],
    # No build ID: it would differ from the go command's.
    "@io_bazel_rules_go//go/config:gc_linkopts": ["-buildid="],
    "@io_bazel_rules_go//go/config:linkmode": "auto",
    "@io_bazel_rules_go//go/config:msan": False,
    "@io_bazel_rules_go//go/config:pure": True,
    "@io_bazel_rules_go//go/config:race": False,
    "@io_bazel_rules_go//go/config:static": False,
    "@io_bazel_rules_go//go/config:tags": [],
}

def _for_platform(name):
    """Returns the settings for a platform of //release/platforms."""
    system, _, architecture = name.partition("-")
    settings = _SETTINGS | {"//command_line_option:platforms": str(Label("//release/platforms:" + name))}
    if system == "plan9" or architecture.startswith("wasm"):
        # The go command compiles without DWARF for these: https://go.dev/src/cmd/go/internal/work/gc.go.
        # With it, packages refer to more symbols, and the linker puts all in another order.
        settings["@io_bazel_rules_go//go/config:gc_goopts"] = ["-dwarf=false"]
    return settings

def _platforms_impl(_settings, attr):
    check_platforms(attr.name, attr.platforms, PLATFORM_NAMES)
    return {
        name: _for_platform(name)
        for platform in attr.platforms
        for name in UNIVERSAL.get(platform, [platform])
    }

platforms_transition = transition(
    implementation = _platforms_impl,
    inputs = [],
    outputs = _SETTINGS.keys() + ["//command_line_option:platforms"],
)
