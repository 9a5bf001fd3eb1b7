"""What the repository rules need to know about the machine."""

load(":execute.bzl", "ask_go")

# A change to any of these may change what can be fetched.
GO_ENVIRON = ["GOPROXY", "RELEASE_AIRGAP", "RELEASE_STORE"]

# The same for base images.
REGISTRY_ENVIRON = ["RELEASE_AIRGAP", "RELEASE_STORE"]

def host_platform(rctx):
    """Names the platform that Bazel runs on.

    Args:
        rctx: the repository context.

    Returns:
        the name in Go's form: linux_amd64.
    """
    os = rctx.os.name
    if os.startswith("mac"):
        os = "darwin"
    elif os.startswith("windows"):
        os = "windows"
    arch = {"aarch64": "arm64", "x86_64": "amd64"}.get(rctx.os.arch, rctx.os.arch)
    return os + "_" + arch

def airgap(rctx):
    """Returns whether the network may not be used."""
    return rctx.getenv("RELEASE_AIRGAP", "") == "1"

def store_path(rctx):
    """Finds the store.

    Args:
        rctx: the repository context.

    Returns:
        the directory: RELEASE_STORE, which the launcher sets, or the launcher's default.
    """
    store = rctx.getenv("RELEASE_STORE")
    if store:
        return store
    cache = rctx.getenv("RELEASE_CACHE")
    if not cache:
        cache = (rctx.getenv("XDG_CACHE_HOME") or rctx.getenv("HOME", "/tmp") + "/.cache") + "/release-builder"
    return cache + "/store"

def go_proxies(rctx):
    """Finds the Go module proxies.

    Args:
        rctx: the repository context.

    Returns:
        their URLs, from GOPROXY or the go command on PATH; none in an air gap, or if there is neither.
    """
    if airgap(rctx):
        return []
    proxies = rctx.getenv("GOPROXY")
    if not proxies:
        go = rctx.which("go")
        if not go:
            return []
        proxies = ask_go(rctx, go, ["GOPROXY"])["GOPROXY"]
    return [p.rstrip("/") for p in proxies.replace("|", ",").split(",") if "://" in p]
