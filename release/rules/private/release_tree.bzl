"""All files of a release."""

load(":artifact_info.bzl", "ArtifactInfo")
load(":release_info.bzl", "ReleaseInfo")

def _release_tree_impl(ctx):
    files = {}
    for target in ctx.attr.artifacts:
        for path, file in target[ArtifactInfo].files.items():
            _add(ctx, files, path, file)
    for target, path in ctx.attr.files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1:
            fail("{}: got {} files in {} for {}, want one".format(ctx.label, len(found), target.label, path))
        _add(ctx, files, path, found[0])
    return [
        DefaultInfo(files = depset(files.values())),
        ReleaseInfo(files = files, programs = depset(transitive = [a[ArtifactInfo].programs for a in ctx.attr.artifacts])),
    ]

def _add(ctx, files, path, file):
    if path in files:
        fail("{}: two artifacts for {}: {} and {}".format(ctx.label, path, files[path].short_path, file.short_path))
    files[path] = file

release_tree = rule(
    implementation = _release_tree_impl,
    doc = "Lists the files of a release. A release target writes its directory.",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Targets with one file each → path in the release."),
    },
    provides = [ReleaseInfo],
)
