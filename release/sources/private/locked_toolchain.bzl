"""The toolchain in a lock, compared with the one that builds."""

_MODULES = {
    "gazelle": "github.com/bazelbuild/bazel-gazelle",
    "rules_go": "github.com/bazelbuild/rules_go",
}

def read_toolchain(ctx, root):
    """Returns what this workspace builds with.

    Args:
        ctx: the context of a repository rule or of a module extension, which watches what is read.
        root: the workspace's root directory.

    Returns:
        a list of tuples: a tool's name, the file that pins it, its version, and what pins its content.
    """
    builder = ctx.path(Label("//:go.mod")).dirname
    files = {
        name: ctx.read(directory.get_child(*name.split("/")), watch = "yes")
        for name, directory in {
            ".bazelversion": root,
            "go.mod": builder,
            "go.sum": builder,
            "release/sources/go_sdk.json": builder,
        }.items()
    }
    sdk = json.decode(files["release/sources/go_sdk.json"])
    tools = [
        ("Bazel", ".bazelversion", files[".bazelversion"].strip(), ""),
        ("the Go SDK", "release/sources/go_sdk.json", sdk["version"], sdk["archives"]),
    ]
    for name, path in _MODULES.items():
        lines = [line.split(" ") for line in files["go.sum"].splitlines()]
        required = [line.strip().split(" ")[1] for line in files["go.mod"].splitlines() if line.strip().startswith(path + " ")]
        for version in required:
            sums = [fields[2] for fields in lines if fields[:2] == [path, version]]
            tools.append((name, "go.mod", version, sums[0] if sums else ""))
    return tools

def stale(lock, here):
    """Says how what a lock was resolved with differs from what is here.

    Args:
        lock: the lock.
        here: what read_toolchain returned.

    Returns:
        the first difference; empty if there is none.
    """
    toolchain = lock["toolchain"]
    locked = {
        "Bazel": (toolchain["bazel"], ""),
        "gazelle": (toolchain["gazelle"]["version"], toolchain["gazelle"].get("sum", "")),
        "rules_go": (toolchain["rules_go"]["version"], toolchain["rules_go"].get("sum", "")),
        "the Go SDK": (toolchain["go"]["version"], toolchain["go"]["archives"]),
    }
    for name, file, version, content in here:
        if locked[name] != (version, content):
            old = locked[name][0]
            return "its lock was resolved with {} {}, but {} has {}".format(name, old, file, version if version != old else "other content for it")
    return ""
