"""The licences of the sources of a Go program."""

load(":source_info.bzl", "SourceInfo")

LicensesInfo = provider(
    doc = "The licences of a Go target.",
    fields = {"files": "depset of File: the licences of the pinned sources of its packages, and of what these vendor."},
)

def _licenses_impl(_target, ctx):
    licenses = []
    for name in ["deps", "embed"]:
        for dep in getattr(ctx.rule.attr, name, None) or []:
            if LicensesInfo in dep:
                licenses.append(dep[LicensesInfo].files)

    # The module of a package, in the BUILD files of pinned sources.
    for name in ["package_metadata", "applicable_licenses"]:
        for metadata in getattr(ctx.rule.attr, name, None) or []:
            if SourceInfo in metadata:
                licenses.append(metadata[SourceInfo].license_files)
    return [LicensesInfo(files = depset(transitive = licenses))]

licenses_aspect = aspect(
    implementation = _licenses_impl,
    attr_aspects = ["deps", "embed"],
    doc = "Collects the licences of the pinned sources from which a go_binary is compiled.",
    provides = [LicensesInfo],
)
