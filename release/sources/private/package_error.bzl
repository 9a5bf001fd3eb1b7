"""A package that the go command cannot build."""

def _package_error_impl(ctx):
    fail("package {}: {}".format(ctx.attr.importpath, ctx.attr.text))

package_error = rule(
    implementation = _package_error_impl,
    doc = "Fails the build of what depends on it, and of nothing else, with what the go command says is wrong.",
    attrs = {
        "importpath": attr.string(doc = "The path of the package.", mandatory = True),
        "text": attr.string(doc = "What is wrong with it.", mandatory = True),
    },
)
