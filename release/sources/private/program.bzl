"""A program that a repository rule compiled."""

def _program_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + (".exe" if ctx.file.src.extension == "exe" else ""))
    ctx.actions.symlink(output = out, target_file = ctx.file.src, is_executable = True)
    return [DefaultInfo(executable = out, files = depset([out]))]

program = rule(
    implementation = _program_impl,
    doc = "Makes a file the executable of a target.",
    attrs = {
        "src": attr.label(allow_single_file = True, doc = "The program.", mandatory = True),
    },
    executable = True,
)
