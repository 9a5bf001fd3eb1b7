"""The rules with a line's constants bound: what @<product>//:rules.bzl exports."""

load(
    ":defs.bzl",
    "release_archive",
    "release_binary",
    "release_ca_bundle",
    "release_chart",
    "release_check",
    "release_completions",
    "release_dashboards",
    "release_docker_archives",
    "release_image",
    "release_image_variant",
    "release_licenses",
    "release_linux_package",
    "release_package_manifests",
    "release_page",
    "release_platform_file",
    "release_provenance",
    "release_sbom",
    "release_source_files",
    "release_sources",
    "release_tree",
    "release_vex",
    "release_yaml",
)

_ARTIFACTS = [
    "release_archive",
    "release_chart",
    "release_dashboards",
    "release_docker_archives",
    "release_image",
    "release_image_variant",
    "release_licenses",
    "release_linux_package",
    "release_package_manifests",
    "release_page",
    "release_provenance",
    "release_sbom",
    "release_sources",
    "release_vex",
]
_CHECKS = ["release_check"]
_IMAGES = ["release_image", "release_image_variant"]
_PROGRAMS = ["release_binary", "release_platform_file"]

def _manual(rule):
    """Returns a rule whose targets are left out of wildcards: //release:all builds those of the active line."""
    return lambda tags = [], **kwargs: rule(tags = ["manual"] + tags, **kwargs)

def _above(kinds):
    """Returns the labels of the BUILD file's targets so far that are of some rules, sorted."""
    return [":" + name for name, rule in sorted(native.existing_rules().items()) if rule["kind"] in kinds]

def _stamped(line, name, hub, tag):
    """Returns path → value for paths to the hub and to the version."""
    if hub and not line.docker:
        fail("{}: hub is set, but the manifest has no docker: want docker in the manifest, or the value in values".format(name))
    return {path: line.docker for path in hub} | {path: line.version for path in tag}

