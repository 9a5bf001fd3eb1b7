"""A repository that a product's other line has, and the one that is built has not."""

def _absent_impl(rctx):
    fail("@{}: {}".format(rctx.attr.apparent, rctx.attr.text))

absent = repository_rule(
    implementation = _absent_impl,
    doc = "Fails when it is fetched. A MODULE.bazel names the repositories of all lines, whichever is active.",
    attrs = {
        "apparent": attr.string(doc = "The repository's name in BUILD files.", mandatory = True),
        "text": attr.string(doc = "Why it has no content.", mandatory = True),
    },
)
