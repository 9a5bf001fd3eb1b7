"""A source's file at its own path, where Bazel would read it as its own."""

def _source_file_impl(ctx):
    file = ctx.actions.declare_file(ctx.attr.out)
    ctx.actions.symlink(output = file, target_file = ctx.file.src)
    return [DefaultInfo(files = depset([file]))]

source_file = rule(
    implementation = _source_file_impl,
    doc = "Puts a file that was set aside back at its path in the source, for a package that embeds it.",
    attrs = {
        "out": attr.string(doc = "The path, relative to the package.", mandatory = True),
        "src": attr.label(allow_single_file = True, doc = "The file.", mandatory = True),
    },
)
