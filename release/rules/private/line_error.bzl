"""A placeholder for the release of a line without a lock."""

load(":release_info.bzl", "ReleaseInfo")

def _line_error_impl(ctx):
    fail(ctx.attr.text)

line_error = rule(
    implementation = _line_error_impl,
    doc = "Fails when the release is built. Resolving the line loads this package too, and must not fail.",
    attrs = {"text": attr.string(doc = "Why there is no release, and what to do.", mandatory = True)},
    provides = [ReleaseInfo],
)
