"""Which packages of the standard library the pinned sources need, as Starlark."""

load(":environment.bzl", "GO_ENVIRON")
load(":host_tools.bzl", "fetch_command")

def _go_std_impl(rctx):
    result = rctx.execute(fetch_command(rctx) + ["std", "--imports", rctx.path(rctx.attr.imports)])
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
