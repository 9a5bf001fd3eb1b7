"""One program for every platform."""

load(":binary_info.bzl", "BinaryInfo")
load(":transition.bzl", "platforms_transition")

def _release_binary_impl(ctx):
    files = {
        platform: target[DefaultInfo].files_to_run.executable
        for platform, target in ctx.split_attr.binary.items()
    }
    return [
        DefaultInfo(files = depset(files.values())),
        BinaryInfo(files = files, name = ctx.attr.program or ctx.label.name),
    ]

release_binary = rule(
    implementation = _release_binary_impl,
    doc = """Links a go_binary for every platform of the release.

The binaries are pure Go, stripped, and the same whatever flags the command line has.""",
    attrs = {
        "binary": attr.label(
            cfg = platforms_transition,
            doc = "The go_binary.",
            mandatory = True,
        ),
        "platforms": attr.string_list(
            doc = "Names of platforms: the PLATFORMS of the line.",
            mandatory = True,
        ),
        "program": attr.string(doc = "The program's file name; the target's name if not given."),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    provides = [BinaryInfo],
)
