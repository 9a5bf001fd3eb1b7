"""A Go module's package URL, from which rules_go embeds build information."""

load("@package_metadata//providers:package_metadata_info.bzl", "PackageMetadataInfo")

def _go_module_metadata_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name + ".package-metadata.json")
    ctx.actions.write(file, json.encode({"purl": ctx.attr.purl}))
    return [
        DefaultInfo(files = depset([file])),
        PackageMetadataInfo(files = depset([file]), metadata = file),
    ]

go_module_metadata = rule(
    implementation = _go_module_metadata_impl,
    doc = "Says which module a package belongs to: the default_package_metadata of its BUILD file.",
    attrs = {
        "purl": attr.string(doc = "pkg:golang/PATH@VERSION?checksum=h1:…, the checksum escaped.", mandatory = True),
    },
    provides = [PackageMetadataInfo],
)
