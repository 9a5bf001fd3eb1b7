"""A package that the go command cannot build."""

def _package_error_impl(ctx):
    fail("package {}: {}".format(ctx.attr.importpath, ctx.attr.text))

package_error = rule(
    implementation = _package_error_impl,
    doc = "Fails builds that depend on it, and no others, with the go command's error.",
    attrs = {
        "importpath": attr.string(doc = "The path of the package.", mandatory = True),
        "text": attr.string(doc = "The error.", mandatory = True),
    },
)
