"""Which of the release's platforms actions run on."""

ExecPlatformInfo = provider(
    doc = "The platform that a target is configured for.",
    fields = {"name": "string: such as linux-amd64, or the empty string if it is not a platform of the release."},
)

def _exec_platform_impl(ctx):
    return [ExecPlatformInfo(name = ctx.attr.platform)]

exec_platform = rule(
    implementation = _exec_platform_impl,
    doc = "Names the platform that it is configured for. Depend on it with cfg = \"exec\".",
    attrs = {"platform": attr.string(doc = "The name, from a select().", mandatory = True)},
    provides = [ExecPlatformInfo],
)
