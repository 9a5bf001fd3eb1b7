"""What rules_go uses of bazel-contrib/supply-chain: one provider."""

_PROVIDER = """\"\"\"The provider that tells rules_go which module a package belongs to.

It has the name and fields of a provider in bazel-contrib/supply-chain. rules_go uses
nothing else of that project.
\"\"\"

PackageMetadataInfo = provider(
    doc = "Metadata of the package that a target belongs to.",
    fields = {
        "files": "depset of File: everything that describes the package.",
        "metadata": "File: a JSON document whose field purl is the package URL.",
    },
)
"""

def _package_metadata_impl(rctx):
    rctx.file("BUILD.bazel", executable = False)
    rctx.file("providers/BUILD.bazel", "exports_files([\"package_metadata_info.bzl\"])\n", executable = False)
    rctx.file("providers/package_metadata_info.bzl", _PROVIDER, executable = False)

package_metadata = repository_rule(
    implementation = _package_metadata_impl,
    doc = "Writes //providers:package_metadata_info.bzl.",
)
