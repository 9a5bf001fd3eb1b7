"""All files of a release."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact", "chosen", "media_type_of")
load(":check_info.bzl", "CheckInfo")
load(":release_info.bzl", "ReleaseInfo")

def _release_tree_impl(ctx):
    artifacts = {}
    for target in ctx.attr.artifacts:
        for path, added in target[ArtifactInfo].artifacts.items():
            _add(ctx, artifacts, path, added)
    artifacts = dict(chosen(artifacts, ctx.attr.outputs))
    for target, path in ctx.attr.files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1:
            fail("{}: got {} files in {} for {}, want one".format(ctx.label, len(found), target.label, path))
        _add(ctx, artifacts, path, artifact(found[0], "document", media_type = media_type_of(path)))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ReleaseInfo(
            artifacts = artifacts,
            checks = [c[CheckInfo] for c in ctx.attr.checks],
            programs = depset(transitive = [a[ArtifactInfo].programs for a in ctx.attr.artifacts]),
        ),
    ]

def _add(ctx, artifacts, path, added):
    if path in artifacts:
        fail("{}: two artifacts for {}: {} and {}".format(ctx.label, path, artifacts[path].file.short_path, added.file.short_path))
    artifacts[path] = added

release_tree = rule(
    implementation = _release_tree_impl,
    doc = "Lists the files of a release. A release target writes its directory.",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "checks": attr.label_list(doc = "release_check targets.", providers = [CheckInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Targets with one file each → path in the release."),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: the kinds of artifact that are in the release, such as archive or docker. Default: all."),
    },
    provides = [ReleaseInfo],
)
