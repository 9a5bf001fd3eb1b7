"""The locks of all lines, as Starlark: the repositories, and the active line."""

load(":locked_toolchain.bzl", "read_toolchain", "stale")

_SOURCES = """load("@release_builder//release/sources:repositories.bzl", "base_image", "release_file", "release_line", "source")

def release_sources():
    \"\"\"Declares the repositories of every product: its line's and each pinned source's and base image's.\"\"\"
"""

# The files that a line may have beside its manifest, its lock and its destinations.
_FILES = ["previous.lock.json", "previous.release.json", "vex.yaml"]

def _lines_impl(rctx):
    root = rctx.path(rctx.attr.workspace).dirname
    active = rctx.getenv("RELEASE_LINE", "") or rctx.attr.default
    locks = {}
    destinations = {}
    files = {}
    for directory in root.get_child("manifests").readdir(watch = "yes"):
        lock = directory.get_child("lock.json")
        rctx.watch(lock)
        if lock.exists:
            # Resolve reports and replaces a lock that cannot be read.
            content = json.decode(rctx.read(lock), default = None)
            if content:
                locks[directory.basename] = content
        file = directory.get_child("destinations.yaml")
        rctx.watch(file)
        destinations[directory.basename] = file.exists
        files[directory.basename] = []
        for name in _FILES:
            file = directory.get_child(name)
            rctx.watch(file)
            if file.exists:
                files[directory.basename].append(name)

    here = read_toolchain(rctx, root)
    content = _SOURCES
    declared = {}
    for product, line in sorted(_choose(locks, active).items()):
        lock = locks[line]
        content += "    release_line(name = {}, line = {}, lock = {}, stale = {}, files = {})\n".format(
            repr(product),
            repr(line),
            repr(json.encode(_summary(lock))),
            repr(stale(lock, here)),
            repr(files[line]),
        )
        _declare(declared, product, "line " + line)
        for dependency in lock["dependencies"]:
            content += _sources(product, line, dependency, lock["platforms"] + lock["architectures"], declared)
        for image in lock.get("images", []):
            base = base_repository(product, image["name"])
            _declare(declared, base, "base of image {} of line {}".format(image["name"], line))
            content += "    base_image(name = {}, directory = {}, entry = {})\n".format(repr(base), repr("manifests/" + line), repr(json.encode_indent(image)))
        for name, entries in _files(lock).items():
            file = repository(product, "file_" + name)
            _declare(declared, file, "file {} of line {}".format(name, line))
            content += "    release_file(name = {}, entries = {})\n".format(repr(file), repr(json.encode(entries)))
    rctx.file("sources.bzl", content, executable = False, legacy_utf8 = False)
    rctx.file("active.bzl", _active(locks, active, destinations.get(active, False)), executable = False, legacy_utf8 = False)
    rctx.file("BUILD.bazel", "" if active in locks else _NO_RELEASE.format(text = repr(_no_lock(locks, active))), executable = False, legacy_utf8 = False)

def _sources(product, line, dependency, platforms, declared):
    """Returns the declarations of a dependency's repositories, one for itself and one for each variant."""
    content = ""
    for variant in [""] + sorted(dependency.get("go_tags", {}).keys()):
        name = repository(product, dependency["name"], variant)
        _declare(declared, name, "dependency {}{} of line {}".format(dependency["name"], ", variant " + variant if variant else "", line))
        content += "    source(name = {}, directory = {}, entry = {}, platforms = {}{})\n".format(
            repr(name),
            repr("manifests/" + line),
            repr(json.encode_indent(dependency)),
            repr(platforms),
            ", variant = " + repr(variant) if variant else "",
        )
    return content

def _declare(declared, name, what):
    if name in declared:
        fail("{} and {} are both repository @{}: rename one in its manifest and delete its lock.json".format(declared[name], what, name))
    declared[name] = what

_ACTIVE = """\"\"\"The active line.\"\"\"

LINE = {line}

def release_tree_label():
    \"\"\"Returns the label of the active line's release_tree.\"\"\"
    return {tree}

def release_destinations_label():
    \"\"\"Returns the label of the active line's destinations.yaml, or None if it has none.\"\"\"
    return {destinations}
"""

