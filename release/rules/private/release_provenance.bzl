"""Where a release comes from."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":collected.bzl", "statement")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _release_provenance_impl(ctx):
    return statement(
        ctx,
        "provenance",
        "provenance.intoto.json",
        media_type = "application/vnd.in-toto+json",
        flags = {"line": ctx.attr.line},
        mnemonic = "ReleaseProvenance",
    )

release_provenance = rule(
    implementation = _release_provenance_impl,
    doc = """Writes provenance.intoto.json: an in-toto statement with the SLSA provenance of all artifacts and files.

Its subjects are every file, and the index and manifests of every image; its resolved dependencies are the whole lock.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts of other kinds are left out. Default: all."),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files of the release → path in the release: those of the release_tree."),
        "line": attr.string(doc = "The name of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
