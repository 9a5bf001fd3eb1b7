"""A page about a release."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":collected.bzl", "statement")
load(":components_info.bzl", "ComponentsInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _release_page_impl(ctx):
    attr = ctx.attr
    if len(attr.components) > 1:
        fail("{}: got {} targets in components, want at most one".format(ctx.label, len(attr.components)))
    if ctx.file.previous_document and not ctx.file.previous:
        fail("{}: previous_document is set, and previous is not: want the lock.json of the same release".format(ctx.label))
    programs = depset(transitive = [target[ArtifactInfo].programs for target in attr.artifacts])
    listing = ctx.actions.declare_file(ctx.label.name + ".programs.json")
    ctx.actions.write(listing, "[\n" + ",\n".join(sorted(programs.to_list())) + "\n]\n")
    flags = {"line": attr.line, "programs": listing}
    for target in attr.components:
        flags["document"] = target[ComponentsInfo].document
    if ctx.file.previous:
        flags["previous"] = ctx.file.previous
    if ctx.file.previous_document:
        flags["previous-document"] = ctx.file.previous_document
    if attr.provenance and (not attr.outputs or "provenance" in attr.outputs):
        flags["provenance"] = "provenance.intoto.json"
    return statement(
        ctx,
        "page",
        "index.html",
        media_type = "text/html",
        flags = flags,
        mnemonic = "ReleasePage",
        others = {"notes": ("notes.md", "text/markdown")},
    )

release_page = rule(
    implementation = _release_page_impl,
    doc = """Writes index.html, a page about the release, and notes.md, release notes from the same data.

They have the artifacts by platform with their digests, commands that pull, install, check and rebuild them, the
pinned sources, the licences, and what changed since the previous release. The page is one file, without scripts, and
needs no network. It describes the artifacts that are given; provenance, SHA256SUMS and release.json describe it.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "components": attr.label_list(doc = "The release_licenses target that knows the licences of what is in the artifacts; at most one. Default: the page has no licences.", providers = [ComponentsInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files of the release → path in the release: those of the release_tree."),
        "line": attr.string(doc = "The name of the line.", mandatory = True),
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts of other kinds are left out. Default: all."),
        "previous": attr.label(allow_single_file = True, doc = "lock.json of the release before, for what changed since. Default: the page does not say that."),
        "previous_document": attr.label(allow_single_file = True, doc = "release.json of the release before, for the sizes of its files."),
        "provenance": attr.bool(doc = "Whether the release has a release_provenance, to which the page has a link. The provenance is made after the page, which it describes."),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