def _active(locks, active, destinations):
    """Returns active.bzl. A line without a lock fails when its release is built, but not when it is resolved."""
    tree = "//release/{}:release".format(locks[active]["product"]) if active in locks else "@release_lines//:release"
    label = "//manifests/{}:destinations.yaml".format(active) if destinations else None
    return _ACTIVE.format(line = repr(active), tree = repr(tree), destinations = repr(label))

def _no_lock(locks, active):
    return "line {}: manifests/{}/lock.json cannot be read; run tools/bazel run //release:resolve, or set RELEASE_LINE to one of: {}".format(
        repr(active),
        active,
        ", ".join(sorted(locks.keys())),
    )

_NO_RELEASE = """load("@release_builder//release/rules/private:line_error.bzl", "line_error")

line_error(
    name = "release",
    text = {text},
    visibility = ["//visibility:public"],
)
"""

def _choose(locks, active):
    """Returns product → line: the active line for its product; for others the line of the same name, else the first."""
    chosen = {}
    for line in sorted(locks.keys()):
        product = locks[line]["product"]
        if line == active or (chosen.get(product) != active and (product not in chosen or line == product)):
            chosen[product] = line
    return chosen

def _files(lock):
    """Returns name → the lock's entries with that name, one for each platform."""
    files = {}
    for entry in lock.get("files") or []:
        files.setdefault(entry["name"], []).append(entry)
    return files

def _summary(lock):
    """Returns the parts of a lock that BUILD files need, and no others: each change reloads them."""
    return {
        "architectures": lock["architectures"],
        "dashboards": lock.get("dashboards", {}),
        "dependencies": {d["name"]: {
            "commit": _commit(d),
            "primary": d.get("primary", False),
            "variants": d.get("go_tags", {}),
            "version": _version(d),
        } for d in lock["dependencies"]},
        "docker": lock.get("docker", ""),
        "files": _files(lock).keys(),
        "images": [image["name"] for image in lock.get("images", [])],
        "names": lock.get("names", ""),
        "license_exceptions": [e["component"] for e in (lock.get("licenses") or {}).get("exceptions", [])],
        "outputs": lock.get("outputs", []),
        "platforms": lock["platforms"],
        "skip_sbom": lock.get("skip_sbom", False),
        "time": lock["time"],
        "version": lock["version"],
    }

def _commit(dependency):
    """Returns the commit of a source; of a module, the 12 digits in its version if that is a pseudo-version."""
    module = dependency.get("module")
    if not module:
        return (dependency.get("git") or dependency.get("local") or {}).get("commit", "")

    # https://go.dev/ref/mod#pseudo-versions: …-20260827124520-eed52ebb66ad or ….0.20260827124520-eed52ebb66ad
    time, dash, commit = module["version"].removesuffix("+incompatible").rpartition("-")
    digits = time[-14:]
    if not dash or len(commit) != 12 or len(digits) != 14 or not digits.isdigit() or commit.strip("0123456789abcdef"):
        return ""
    return commit

def _version(dependency):
    """Returns a source's version for people: a module's version, a tag, a branch, or a short commit; empty for a directory."""
    git = dependency.get("git")
    if git:
        return git.get("ref", "").removeprefix("refs/heads/").removeprefix("refs/tags/") or git["commit"][:12]
    return (dependency.get("module") or {}).get("version", "")

def repository(product, dependency, variant = ""):
    """Names the repository of a product's dependency.

    Args:
        product: the product.
        dependency: the dependency's name.
        variant: the name of a set of build tags of the dependency; none if empty.

    Returns:
        the name.
    """
    return "_".join([product, dependency] + ([variant] if variant else [])).replace("-", "_").replace(".", "_")

def base_repository(product, image):
    """Returns the name of the repository of an image's base."""
    return repository(product, "base_" + image)

release_lines = repository_rule(
    implementation = _lines_impl,
    doc = "Reads manifests/*/lock.json. RELEASE_LINE names the active line.",
    attrs = {
        "default": attr.string(doc = "The active line if RELEASE_LINE is not set.", default = "toolbox"),
        "workspace": attr.label(doc = "A file in the workspace's root directory.", default = "@//:WORKSPACE"),
    },
    environ = ["RELEASE_LINE"],
)
