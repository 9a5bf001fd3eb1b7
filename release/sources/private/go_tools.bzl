"""The programs that rules_go runs in actions, compiled by the go command before the first action.

rules_go itself would compile its builder in an action, with a separate standard library, while
everything else waits. The go command compiles host tools anyway, and caches what they share.
"""

# It has no public name, because rules_go passes it only to its own builder.
load("@io_bazel_rules_go//go/private:common.bzl", "RULES_GO_STDLIB_PREFIX")  # buildifier: disable=bzl-visibility
load(":environment.bzl", "host_platform")
load(":execute.bzl", "execute")
load(":host_tools.bzl", "go_command", "host_tools_environment")

_BUILDERS = "@io_bazel_rules_go//go/tools/builders:BUILD.bazel"

# The version is the SDK's: a target may choose an SDK by it.
_BUILD = """load("@go_sdk//:version.bzl", "MAJOR_VERSION", "MINOR_VERSION", "PATCH_VERSION", "PRERELEASE_SUFFIX")
load("@io_bazel_rules_go//go/private:go_toolchain.bzl", "declare_bazel_toolchains", "declare_go_toolchains")
load("@release_builder//release/sources/private:program.bzl", "program")

[program(
    name = name,
    src = "bin/" + name + "{exe}",
) for name in ["builder", "covdata", "pack"]]

declare_go_toolchains(
    builder = ":builder",
    covdata = ":covdata",
    exec_goos = "{goos}",
    pack = ":pack",
    sdk = "@go_sdk",
)

declare_bazel_toolchains(
    exec_goarch = "{goarch}",
    exec_goos = "{goos}",
    go_toolchain_repo = "",
    major = MAJOR_VERSION,
    minor = MINOR_VERSION,
    patch = PATCH_VERSION,
    prerelease = PRERELEASE_SUFFIX,
    sdk_name = "go_sdk",
    sdk_type = "remote",
)
"""

def _builder_sources(rctx, goos):
    """Returns the source files of rules_go's builder. The first one names the program."""
    build = rctx.path(Label(_BUILDERS))
    _, _, rule = rctx.read(build).partition("name = \"builder_srcs\"")
    files = [part for i, part in enumerate(rule.partition("]")[0].split("\"")) if i % 2 and part.endswith(".go")]
    if "builder.go" not in files:
        fail("{}: no builder.go in builder_srcs".format(build))
    files.append("path_windows.go" if goos == "windows" else "path.go")
    paths = [build.dirname.get_child(f) for f in ["builder.go"] + [f for f in files if f != "builder.go"]]
    for path in paths:
        rctx.watch(path)
    return paths

def _compile(rctx, program, what, ldflags = ""):
    go = go_command(rctx)
    rctx.report_progress("compiling " + program)
    result = execute(
        rctx,
        [go, "build", "-ldflags=-s -w -buildid= " + ldflags, "-o", rctx.path("bin/" + program)] + what,
        # A program from single files, or from the SDK, is not in a module.
        environment = host_tools_environment(rctx, go) | {"GO111MODULE": "off"},
        timeout = 1800,
    )
    if result.return_code:
        fail("compiling {} of rules_go:\n{}".format(program, result.stderr))

def _go_tools_impl(rctx):
    goos, _, goarch = host_platform(rctx).partition("_")
    exe = ".exe" if goos == "windows" else ""
    _compile(rctx, "builder" + exe, _builder_sources(rctx, goos), "-X main.rulesGoStdlibPrefix=" + RULES_GO_STDLIB_PREFIX)
    for program in ["covdata", "pack"]:
        _compile(rctx, program + exe, ["cmd/" + program])
    rctx.file("BUILD.bazel", _BUILD.format(exe = exe, goarch = goarch, goos = goos))
    rctx.delete("gomodcache")
    rctx.delete("gocache")

go_tools = repository_rule(
    implementation = _go_tools_impl,
    doc = "Toolchains of rules_go for this machine, with programs that the go command compiled.",
    environ = ["RELEASE_CACHE"],
)
