"""What stands for the release of a line that has none."""

load(":release_info.bzl", "ReleaseInfo")

def _line_error_impl(ctx):
    fail(ctx.attr.text)

line_error = rule(
    implementation = _line_error_impl,
    doc = "Fails, but only for who builds the release: who resolves the line has to load this package too.",
    attrs = {"text": attr.string(doc = "Why there is no release, and what to do.", mandatory = True)},
    provides = [ReleaseInfo],
)
