"""Where a release comes from."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":collected.bzl", "described")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_provenance_impl(ctx):
    found = described(ctx)
    out = ctx.actions.declare_file(ctx.label.name + "/provenance.intoto.json")
    args = ctx.actions.args()
    args.add("provenance")
    args.add("--artifacts", found.listing)
    args.add("--lock", ctx.file.lock)
    args.add("--line", ctx.attr.line)
    args.add("--out", out)
    ctx.actions.run(
        executable = release_toolchain(ctx).attest,
        arguments = [args],
        inputs = depset([ctx.file.lock, found.listing] + found.files),
        outputs = [out],
        mnemonic = "ReleaseProvenance",
        progress_message = "Writing provenance %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([out])),
        ArtifactInfo(
            artifacts = {"provenance.intoto.json": artifact(out, "provenance", media_type = "application/vnd.in-toto+json")},
            programs = depset(),
        ),
    ]

release_provenance = rule(
    implementation = _release_provenance_impl,
    doc = """Writes provenance.intoto.json: an in-toto statement with the SLSA provenance of all artifacts and files.

Its subjects are every file, and the index and manifests of every image; its resolved dependencies are the whole lock.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files of the release → path in the release: those of the release_tree."),
        "line": attr.string(doc = "The name of the line.", mandatory = True),
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts of other kinds are left out. Default: all."),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
