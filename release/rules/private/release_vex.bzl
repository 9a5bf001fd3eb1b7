"""What is known about vulnerabilities in a release."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":collected.bzl", "described")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_vex_impl(ctx):
    found = described(ctx)
    out = ctx.actions.declare_file(ctx.label.name + "/vex.openvex.json")
    args = ctx.actions.args()
    args.add("vex")
    args.add("--artifacts", found.listing)
    args.add("--statements", ctx.file.statements)
    args.add("--lock", ctx.file.lock)
    args.add("--out", out)
    ctx.actions.run(
        executable = release_toolchain(ctx).attest,
        arguments = [args],
        inputs = depset([ctx.file.lock, ctx.file.statements, found.listing] + found.files + found.programs),
        outputs = [out],
        mnemonic = "ReleaseVEX",
        progress_message = "Writing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([out])),
        ArtifactInfo(
            artifacts = {"vex.openvex.json": artifact(out, "vex", media_type = "application/json")},
            programs = depset(),
        ),
    ]

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
