"""The locks of all lines, as Starlark: the repositories, and the active line."""

load(":locked_toolchain.bzl", "read_toolchain", "stale")

_SOURCES = """load("@release_builder//release/sources:repositories.bzl", "base_image", "release_file", "release_line", "source")

def release_sources():
    \"\"\"Declares the repositories of every product: its line's and each pinned source's and base image's.\"\"\"
"""

# The files that a line may have beside its manifest, its lock and its destinations.
_FILES = ["previous.lock.json", "previous.release.json", "vex.yaml"]

# What _declare says of the workspace itself.
_WORKSPACE = "the workspace"

def read_lines(ctx, root, default):
    """Reads all locks and watches the files.

    Args:
        ctx: the context of a repository rule or of a module extension.
        root: the workspace's root directory.
        default: the active line if RELEASE_LINE is not set; empty for the only line.

    Returns:
        a struct: locks, line → lock; destinations, line → whether it has destinations.yaml; files, line → the names
        of its other files; active, the active line; here, what the workspace builds with.
    """
    locks = {}
    destinations = {}
    files = {}
    for directory in root.get_child("manifests").readdir(watch = "yes"):
        if not directory.is_dir:
            continue
        lock = directory.get_child("lock.json")
        ctx.watch(lock)
        if lock.exists:
            # Resolve reports and replaces a lock that cannot be read.
            content = json.decode(ctx.read(lock), default = None)
            if content:
                locks[directory.basename] = content
        file = directory.get_child("destinations.yaml")
        ctx.watch(file)
        destinations[directory.basename] = file.exists
        files[directory.basename] = []
        for name in _FILES:
            file = directory.get_child(name)
            ctx.watch(file)
            if file.exists:
                files[directory.basename].append(name)
    lines = destinations.keys()
    return struct(
        active = ctx.getenv("RELEASE_LINE", "") or default or (lines[0] if len(lines) == 1 else ""),
        destinations = destinations,
        files = files,
        here = read_toolchain(ctx, root),
        locks = locks,
    )

def declarations(lines, workspace = ""):
    """Returns the repositories of every product: its line's and each pinned source's, base image's and file's.

    Args:
        lines: what read_lines returned.
        workspace: the name that WORKSPACE gives the workspace, if it does. No repository can have it.

    Returns:
        a list of structs: rule, the name of a repository rule, and attrs, the attributes.
    """
    calls = []
    declared = {"release_builder": "the release builder"}
    if workspace and workspace not in declared:
        declared[workspace] = _WORKSPACE
    for product, line in sorted(_choose(lines.locks, lines.active).items()):
        lock = lines.locks[line]
        directory = "manifests/" + line
        _declare(calls, declared, "line " + line, "release_line", dict(
            name = product,
            files = lines.files[line],
            line = line,
            lock = json.encode(_summary(lock)),
            product = product,
            stale = stale(lock, lines.here),
        ))
        for dependency in lock["dependencies"]:
            for variant in [""] + sorted(dependency.get("go_tags", {}).keys()):
                what = "dependency {}{} of line {}".format(dependency["name"], ", variant " + variant if variant else "", line)
                _declare(calls, declared, what, "source", dict(
                    name = repository(product, dependency["name"], variant),
                    directory = directory,
                    entry = json.encode_indent(dependency),
                    platforms = lock["platforms"] + lock["architectures"],
                    variant = variant,
                ))
        for image in lock.get("images", []):
            _declare(calls, declared, "base of image {} of line {}".format(image["name"], line), "base_image", dict(
                name = base_repository(product, image["name"]),
                directory = directory,
                entry = json.encode_indent(image),
            ))
        for name, entries in _files(lock).items():
            _declare(calls, declared, "file {} of line {}".format(name, line), "release_file", dict(
                name = repository(product, "file_" + name),
                entries = json.encode(entries),
            ))
    return calls

def other_names(lines, calls):
    """Returns the repositories that only lines which are not built have.

    Args:
        lines: what read_lines returned.
        calls: what declarations returned.

    Returns:
        a dict: name → why there is no such repository.
    """
    here = {call.attrs["name"]: None for call in calls}
    chosen = _choose(lines.locks, lines.active)
    names = {}
    for line, lock in lines.locks.items():
        product = lock["product"]
        alone = struct(active = line, files = lines.files, here = lines.here, locks = {line: lock})
        for call in declarations(alone):
            name = call.attrs["name"]
            if name not in here:
                names[name] = "it is in line {}, but product {} is built from line {}: set RELEASE_LINE to {}".format(line, product, chosen[product], line)
    return names

def _declare(calls, declared, what, rule, attrs):
    name = attrs["name"]
    if name in declared:
        hint = "write another name to workspace() in WORKSPACE" if declared[name] == _WORKSPACE else "write another name to the manifest, and delete its lock.json"
        fail("{} and {} are both repository @{}: {}".format(declared[name], what, name, hint))
    declared[name] = what
    calls.append(struct(rule = rule, attrs = attrs))

def _workspace_name(rctx):
    """Returns the name in a line like workspace(name = "mine") of WORKSPACE; empty without one."""
    for name in ["WORKSPACE.bazel", "WORKSPACE"]:
        file = rctx.workspace_root.get_child(name)
        rctx.watch(file)
        if file.exists:
            _, call, rest = ("\n" + rctx.read(file)).partition("\nworkspace(")
            return rest.partition(")")[0].partition("\"")[2].partition("\"")[0] if call else ""
    return ""

def _lines_impl(rctx):
    lines = read_lines(rctx, rctx.workspace_root, rctx.attr.default)
    content = _SOURCES
    for call in declarations(lines, _workspace_name(rctx)):
        content += "    {}({})\n".format(call.rule, ", ".join([name + " = " + repr(value) for name, value in call.attrs.items()]))
    rctx.file("sources.bzl", content, executable = False, legacy_utf8 = False)
    rctx.file("active.bzl", _active(lines), executable = False, legacy_utf8 = False)
    rctx.file("BUILD.bazel", "" if lines.active in lines.locks else _NO_RELEASE.format(text = repr(_no_lock(lines))), executable = False, legacy_utf8 = False)

_ACTIVE = """\"\"\"The active line.\"\"\"

LINE = {line}

def release_tree_label():
    \"\"\"Returns the label of the active line's release_tree.\"\"\"
    return {tree}

def release_destinations_label():
    \"\"\"Returns the label of the active line's destinations.yaml, or None if it has none.\"\"\"
    return {destinations}
"""

def _active(lines):
    """Returns active.bzl. A line without a lock fails when its release is built, but not when it is resolved."""
    lock = lines.locks.get(lines.active)
    tree = "//release/{}:release".format(lock["product"]) if lock else "@release_lines//:release"
    label = "//manifests/{}:destinations.yaml".format(lines.active) if lines.destinations.get(lines.active) else None
    return _ACTIVE.format(line = repr(lines.active), tree = repr(tree), destinations = repr(label))

def _no_lock(lines):
    known = ", ".join(sorted(lines.locks.keys()))
    if not lines.active:
        return "RELEASE_LINE is not set: set it to one of: " + (known or "none, there are no lines yet: run tools/bazel run //release:init")
    return "line {}: manifests/{}/lock.json cannot be read; run tools/bazel run //release:resolve, or set RELEASE_LINE to one of: {}".format(
        repr(lines.active),
        lines.active,
        known,
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
        "default": attr.string(doc = "The active line if RELEASE_LINE is not set. Default: the only line."),
    },
    environ = ["RELEASE_LINE"],
)
