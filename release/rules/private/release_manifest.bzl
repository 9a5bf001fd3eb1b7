"""The manifest that a release carries."""

load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_manifest_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + "/manifest.yaml")
    args = ctx.actions.args()
    args.add("manifest")
    args.add("--manifest", ctx.file.manifest)
    args.add("--lock", ctx.file.lock)
    args.add("--out", output)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = [ctx.file.manifest, ctx.file.lock],
        outputs = [output],
        mnemonic = "ReleaseManifest",
        progress_message = "Resolving %{output} by the lock",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([output]))]

release_manifest = rule(
    implementation = _release_manifest_impl,
    doc = "Writes manifest.yaml with every dependency as the lock pins it. Fails if the lock was resolved from another manifest.",
    attrs = {
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line.", mandatory = True),
        "manifest": attr.label(allow_single_file = True, doc = "manifest.yaml of the line.", mandatory = True),
    },
    toolchains = [TOOLCHAIN_TYPE],
)
