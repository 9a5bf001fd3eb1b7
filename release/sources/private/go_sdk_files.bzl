"""The Go SDK, from the Go module proxy of the user's own Go."""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "read_user_netrc", "use_netrc")
load(":environment.bzl", "GO_ENVIRON", "airgap", "go_proxies", "host_platform", "store_path")
load(":execute.bzl", "execute")

def _go_sdk_files_impl(rctx):
    sdk = json.decode(rctx.read(rctx.attr.pins))
    platform = host_platform(rctx)
    archive = sdk["archives"].get(platform)
    if not archive:
        fail("no Go SDK is pinned for {}: {} has {}".format(platform, rctx.attr.pins, ", ".join(sdk["archives"].keys())))

    module = "golang.org/toolchain@v0.0.1-go{}.{}".format(sdk["version"], platform.replace("_", "-"))
    urls = ["{}/{}".format(proxy, module.replace("@", "/@v/") + ".zip") for proxy in go_proxies(rctx)]
    rctx.report_progress("Fetching Go {}".format(sdk["version"]))
    result = rctx.download_and_extract(
        # A URL is required even if only the repository cache may be used.
        url = urls or ["https://localhost/" + module],
        sha256 = archive["sha256"].removeprefix("sha256:"),
        stripPrefix = module,
        type = "zip",
        auth = use_netrc(read_user_netrc(rctx), urls, {}),
        allow_fail = True,
    )
    if not result.success:
        if airgap(rctx):
            why = "the store {} has no file with this digest, and --config=airgap allows no download".format(store_path(rctx))
        elif urls:
            why = "no module proxy has it: " + ", ".join(urls)
            proxies = [name for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] if rctx.getenv(name)]
            if proxies:
                # Its value may have a password.
                why += "; {} is set, so the download goes through that proxy: check that it works".format(" and ".join(proxies))
        else:
            why = "no Go module proxy is known: set GOPROXY, or install Go"
        fail("fetching {}, {}: {}".format(module, archive["sha256"], why))

    # A module zip has no executable bits and no second go.mod. The go command restores both in the same way when it
    # downloads a toolchain. Modes do not depend on Bazel's umask.
    rctx.delete("go.mod")
    for module_file in ["src/go.mod", "src/cmd/go.mod"]:
        rctx.file(module_file, rctx.read(module_file.replace("go.mod", "_go.mod")), executable = False)
    if not platform.startswith("windows"):
        for modes in [["u=rwX,go=rX", "."], ["a+x", "bin", "pkg/tool"]]:
            result = execute(rctx, ["chmod", "-R"] + modes)
            if result.return_code:
                fail("setting the modes of the Go SDK: " + result.stderr)
    rctx.file("ROOT")
    rctx.file("BUILD.bazel", "exports_files([\"LICENSE\", \"PATENTS\", \"ROOT\"])\n")

go_sdk_files = repository_rule(
    implementation = _go_sdk_files_impl,
    doc = "The files of a pinned Go SDK. The file //:ROOT is in GOROOT.",
    attrs = {
        "pins": attr.label(
            doc = "JSON: the version and, for each platform, the module zip's h1 sum and SHA-256.",
            mandatory = True,
        ),
    },
    environ = GO_ENVIRON,
)
