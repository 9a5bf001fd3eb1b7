"""A release as one directory."""

load(":release_info.bzl", "ReleaseInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_impl(ctx):
    info = ctx.attr.tree[ReleaseInfo]
    listing = ctx.actions.declare_file(ctx.label.name + ".entries.json")
    ctx.actions.write(listing, json.encode([
        struct(path = path, source = file.path)
        for path, file in info.files.items()
    ]))
    directory = ctx.actions.declare_directory(ctx.attr.directory)
    args = ctx.actions.args()
    args.add("tree")
    args.add("--entries", listing)
    args.add("--out", directory.path)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = info.files.values() + [listing],
        outputs = [directory],
        mnemonic = "ReleaseTree",
        progress_message = "Assembling %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([directory])), info]

release = rule(
    implementation = _release_impl,
    doc = """Writes a release's directory, bazel-bin/<package>/<directory>, with SHA256SUMS of every file.

One action writes it as a whole, so it has no files of other releases.""",
    attrs = {
        "directory": attr.string(doc = "The directory's name.", default = "all"),
        "tree": attr.label(doc = "The release_tree.", mandatory = True, providers = [ReleaseInfo]),
    },
    provides = [ReleaseInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
