"""What is known about vulnerabilities in a release."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":collected.bzl", "statement")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _release_vex_impl(ctx):
    return statement(
        ctx,
        "vex",
        "vex.openvex.json",
        media_type = "application/json",
        flags = {"statements": ctx.file.statements},
        mnemonic = "ReleaseVEX",
    )

release_vex = rule(
    implementation = _release_vex_impl,
    doc = """Writes vex.openvex.json: an OpenVEX document of statements about vulnerabilities.

The build fails if a statement is about something that is not in the release.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts of other kinds are left out. Default: all."),
        "statements": attr.label(allow_single_file = True, doc = "vex.yaml of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
