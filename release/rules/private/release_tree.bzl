"""All files of a release."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":check_info.bzl", "CheckInfo")
load(":collected.bzl", "collected")
load(":release_info.bzl", "ReleaseInfo")

def _release_tree_impl(ctx):
    artifacts = collected(ctx)
    for notice in ctx.attr.notices:
        # buildifier: disable=print
        print("{}: {}".format(ctx.label, notice))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ReleaseInfo(
            artifacts = artifacts,
            checks = [c[CheckInfo] for c in ctx.attr.checks],
            programs = depset(transitive = [a[ArtifactInfo].programs for a in ctx.attr.artifacts]),
        ),
    ]

release_tree = rule(
    implementation = _release_tree_impl,
    doc = "Lists the files of a release. A release target writes its directory.",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "checks": attr.label_list(doc = "release_check targets.", providers = [CheckInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Targets with one file each → path in the release."),
        "notices": attr.string_list(doc = "What the release lacks, and why, for those who build it."),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: the kinds of artifact that are in the release, such as archive or docker. Default: all."),
    },
    provides = [ReleaseInfo],
)
