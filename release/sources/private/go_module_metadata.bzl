"""A Go module's package URL, which rules_go writes to build information."""

load("@package_metadata//providers:package_metadata_info.bzl", "PackageMetadataInfo")
load(":source_info.bzl", "SourceInfo")

def _go_module_metadata_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name + ".package-metadata.json")
    content = {"purl": ctx.attr.purl}
    if ctx.attr.replace:
        content["replace"] = dict(zip(["path", "version", "sum"], ctx.attr.replace))
    if ctx.attr.build_settings:
        settings = [setting.partition("=") for setting in ctx.attr.build_settings]
        content["build_settings"] = [{"Key": key, "Value": value} for key, _, value in settings]
    ctx.actions.write(file, json.encode(content))
    return [
        DefaultInfo(files = depset([file])),
        PackageMetadataInfo(files = depset([file]), metadata = file),
        ctx.attr.source[SourceInfo],
    ]

go_module_metadata = rule(
    implementation = _go_module_metadata_impl,
    doc = "Says which module a package belongs to: the default_package_metadata of its BUILD file.",
    attrs = {
        "build_settings": attr.string_list(doc = "Further settings in the build information of the module's programs: KEY=VALUE, such as vcs=git."),
        "purl": attr.string(doc = "pkg:golang/PATH@VERSION?checksum=h1:…, the checksum escaped.", mandatory = True),
        "replace": attr.string_list(doc = "The module's replacement in go.mod, if any: path, version and sum. A directory has a path only."),
        "source": attr.label(doc = "The source that contains or vendors the module.", mandatory = True, providers = [SourceInfo]),
    },
    provides = [PackageMetadataInfo, SourceInfo],
)
