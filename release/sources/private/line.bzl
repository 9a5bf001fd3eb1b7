"""A product's line as a repository: the constants and files that its BUILD file uses."""

load(":lines.bzl", "base_repository", "repository")

_BUILD = """load("@release_builder//release/rules:defs.bzl", "release_manifest")
load(":line.bzl", "LINE")

package(default_visibility = ["//visibility:public"])

# The manifest that the release carries.
release_manifest(
    name = "release_manifest",
    lock = ":lock.json",
    manifest = ":manifest.yaml",
)

alias(
    name = "manifest.yaml",
    actual = "@@//manifests/{line}:manifest.yaml",
)

alias(
    name = "lock.json",
    actual = "@@//manifests/{line}:lock.json",
)
"""

_RULES = """\"\"\"The rules, with the constants of this line.\"\"\"

load("@release_builder//release/rules:line.bzl", "line_rules")
load(":line.bzl", "ARCHITECTURES", "CREATED", "DASHBOARDS", "DOCKER", "LINE", "NAMES", "OUTPUTS", "PLATFORMS", "SKIP_SBOM", "SOURCE_DATE_EPOCH", "VERSION", "VERSIONS")

_rules = line_rules(struct(
    architectures = ARCHITECTURES,
    created = CREATED,
    dashboards = DASHBOARDS.keys(),
    docker = DOCKER,
    names = NAMES,
    license_exceptions = {exceptions},
    line = LINE,
    outputs = OUTPUTS,
    platforms = PLATFORMS,
    previous = {previous},
    previous_document = {previous_document},
    product = {product},
    skip_sbom = SKIP_SBOM,
    source_date_epoch = SOURCE_DATE_EPOCH,
    source_labels = {sources},
    sources = sorted(VERSIONS),
    version = VERSION,
    vex = {vex},
))
archive = _rules.archive
archives = _rules.archives
binaries = _rules.binaries
binary = _rules.binary
ca_bundle = _rules.ca_bundle
chart = _rules.chart
check = _rules.check
completions = _rules.completions
dashboards = _rules.dashboards
docker_archives = _rules.docker_archives
image = _rules.image
image_variant = _rules.image_variant
licenses = _rules.licenses
linux_package = _rules.linux_package
package_manifests = _rules.package_manifests
page = _rules.page
platform_file = _rules.platform_file
provenance = _rules.provenance
release = _rules.release
sbom = _rules.sbom
source_files = _rules.source_files
sources = _rules.sources
vex = _rules.vex
yaml = _rules.yaml
"""

_ALIAS = """
alias(
    name = {name},
    actual = {actual},
)
"""

def _seconds(time):
    """Returns the seconds since 1970 of a time like 2026-01-02T03:04:05Z."""
    date, _, clock = time.removesuffix("Z").partition("T")
    year, month, day = [int(x) for x in date.split("-")]
    hour, minute, second = [int(x) for x in clock.split(":")]

    # Days since 1970-01-01, counted in years that begin in March.
    y = year - (1 if month <= 2 else 0)
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second

def _source_labels(product, dependencies):
    """Returns label → name for each source and each of its variants."""
    return {
        "@{}//.release:source".format(repository(product, name, variant)): name
        for name, dependency in dependencies.items()
        for variant in [""] + sorted(dependency["variants"].keys())
    }

def _file(rctx, name):
    """Returns the label of a file of the line, as Starlark: None if the line has no such file."""
    return repr("@@//manifests/{}:{}".format(rctx.attr.line, name) if name in rctx.attr.files else None)

