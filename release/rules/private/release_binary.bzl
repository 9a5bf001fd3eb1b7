"""One program for every platform."""

load("@io_bazel_rules_go//go:def.bzl", "GoArchive")
load("//release/sources:defs.bzl", "LicensesInfo", "licenses_aspect")
load(":binary_info.bzl", "BinaryInfo")
load(":transition.bzl", "platforms_transition")

def _release_binary_impl(ctx):
    files = {
        platform: target[DefaultInfo].files_to_run.executable
        for platform, target in ctx.split_attr.binary.items()
    }
    name = ctx.attr.program or ctx.label.name
    programs = depset([_program(name, target[GoArchive]) for target in ctx.split_attr.binary.values()])
    return [
        DefaultInfo(files = depset(files.values())),
        BinaryInfo(
            files = files,
            license_files = depset(transitive = [target[LicensesInfo].files for target in ctx.split_attr.binary.values()]),
            name = name,
            programs = programs,
        ),
    ]

def _program(name, archive):
    """Describes a program for one platform to //tools/rebuild, which builds it without Bazel."""
    mode = archive.source.mode
    return json.encode({
        "goarch": mode.goarch,
        "goos": mode.goos,
        "name": name,
        "package": archive.data.importpath,
        "tags": mode.tags,
        "x_defs": archive.x_defs,
    })

release_binary = rule(
    implementation = _release_binary_impl,
    doc = """Links a go_binary for every platform of the release.

The binaries are pure Go and stripped. Flags of the command line do not affect them.""",
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
)
