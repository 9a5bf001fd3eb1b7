"""A file that is different for each platform."""

load(":binary_info.bzl", "BinaryInfo")
load(":platforms.bzl", "PLATFORMS", "check_platforms")

def _release_platform_file_impl(ctx):
    check_platforms(ctx.label, ctx.attr.files.values(), PLATFORMS)
    files = {}
    for target, platform in ctx.attr.files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1:
            fail("{}: got {} files in {}, want one".format(ctx.label, len(found), target.label))
        if platform in files:
            fail("{}: two files for {}, want one: {} and {}".format(ctx.label, platform, files[platform].short_path, found[0].short_path))
        files[platform] = found[0]
    return [
        DefaultInfo(files = depset(files.values())),
        BinaryInfo(files = files, license_files = depset(), name = ctx.attr.program or ctx.label.name, programs = depset()),
    ]

release_platform_file = rule(
    implementation = _release_platform_file_impl,
    doc = "Ready-made files by platform. Archives and images accept it like a release_binary.",
    attrs = {
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "The file of each platform → the platform, such as linux-amd64.", mandatory = True),
        "program": attr.string(doc = "The file's name in archives and images; default: the target's name."),
    },
    provides = [BinaryInfo],
)
