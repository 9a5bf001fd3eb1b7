"""The programs that repository rules need before Bazel can build any: fetch, pull.

The pinned SDK compiles them; go.sum verifies their sources.
"""

load(":environment.bzl", "GO_ENVIRON", "airgap", "store_path")
load(":execute.bzl", "ask_go", "execute")

_HOST_TOOLS = "@release_host_tools//:BUILD.bazel"
_SDK_ROOT = "@go_sdk_files//:ROOT"

# Prints the directories of a program's packages that are in this repository.
_OWN_FOLDERS = "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}"

# Prints each package that cannot be read, with the reason.
_BROKEN = "{{with .Error}}{{$.ImportPath}} {{.Err}}{{end}}"

def go_command(rctx):
    """Returns the path of the pinned SDK's go command."""
    return rctx.path(Label(_SDK_ROOT)).dirname.get_child("bin", "go.exe" if rctx.os.name.startswith("windows") else "go")

def host_tool(rctx, repository, program):
    """Finds a program of a host_tools repository. The rule runs again when it changes.

    Args:
        rctx: the repository context.
        repository: the label, as a string, of the BUILD file of the repository.
        program: the program's name.

    Returns:
        the program's path.
    """
    path = rctx.path(Label(repository)).dirname.get_child("bin", program)
    rctx.watch(path)
    return path

def fetch_command(rctx):
    """Starts a command line of fetch. The rule runs again when a program changes.

    Args:
        rctx: the repository context.

    Returns:
        a list: the program, and flags for the SDK, the store and the air gap.
    """
    return _fetch_command(rctx, host_tool(rctx, _HOST_TOOLS, "fetch"))

def _fetch_command(rctx, fetch):
    return [
        fetch,
        "--go",
        go_command(rctx),
        "--store",
        store_path(rctx),
    ] + (["--airgap"] if airgap(rctx) else [])

def _escape(path):
    """Escapes a path for a URL in GOPROXY, which is separated by commas and bars."""
    for char, code in [("%", "%25"), (" ", "%20"), ("#", "%23"), (",", "%2C"), ("?", "%3F"), ("|", "%7C")]:
        path = path.replace(char, code)
    return path

def _go_cache(rctx):
    """Returns a build cache for the go command: the launcher's, unless it is not writable."""
    cache = rctx.getenv("RELEASE_CACHE", "")
    if cache:
        cache += "/go-build"
        if not execute(rctx, ["sh", "-c", "mkdir -p -- \"$1\" && test -w \"$1\"", "sh", cache]).return_code:
            return cache
    return str(rctx.path("gocache"))

def host_tools_environment(rctx, go):
    """Returns the environment in which the go command compiles programs for this machine.

    Args:
        rctx: the repository context.
        go: the path of the go command.

    Returns:
        a dict. Its directories are in the repository, to be deleted; the build cache may be the launcher's.
    """
    rctx.file("gomodcache/README", "What the go command needs while it compiles.\n")
    proxy = "file://" + _escape(store_path(rctx)) + "/goproxy"
    if airgap(rctx):
        # go.sum verifies what is compiled.
        download = {"GONOPROXY": "none", "GOPROXY": proxy, "GOSUMDB": "off", "GOVCS": "*:off"}
    else:
        download = ask_go(rctx, go, ["GOAUTH", "GOINSECURE", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOVCS"])
        download["GOPROXY"] = proxy + "," + download["GOPROXY"]
    return {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOCACHE": _go_cache(rctx),
        "GOENV": "off",
        "GOFLAGS": "-modcacherw -trimpath -buildvcs=false",
        "GOMODCACHE": str(rctx.path("gomodcache")),
        "GOPATH": str(rctx.path("gomodcache/gopath")),
        # /tmp may be small.
        "GOTMPDIR": str(rctx.path("gomodcache")),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    } | download

def _run_go(rctx, what, args):
    """Runs the go command in the project's root directory and returns its output."""
    go = go_command(rctx)
    result = execute(
        rctx,
        [go] + args + rctx.attr.packages,
        environment = host_tools_environment(rctx, go),
        timeout = 1800,
        working_directory = str(rctx.path(rctx.attr.go_mod).dirname),
    )
    if result.return_code:
        broken = [] if "checksum mismatch" in result.stderr else _broken_modules(rctx, go)
        fail("{}{}:\n{}".format(
            what,
            " from the store {} alone, because of --config=airgap".format(store_path(rctx)) if airgap(rctx) else "",
            "\n".join(broken) or result.stderr,
        ))
    return result.stdout

def _broken_modules(rctx, go):
    """Names the modules that cannot be read, with their sums: for a damaged zip the go command prints neither."""
    root = rctx.path(rctx.attr.go_mod).dirname
    result = execute(
        rctx,
        [go, "list", "-e", "-deps", "-f", _BROKEN] + rctx.attr.packages,
        environment = host_tools_environment(rctx, go),
        timeout = 1800,
        working_directory = str(root),
    )
    sums = [line.split(" ") for line in rctx.read(root.get_child("go.sum")).splitlines()]
    broken = {}
    for line in result.stdout.splitlines():
        package, _, why = line.partition(" ")
        for module, version, sum in sums:
            if (package + "/").startswith(module + "/") and not version.endswith("/go.mod"):
                broken["module {}@{}, {}: {}".format(module, version, sum, why)] = None
    return broken.keys()

def _watch_sources(rctx):
    """Makes the rule run again when a source file of the programs changes."""
    for directory in _run_go(rctx, "listing the sources of " + " ".join(rctx.attr.packages), ["list", "-deps", "-f", _OWN_FOLDERS]).splitlines():
        for file in rctx.path(directory).readdir(watch = "yes") if directory else []:
            if file.basename.endswith(".go") and not file.basename.endswith("_test.go"):
                rctx.watch(file)

def _host_tools_impl(rctx):
    what = "compiling " + " ".join(rctx.attr.packages)
    rctx.report_progress(what)
    _run_go(rctx, what, ["build", "-o", str(rctx.path("bin")) + "/"])
    _watch_sources(rctx)
    rctx.file("BUILD.bazel", "exports_files(glob([\"bin/*\"]))\n")
    if not airgap(rctx):
        fetch = rctx.path("bin").get_child("fetch")
        command = _fetch_command(rctx, fetch) if fetch.exists else fetch_command(rctx)
        result = execute(rctx, command + ["import", "--cache", "gomodcache/cache/download"])
        if result.return_code:
            fail("adding the modules of {} to the store:\n{}".format(" ".join(rctx.attr.packages), result.stderr))
    rctx.delete("gomodcache")
    rctx.delete("gocache")

host_tools = repository_rule(
    implementation = _host_tools_impl,
    doc = "Compiles programs of the project and its modules with the pinned Go SDK.",
    attrs = {
        "go_mod": attr.label(doc = "The project's go.mod.", mandatory = True),
        "go_sum": attr.label(doc = "The project's go.sum.", mandatory = True),
        "packages": attr.string_list(doc = "The packages to compile, as for `go build`. One of the repositories has to have fetch.", mandatory = True),
    },
    environ = GO_ENVIRON + ["RELEASE_CACHE"],
)
