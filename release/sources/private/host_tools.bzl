"""The two programs that repository rules need before Bazel can build any: fetch and gazelle.

The pinned SDK compiles them; go.sum verifies what they are compiled from.
"""

load(":environment.bzl", "GO_ENVIRON", "airgap", "store_path")

_HOST_TOOLS = "@release_host_tools//:BUILD.bazel"
_SDK_ROOT = "@go_sdk_files//:ROOT"
_FETCH_PACKAGES = ["fetch", "internal/cli", "internal/digest", "internal/download", "internal/gitsource", "internal/gomod", "internal/gosource", "internal/jsonfile", "internal/lock", "internal/sourcetar", "internal/store"]

def go_command(rctx):
    """Returns the path of the pinned SDK's go command."""
    return rctx.path(Label(_SDK_ROOT)).dirname.get_child("bin", "go.exe" if rctx.os.name.startswith("windows") else "go")

def fetch_command(rctx):
    """Starts a command line of fetch. The rule runs again when the program changes.

    Args:
        rctx: the repository context.

    Returns:
        a list: the program, where the SDK and the store are, whether a network may be used.
    """
    bin = rctx.path(Label(_HOST_TOOLS)).dirname.get_child("bin")
    for program in bin.readdir():
        rctx.watch(program)
    return _fetch_command(rctx, bin)

def _fetch_command(rctx, bin):
    return [
        bin.get_child("fetch"),
        "--go",
        go_command(rctx),
        "--gazelle",
        bin.get_child("gazelle"),
        "--store",
        store_path(rctx),
    ] + (["--airgap"] if airgap(rctx) else [])

def _escape(path):
    """Writes a path as a part of a URL that stands in GOPROXY, where commas and bars separate."""
    for char, code in [("%", "%25"), (" ", "%20"), ("#", "%23"), (",", "%2C"), ("?", "%3F"), ("|", "%7C")]:
        path = path.replace(char, code)
    return path

def _go_cache(rctx):
    """Returns a folder for what the go command compiles: the launcher's, unless it is somebody else's to write."""
    cache = rctx.getenv("RELEASE_CACHE", "")
    if cache:
        cache += "/go-build"
        if not rctx.execute(["sh", "-c", "mkdir -p -- \"$1\" && test -w \"$1\"", "sh", cache]).return_code:
            return cache
    return str(rctx.path("gocache"))

def _host_tools_impl(rctx):
    rctx.report_progress("Compiling tools/fetch and gazelle")
    root = rctx.path(rctx.attr.go_mod).dirname
    for package in _FETCH_PACKAGES:
        for file in root.get_child("tools", *package.split("/")).readdir():
            if file.basename.endswith(".go") and not file.basename.endswith("_test.go"):
                rctx.watch(file)
    store = store_path(rctx)
    proxy = ["file://" + _escape(store) + "/goproxy"]
    go = go_command(rctx)
    if not airgap(rctx):
        proxy.append(rctx.execute([go, "env", "GOPROXY"]).stdout.strip())
    environment = {
        "CGO_ENABLED": "0",
        "GOCACHE": _go_cache(rctx),
        "GOFLAGS": "-modcacherw -trimpath -buildvcs=false",
        "GOMODCACHE": str(rctx.path("gomodcache")),
        "GOPROXY": ",".join(proxy),
        "GOROOT": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    result = rctx.execute(
        [go, "build", "-o", str(rctx.path("bin")) + "/", "./tools/fetch", "github.com/bazelbuild/bazel-gazelle/cmd/gazelle"],
        environment = environment,
        timeout = 1800,
        working_directory = str(root),
    )
    if result.return_code:
        fail("compiling tools/fetch and gazelle{}:\n{}".format(
            " from the store {} alone, as --config=airgap asks".format(store) if airgap(rctx) else "",
            result.stderr,
        ))
    rctx.file("BUILD.bazel", "exports_files(glob([\"bin/*\"]))\n")
    if not airgap(rctx):
        result = rctx.execute(_fetch_command(rctx, rctx.path("bin")) + ["import", "--cache", "gomodcache/cache/download"])
        if result.return_code:
            fail("keeping the modules of tools/fetch and gazelle in the store:\n" + result.stderr)
    rctx.delete("gomodcache")
    rctx.delete("gocache")

host_tools = repository_rule(
    implementation = _host_tools_impl,
    doc = "Compiles tools/fetch and the gazelle command with the pinned Go SDK.",
    attrs = {
        "go_mod": attr.label(doc = "The project's go.mod.", mandatory = True),
        "go_sum": attr.label(doc = "The project's go.sum.", mandatory = True),
    },
    environ = GO_ENVIRON + ["RELEASE_CACHE"],
)
