"""A Go module's files, verified by go.sum. WORKSPACE gets rules_go by it."""

load(":environment.bzl", "GO_ENVIRON")
load(":execute.bzl", "execute")
load(":host_tools.bzl", "fetch_command")

def _go_module_impl(rctx):
    rctx.report_progress("Fetching " + rctx.attr.path)
    result = execute(rctx, fetch_command(rctx) + [
        "module",
        "--go-mod",
        rctx.path(rctx.attr.go_mod),
        "--go-sum",
        rctx.path(rctx.attr.go_sum),
        "--path",
        rctx.attr.path,
        "--out",
        ".",
    ], timeout = 1800)
    if result.return_code:
        fail("fetching module {}:\n{}".format(rctx.attr.path, result.stderr))
    for patch in rctx.attr.patches:
        rctx.patch(patch, strip = 1)

go_module = repository_rule(
    implementation = _go_module_impl,
    doc = "Unpacks the version of a module that a go.mod requires, verified by go.sum, and patches it.",
    attrs = {
        "go_mod": attr.label(doc = "The go.mod that requires the module.", mandatory = True),
        "go_sum": attr.label(doc = "The go.sum that belongs to it.", mandatory = True),
        "patches": attr.label_list(doc = "Patches in the format of `diff -u a b`, applied in this order."),
        "path": attr.string(doc = "The module's path.", mandatory = True),
    },
    environ = GO_ENVIRON,
)
