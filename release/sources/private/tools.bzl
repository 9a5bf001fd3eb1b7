"""The repositories that every release needs: the Go SDK, the Go rules and the tools."""

load(":go_module.bzl", "go_module")
load(":go_sdk_files.bzl", "go_sdk_files")
load(":host_tools.bzl", "host_tools")
load(":package_metadata.bzl", "package_metadata")
load(":source.bzl", "source")

_GO_MOD = Label("//:go.mod")
_GO_SUM = Label("//:go.sum")

# The commands on releases: each is compiled when it is run first.
_COMMANDS = [
    "approve",
    "diff",
    "gc",
    "publish",
    "rebuild",
    "rehearse",
    "validate",
    "verify",
]

# Each makes programs more like those of the go command; its head says how.
_PATCHES = [
    "trimpath",
    "stdlib",
    "stdlib-parts",
    "memory",
    "asm-defines",
    "buildinfo",
    "platforms",
    "xdefs",
]

def _host_tools(name, packages):
    host_tools(name = name, go_mod = _GO_MOD, go_sum = _GO_SUM, packages = packages)

def tool_repositories():
    """Declares them. A WORKSPACE and a module extension may call it."""

    # The Go SDK, pinned by hash, and with it the program that lays out sources.
    go_sdk_files(name = "go_sdk_files", pins = Label("//release/sources:go_sdk.json"))
    _host_tools("release_host_tools", ["./tools/build/fetch"])

    # The program that brings base images: compiled when a lock has one.
    _host_tools("release_pull_tool", ["./tools/build/pull"])

    # The programs that actions run.
    _host_tools("release_action_tools", ["./tools/build/" + tool for tool in ["assemble", "attest", "chart", "image", "pack", "package"]])
    for command in _COMMANDS:
        _host_tools("release_{}_tool".format(command), ["./tools/" + command])

    # The Go rules, at the version of go.mod, verified by go.sum.
    go_module(
        name = "io_bazel_rules_go",
        go_mod = _GO_MOD,
        go_sum = _GO_SUM,
        patches = [Label("//release/sources/patches:rules_go-{}.patch".format(patch)) for patch in _PATCHES],
        path = "github.com/bazelbuild/rules_go",
    )
    package_metadata(name = "package_metadata")

    # The tools' own dependencies.
    source(name = "go_deps", go_mod = _GO_MOD, go_sum = _GO_SUM, imports = Label("//tools:imports.go"))
