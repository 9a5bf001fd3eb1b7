"""The rules with a line's constants bound: what @<product>//:rules.bzl exports."""

load(
    ":defs.bzl",
    "release_archive",
    "release_binary",
    "release_ca_bundle",
    "release_completions",
    "release_image",
    "release_platform_file",
    "release_tree",
)

# It declares no targets itself.
# buildifier: disable=unnamed-macro
def line_rules(line):
    """Binds the constants of a line.

    Args:
        line: struct of architectures, created, platforms, product, source_date_epoch and version.

    Returns:
        a struct of the rules. Each has the attributes of the rule of the same name in defs.bzl. Those with
        a constant of the line as their value can be left out.
    """

    def archive(name, source_date_epoch = line.source_date_epoch, version = line.version, **kwargs):
        release_archive(name = name, source_date_epoch = source_date_epoch, version = version, **kwargs)

    def binary(name, platforms = line.platforms, **kwargs):
        release_binary(name = name, platforms = platforms, **kwargs)

    def image(
            name,
            architectures = line.architectures,
            created = line.created,
            source_date_epoch = line.source_date_epoch,
            version = line.version,
            **kwargs):
        release_image(
            name = name,
            architectures = architectures,
            created = created,
            source_date_epoch = source_date_epoch,
            version = version,
            **kwargs
        )

    def release(name = "release", files = {}, visibility = ["//visibility:public"], **kwargs):
        own = {
            "@{}//:lock.json".format(line.product): "lock.json",
            "@{}//:release_manifest".format(line.product): "manifest.yaml",
        }
        release_tree(name = name, files = own | files, visibility = visibility, **kwargs)

    return struct(
        archive = archive,
        binary = binary,
        ca_bundle = release_ca_bundle,
        completions = release_completions,
        image = image,
        platform_file = release_platform_file,
        release = release,
    )
