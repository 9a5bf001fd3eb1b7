"""A release as one directory."""

load(":release_info.bzl", "ReleaseInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_impl(ctx):
    info = ctx.attr.tree[ReleaseInfo]
    listing = ctx.actions.declare_file(ctx.label.name + ".entries.json")
    ctx.actions.write(listing, json.encode([
        struct(
            kind = artifact.kind,
            mediaType = artifact.media_type,
            path = path,
            platform = artifact.platform,
            source = artifact.file.path,
            subject = artifact.subject,
        )
        for path, artifact in info.artifacts.items()
    ]))
    directory = ctx.actions.declare_directory(ctx.attr.directory)
    args = ctx.actions.args()
    args.add("tree")
    args.add("--entries", listing)
    args.add("--out", directory.path)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = [artifact.file for artifact in info.artifacts.values()] + [listing],
        outputs = [directory],
        mnemonic = "ReleaseTree",
        progress_message = "Assembling %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([directory])), info]

release = rule(
    implementation = _release_impl,
    doc = """Writes a release's directory, bazel-bin/<package>/<directory>, with SHA256SUMS of every file, and release.json, which says what each is.

One action writes it as a whole, so it has no files of other releases.""",
    attrs = {
        "directory": attr.string(doc = "The directory's name.", default = "all"),
        "tree": attr.label(doc = "The release_tree.", mandatory = True, providers = [ReleaseInfo]),
    },
    provides = [ReleaseInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
