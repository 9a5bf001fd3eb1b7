"""A pinned base image as a repository."""

load(":environment.bzl", "REGISTRY_ENVIRON", "airgap", "store_path")
load(":execute.bzl", "execute")
load(":host_tools.bzl", "host_tool")

_PULL = "@release_pull_tool//:BUILD.bazel"

def _base_image_impl(rctx):
    name = json.decode(rctx.attr.entry)["name"]
    rctx.file(".release/entry.json", rctx.attr.entry, executable = False, legacy_utf8 = False)
    rctx.report_progress("Fetching base image " + name)
    result = execute(rctx, [
        host_tool(rctx, _PULL, "pull"),
        "--store",
        store_path(rctx),
        "--entry",
        ".release/entry.json",
        "--base",
        rctx.workspace_root.get_child(*rctx.attr.directory.split("/")),
        "--out",
        ".",
    ] + (["--airgap"] if airgap(rctx) else []), timeout = 3600)
    if result.return_code:
        fail("fetching base image {}:\n{}".format(name, result.stderr))

base_image = repository_rule(
    implementation = _base_image_impl,
    doc = """A pinned base image: //:base, with BaseImageInfo.

Its blobs come from the store or, by digest, from the origin in the lock.""",
    attrs = {
        "entry": attr.string(doc = "The image's entry of lock.json.", mandatory = True),
        "directory": attr.string(doc = "The directory of the manifest. Local paths are relative to it.", default = "manifests"),
    },
    environ = REGISTRY_ENVIRON,
)