def _line_impl(rctx):
    lock = json.decode(rctx.attr.lock)
    if rctx.attr.stale:
        # This fails builds of the release, but not resolve.
        check = "fail({})\n\n".format(repr("line {0}: {1}: run tools/bazel run //release:resolve -- --line {0}".format(rctx.attr.line, rctx.attr.stale)))
    else:
        check = ""
    rctx.file("line.bzl", """\"\"\"What {line} releases. Generated from its lock.\"\"\"

{check}ARCHITECTURES = {architectures}

# The commits of sources by name, whole, or the 12 digits in a module's version; empty for other modules, and for
# directories that are in no git repository.
COMMITS = {commits}

# The commit time of the primary source: RFC 3339, and seconds since 1970.
CREATED = {created}
SOURCE_DATE_EPOCH = {epoch}

# The ids of dashboards at grafana.com, by name; 0 for one that is not there yet.
DASHBOARDS = {dashboards}

DOCKER = {docker}

# The names of base images and of files: what may be left out of the manifest.
BASES = {bases}
FILES = {files}
# The build tags of sources by name and variant.
GOTAGS = {gotags}
LINE = {line_string}
OUTPUTS = {outputs}

# The template of the archives' names; empty for the default.
NAMES = {names}

PLATFORMS = {platforms}

# Whether the manifest asks for a release without bills of materials.
SKIP_SBOM = {skip_sbom}
VERSION = {version}

# By name: the version of a module; the tag, the branch or the short commit of a git source; empty for directories.
VERSIONS = {versions}
""".format(
        architectures = repr(lock["architectures"]),
        bases = repr(sorted(lock["images"])),
        check = check,
        commits = repr({name: d["commit"] for name, d in lock["dependencies"].items()}),
        created = repr(lock["time"]),
        dashboards = repr(lock["dashboards"]),
        docker = repr(lock["docker"]),
        files = repr(sorted(lock["files"])),
        epoch = _seconds(lock["time"]),
        gotags = repr({name: d["variants"] for name, d in lock["dependencies"].items() if d["variants"]}),
        line = rctx.attr.line,
        line_string = repr(rctx.attr.line),
        names = repr(lock["names"]),
        outputs = repr(lock["outputs"]),
        platforms = repr(lock["platforms"]),
        skip_sbom = repr(lock["skip_sbom"]),
        version = repr(lock["version"]),
        versions = repr({name: d["version"] for name, d in lock["dependencies"].items()}),
    ), executable = False, legacy_utf8 = False)
    rctx.file("rules.bzl", _RULES.format(
        exceptions = repr(lock["license_exceptions"]),
        previous = _file(rctx, "previous.lock.json"),
        previous_document = _file(rctx, "previous.release.json"),
        product = repr(rctx.attr.product),
        sources = repr(_source_labels(rctx.attr.product, lock["dependencies"])),
        vex = _file(rctx, "vex.yaml"),
    ), executable = False, legacy_utf8 = False)
    build = _BUILD.format(line = rctx.attr.line)
    for name in lock["dependencies"]:
        build += _ALIAS.format(name = repr(name), actual = repr("@{}//.release:source".format(repository(rctx.attr.product, name))))
    for name in lock["images"]:
        build += _ALIAS.format(name = repr("base_" + name), actual = repr("@{}//:base".format(base_repository(rctx.attr.product, name))))
    for name in lock["files"]:
        build += _ALIAS.format(name = repr("file_" + name), actual = repr("@{}//:file".format(repository(rctx.attr.product, "file_" + name))))
    rctx.file("BUILD.bazel", build, executable = False, legacy_utf8 = False)

release_line = repository_rule(
    implementation = _line_impl,
    doc = "The constants of a line (line.bzl), the rules with the constants bound (rules.bzl), its manifest and lock, and an alias for each source, base image and file.",
    attrs = {
        "files": attr.string_list(doc = "Which of the files vex.yaml, previous.lock.json and previous.release.json the line has."),
        "line": attr.string(doc = "The directory below manifests/.", mandatory = True),
        "lock": attr.string(doc = "JSON: the parts of the lock that BUILD files need.", mandatory = True),
        "product": attr.string(doc = "The product: the repository's name for the product's BUILD files.", mandatory = True),
        "stale": attr.string(doc = "How the lock's toolchain differs from the workspace's; empty if it does not."),
    },
)
