"""One program for every platform."""

load("@io_bazel_rules_go//go:def.bzl", "GoArchive")
load("//release/sources:defs.bzl", "LicensesInfo", "licenses_aspect")
load(":binary_info.bzl", "BinaryInfo")
load(":platforms.bzl", "PLATFORMS", "UNIVERSAL")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")
load(":transition.bzl", "platforms_transition")

def _release_binary_impl(ctx):
    name = ctx.attr.program or ctx.label.name
    linked = {
        platform: target[DefaultInfo].files_to_run.executable
        for platform, target in ctx.split_attr.binary.items()
    }
    files = {
        platform: _universal(ctx, name, platform, [linked[half] for half in UNIVERSAL[platform]]) if platform in UNIVERSAL else linked[platform]
        for platform in ctx.attr.platforms
    }
    programs = depset([_program(name, platform, target[GoArchive]) for platform, target in ctx.split_attr.binary.items()])
    return [
        DefaultInfo(files = depset(files.values())),
        BinaryInfo(
            files = files,
            license_files = depset(transitive = [target[LicensesInfo].files for target in ctx.split_attr.binary.values()]),
            name = name,
            programs = programs,
        ),
    ]

def _universal(ctx, name, platform, halves):
    """Joins the programs of a universal platform."""
    joined = ctx.actions.declare_file("{}/{}/{}".format(ctx.label.name, platform, name))
    args = ctx.actions.args()
    args.add("universal")
    args.add("--out", joined)
    args.add("--")
    args.add_all(halves)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = halves,
        outputs = [joined],
        mnemonic = "ReleaseUniversal",
        progress_message = "Joining %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return joined

def _program(name, platform, archive):
    """Describes a program for one platform to //tools/rebuild, which builds it without Bazel."""
    mode = archive.source.mode
    return json.encode({
        "goarch": mode.goarch,
        "goos": mode.goos,
        "level": PLATFORMS[platform][2],
        "name": name,
        "package": archive.data.importpath,
        "tags": mode.tags,
        "x_defs": archive.x_defs,
    })

release_binary = rule(
    implementation = _release_binary_impl,
    doc = """Links a go_binary for every platform of the release.

The binaries are pure Go and stripped. The one for osx-universal has those for osx-amd64 and osx-arm64. Flags of the command line do not affect them.""",
    attrs = {
        "binary": attr.label(
            aspects = [licenses_aspect],
            cfg = platforms_transition,
            doc = "The go_binary.",
            mandatory = True,
            providers = [GoArchive],
        ),
        "platforms": attr.string_list(
            doc = "Names of platforms: the PLATFORMS of the line.",
            mandatory = True,
        ),
        "program": attr.string(doc = "The program's file name; default: the target's name."),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    provides = [BinaryInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
