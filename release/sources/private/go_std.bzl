"""Which packages of the standard library the pinned sources need, as Starlark."""

load(":environment.bzl", "GO_ENVIRON")
load(":host_tools.bzl", "fetch_command")

# What rules_go compiles besides, for coverage, and what every program links.
_ALWAYS = ["cmd/internal/bio", "cmd/internal/cov", "runtime"]

def _go_std_impl(rctx):
    rctx.file("imports.txt", "\n".join(_ALWAYS) + "\n" + rctx.read(rctx.attr.imports), executable = False)
    result = rctx.execute(fetch_command(rctx) + ["std", "--imports", "imports.txt"])
    if result.return_code:
        fail("listing the standard library:\n" + result.stderr)
    rctx.file("std.bzl", "\"\"\"Packages of the standard library.\"\"\"\n\nSTD = {\n%s}\n" % "".join([
        "    {}: None,\n".format(repr(package))
        for package in result.stdout.splitlines()
    ]), executable = False)
    rctx.file("BUILD.bazel", executable = False)

go_std = repository_rule(
    implementation = _go_std_impl,
    doc = "Provides std.bzl: the listed packages of the standard library, and everything that they import.",
    attrs = {
        "imports": attr.label(doc = "A file with an import path a line.", mandatory = True),
    },
    environ = GO_ENVIRON,
)
