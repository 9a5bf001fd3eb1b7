"""All files of a release, and the checksums over them."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":release_info.bzl", "ReleaseInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_tree_impl(ctx):
    files = {}
    for target in ctx.attr.artifacts:
        for path, file in target[ArtifactInfo].files.items():
            _add(ctx, files, path, file)
    for target, path in ctx.attr.files.items():
        _add(ctx, files, path, target[DefaultInfo].files.to_list()[0])

    listing = ctx.actions.declare_file(ctx.label.name + ".entries.json")
    ctx.actions.write(listing, json.encode([
        struct(path = path, source = file.path)
        for path, file in files.items()
    ]))
    checksums = ctx.actions.declare_file(ctx.label.name + "/SHA256SUMS")
    args = ctx.actions.args()
    args.add("checksums")
    args.add("--entries", listing)
    args.add("--out", checksums)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = files.values() + [listing],
        outputs = [checksums],
        mnemonic = "ReleaseChecksums",
        progress_message = "Writing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    _add(ctx, files, "SHA256SUMS", checksums)
    return [
        DefaultInfo(files = depset(files.values())),
        ReleaseInfo(files = files, version = ctx.attr.version),
    ]

def _add(ctx, files, path, file):
    if path in files:
        fail("{}: two artifacts for {}: {} and {}".format(ctx.label, path, files[path].short_path, file.short_path))
    files[path] = file

release_tree = rule(
    implementation = _release_tree_impl,
    doc = "Says what a release consists of, and writes SHA256SUMS over every file.",
    attrs = {
        "artifacts": attr.label_list(doc = "What packaging rules made.", mandatory = True, providers = [ArtifactInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Single files → path in the release."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ReleaseInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
