"""The provider that tells rules_go which module a package belongs to.

It has the name and fields of a provider in bazel-contrib/supply-chain. rules_go uses
nothing else of that project.
"""

PackageMetadataInfo = provider(
    doc = "Metadata of the package that a target belongs to.",
    fields = {
        "files": "depset of File: everything that describes the package.",
        "metadata": "File: a JSON document whose field purl is the package URL.",
    },
)