# It declares no targets itself.
# buildifier: disable=unnamed-macro
def line_rules(line):
    """Binds the constants of a line.

    Args:
        line: struct of architectures, created, dashboards, docker, license_exceptions, line, names, outputs, platforms,
            previous, previous_document, product, skip_sbom, source_date_epoch, source_labels, sources, version and vex.

    Returns:
        a struct of the rules. Each has the attributes of the rule of the same name in defs.bzl. Those with
        a constant of the line as their value can be left out. Without binaries, an archive and a Linux package
        have every program that is above them in the BUILD file; without artifacts, a release has every artifact
        above it and every check, and a statement, such as sbom, describes the artifacts above it.
        hub and tag of chart, source_files and yaml are lists of paths, as in values, for DOCKER and VERSION.
        Without images, docker_archives has every image above it; without sources, sources has all of the line.
        source_files has dependency, a dependency's name, instead of source.
        There are also binaries, a binary for each entry of a dict; archives, one archive for each program; and
        image's about, the org.opencontainers.image labels without that prefix, to which the version is added.
        Without a vex.yaml of the line, vex declares nothing. page belongs between the other artifacts and provenance,
        which describes the page; the page has a link to it if its attribute provenance is set.
    """

    lock = "@{}//:lock.json".format(line.product)
    own = {
        lock: "lock.json",
        "@{}//:release_manifest".format(line.product): "manifest.yaml",
    }

    def archive(name, binaries = None, names = line.names, source_date_epoch = line.source_date_epoch, version = line.version, **kwargs):
        _manual(release_archive)(
            name = name,
            binaries = _above(_PROGRAMS) if binaries == None else binaries,
            names = names,
            source_date_epoch = source_date_epoch,
            version = version,
            **kwargs
        )

    def archives():
        for label in _above(_PROGRAMS):
            name = label.removeprefix(":")
            archive(name = name + "-archive", archive = name, bin_dir = "", binaries = [label], directory = False)

    def check(name, **kwargs):
        if _above(["release_tree"]):
            fail("check {} is below release(), which has the checks above it: move it there".format(name))
        _manual(release_check)(name = name, **kwargs)

    def chart(
            name,
            hub = [],
            source_date_epoch = line.source_date_epoch,
            tag = [],
            values = {},
            version = line.version,
            **kwargs):
        _manual(release_chart)(
            name = name,
            source_date_epoch = source_date_epoch,
            values = _stamped(line, name, hub, tag) | values,
            version = version,
            **kwargs
        )

    def dashboards(name = "dashboards", dashboards = line.dashboards, version = line.version, **kwargs):
        _manual(release_dashboards)(name = name, dashboards = dashboards, version = version, **kwargs)

    def yaml(name, hub = [], tag = [], values = {}, **kwargs):
        _manual(release_yaml)(name = name, values = _stamped(line, name, hub, tag) | values, **kwargs)

    def binary(name, platforms = line.platforms, **kwargs):
        _manual(release_binary)(name = name, platforms = platforms, **kwargs)

    def binaries(programs):
        for name, label in programs.items():
            binary(name = name, binary = label)

    def docker_archives(name = "docker-archives", docker = line.docker, images = None, source_date_epoch = line.source_date_epoch, **kwargs):
        _manual(release_docker_archives)(
            name = name,
            docker = docker,
            images = _above(_IMAGES) if images == None else images,
            source_date_epoch = source_date_epoch,
            **kwargs
        )

    def image(
            name,
            about = {},
            architectures = line.architectures,
            created = line.created,
            labels = {},
            source_date_epoch = line.source_date_epoch,
            version = line.version,
            **kwargs):
        if about:
            about = {"org.opencontainers.image." + key: value for key, value in ({"version": version} | about).items()}
        _manual(release_image)(
            name = name,
            architectures = architectures,
            created = created,
            labels = about | labels,
            source_date_epoch = source_date_epoch,
            version = version,
            **kwargs
        )

    def licenses(name = "licenses", artifacts = None, outputs = line.outputs, **kwargs):
        _manual(release_licenses)(
            name = name,
            artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
            exceptions = line.license_exceptions,
            lock = lock,
            outputs = outputs,
            sources = line.source_labels,
            **kwargs
        )

    def linux_package(
            name,
            architectures = line.architectures,
            binaries = None,
            source_date_epoch = line.source_date_epoch,
            version = line.version,
            **kwargs):
        _manual(release_linux_package)(
            name = name,
            architectures = architectures,
            binaries = {label: "" for label in _above(_PROGRAMS)} if binaries == None else binaries,
            source_date_epoch = source_date_epoch,
            version = version,
            **kwargs
        )

    def package_manifests(name, version = line.version, **kwargs):
        _manual(release_package_manifests)(name = name, version = version, **kwargs)

    def page(
            name = "page",
            artifacts = None,
            components = None,
            files = {},
            outputs = line.outputs,
            previous = line.previous,
            previous_document = line.previous_document,
            **kwargs):
        _manual(release_page)(
            name = name,
            artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
            components = _above(["release_licenses"]) if components == None else components,
            files = own | files,
            line = line.line,
            lock = lock,
            outputs = outputs,
            previous = previous,
            previous_document = previous_document,
            **kwargs
        )

    def provenance(name = "provenance", artifacts = None, files = {}, outputs = line.outputs, **kwargs):
        _manual(release_provenance)(
            name = name,
            artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
            files = own | files,
            line = line.line,
            lock = lock,
            outputs = outputs,
            **kwargs
        )

    def check_pages(name):
        has = bool(_above(["release_provenance"]))
        for label in _above(["release_page"]):
            if native.existing_rules()[label.removeprefix(":")]["provenance"] != has:
                fail("{}: page {}: provenance is {}: want {}, because the release has {} provenance".format(name, label, not has, has, "a" if has else "no"))

    def release(name = "release", artifacts = None, checks = None, files = {}, outputs = line.outputs, visibility = ["//visibility:public"], **kwargs):
        if artifacts == None:
            check_pages(name)
        _manual(release_tree)(
            name = name,
            artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
            checks = _above(_CHECKS) if checks == None else checks,
            files = own | files,
            outputs = outputs,
            visibility = visibility,
            **kwargs
        )

    def sbom(
            name = "sbom",
            artifacts = None,
            components = None,
            files = {},
            lock = lock,
            outputs = line.outputs,
            product = line.product,
            skip = line.skip_sbom,
            sources = line.sources,
            version = line.version,
            **kwargs):
        _manual(release_sbom)(
            name = name,
            artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
            components = _above(["release_licenses"]) if components == None else components,
            files = own | files,
            lock = lock,
            outputs = outputs,
            product = product,
            skip = skip,
            sources = sources,
            version = version,
            **kwargs
        )

    def source_files(name, dependency, hub = [], tag = [], values = {}, **kwargs):
        _manual(release_source_files)(
            name = name,
            source = "@{}//:{}".format(line.product, dependency),
            values = _stamped(line, name, hub, tag) | values,
            **kwargs
        )

    def sources(name = "sources", source_date_epoch = line.source_date_epoch, sources = None, **kwargs):
        _manual(release_sources)(
            name = name,
            source_date_epoch = source_date_epoch,
            sources = ["@{}//:{}".format(line.product, source) for source in line.sources] if sources == None else sources,
            **kwargs
        )

    def vex(name = "vex", artifacts = None, outputs = line.outputs, **kwargs):
        if line.vex:
            _manual(release_vex)(
                name = name,
                artifacts = _above(_ARTIFACTS) if artifacts == None else artifacts,
                lock = lock,
                outputs = outputs,
                statements = line.vex,
                **kwargs
            )

    return struct(
        archive = archive,
        archives = archives,
        binaries = binaries,
        binary = binary,
        ca_bundle = _manual(release_ca_bundle),
        check = check,
        chart = chart,
        completions = _manual(release_completions),
        dashboards = dashboards,
        docker_archives = docker_archives,
        image = image,
        image_variant = _manual(release_image_variant),
        licenses = licenses,
        linux_package = linux_package,
        package_manifests = package_manifests,
        page = page,
        platform_file = _manual(release_platform_file),
        provenance = provenance,
        release = release,
        sbom = sbom,
        source_files = source_files,
        sources = sources,
        vex = vex,
        yaml = yaml,
    )
