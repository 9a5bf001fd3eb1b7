"""The provider by which rules_go learns which module a package belongs to.

It has the field names of the provider of the same name in bazel-contrib/supply-chain,
of which rules_go uses nothing else.
"""

PackageMetadataInfo = provider(
    doc = "What is known of the package that a target belongs to.",
    fields = {
        "files": "depset of File: everything that describes the package.",
        "metadata": "File: a JSON document whose field purl is the package URL.",
    },
)
