"""A release as one folder of symbolic links."""

load(":release_info.bzl", "ReleaseInfo")

def _release_impl(ctx):
    info = ctx.attr.tree[ReleaseInfo]
    links = []
    for path, file in info.files.items():
        declare = ctx.actions.declare_directory if file.is_directory else ctx.actions.declare_file
        link = declare(ctx.attr.folder + "/" + path)
        ctx.actions.symlink(output = link, target_file = file)
        links.append(link)
    return [DefaultInfo(files = depset(links)), info]

release = rule(
    implementation = _release_impl,
    doc = "Lays a release out at bazel-bin/<package>/<folder>, without copying.",
    attrs = {
        "folder": attr.string(doc = "The folder's name.", default = "all"),
        "tree": attr.label(doc = "The release_tree.", mandatory = True, providers = [ReleaseInfo]),
    },
    provides = [ReleaseInfo],
)
