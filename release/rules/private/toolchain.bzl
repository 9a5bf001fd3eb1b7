"""The programs that the rules run."""

TOOLCHAIN_TYPE = "//release/rules:toolchain_type"

def _release_tools_impl(ctx):
    return [platform_common.ToolchainInfo(
        assemble = ctx.attr.assemble[DefaultInfo].files_to_run,
        attest = ctx.attr.attest[DefaultInfo].files_to_run,
        chart = ctx.attr.chart[DefaultInfo].files_to_run,
        image = ctx.attr.image[DefaultInfo].files_to_run,
        pack = ctx.attr.pack[DefaultInfo].files_to_run,
        package = ctx.attr.package[DefaultInfo].files_to_run,
    )]

def _tool(doc):
    return attr.label(allow_files = True, cfg = "exec", doc = doc, executable = True, mandatory = True)

release_tools = rule(
    implementation = _release_tools_impl,
    doc = "The toolchain of all rules here.",
    attrs = {
        "assemble": _tool("//tools/build/assemble"),
        "attest": _tool("//tools/build/attest"),
        "chart": _tool("//tools/build/chart"),
        "image": _tool("//tools/build/image"),
        "pack": _tool("//tools/build/pack"),
        "package": _tool("//tools/build/package"),
    },
    provides = [platform_common.ToolchainInfo],
)

def release_toolchain(ctx):
    """Returns the ToolchainInfo of release_tools for the rule of ctx."""
    return ctx.toolchains[TOOLCHAIN_TYPE]
