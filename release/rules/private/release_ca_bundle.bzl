"""Root certificates for images."""

load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_ca_bundle_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + "/ca-certificates.crt")
    args = ctx.actions.args()
    args.add("ca-bundle")
    args.add("--der", ctx.file.der)
    args.add("--out", output)
    ctx.actions.run(
        executable = release_toolchain(ctx).image,
        arguments = [args],
        inputs = [ctx.file.der],
        outputs = [output],
        mnemonic = "ReleaseCABundle",
        progress_message = "Writing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([output]))]

release_ca_bundle = rule(
    implementation = _release_ca_bundle_impl,
    doc = "Writes ca-certificates.crt, in PEM, from concatenated certificates in DER.",
    attrs = {
        "der": attr.label(allow_single_file = True, doc = "Concatenated certificates in DER, such as those of golang.org/x/crypto/x509roots/fallback/bundle.", mandatory = True),
    },
    toolchains = [TOOLCHAIN_TYPE],
)
