"""A file that is different for each platform."""

load(":binary_info.bzl", "BinaryInfo")
load(":platforms.bzl", "PLATFORMS", "check_platforms")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _member(ctx, archive, platform):
    """Declares the file at attribute member of an archive."""
    output = ctx.actions.declare_file("{}/{}/{}".format(ctx.label.name, platform, ctx.attr.member.rpartition("/")[2]))
    args = ctx.actions.args()
    args.add("member")
    args.add("--archive", archive)
    args.add("--path", ctx.attr.member)
    args.add("--out", output)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = [archive],
        outputs = [output],
        mnemonic = "ReleaseMember",
        progress_message = "Extracting %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return output

def _release_platform_file_impl(ctx):
    check_platforms(ctx.label, ctx.attr.files.values(), PLATFORMS)
    files = {}
    for target, platform in ctx.attr.files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1:
            fail("{}: got {} files in {}, want one".format(ctx.label, len(found), target.label))
        if platform in files:
            fail("{}: two files for {}, want one: {} and {}".format(ctx.label, platform, files[platform].short_path, found[0].short_path))
        files[platform] = _member(ctx, found[0], platform) if ctx.attr.member else found[0]
    return [
        DefaultInfo(files = depset(files.values())),
        BinaryInfo(files = files, license_files = depset(), name = ctx.attr.program or ctx.label.name, programs = depset()),
    ]

release_platform_file = rule(
    implementation = _release_platform_file_impl,
    doc = "Ready-made files by platform. Archives and images accept it like a release_binary.",
    attrs = {
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "The file of each platform → the platform, such as linux-amd64.", mandatory = True),
        "member": attr.string(doc = "The path of the file in the files, which are archives: a tar, compressed or not, or a zip. Default: the files themselves."),
        "program": attr.string(doc = "The file's name in archives and images; default: the target's name."),
    },
    provides = [BinaryInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
