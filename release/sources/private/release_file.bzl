"""A pinned file from the web."""

load(":environment.bzl", "GO_ENVIRON")
load(":execute.bzl", "execute")
load(":host_tools.bzl", "fetch_command")

_LOAD = """load("@release_builder//release/rules:defs.bzl", "release_platform_file")

package(default_visibility = ["//visibility:public"])
"""

_FILE = """
filegroup(
    name = {name},
    srcs = [{label}],
)
"""

_BY_PLATFORM = """
release_platform_file(
    name = "file",
    files = {files},
    program = {program},
)
"""

def _release_file_impl(rctx):
    command = fetch_command(rctx) + ["file"]
    files = {}
    entries = json.decode(rctx.attr.entries)
    for entry in entries:
        platform = entry.get("platform", "")
        rctx.report_progress("Fetching " + entry["url"])
        listing = ".release/{}.json".format(platform or "entry")
        directory = "files/" + (platform or "all")
        rctx.file(listing, json.encode(entry), executable = False, legacy_utf8 = False)
        result = execute(rctx, command + ["--entry", listing, "--out", directory], timeout = 3600)
        if result.return_code:
            fail("fetching file {}:\n{}".format(entry["name"], result.stderr))
        files[directory + "/" + result.stdout.strip()] = platform
    build = _LOAD
    if files.values() == [""]:
        build += _FILE.format(name = repr("file"), label = repr(files.keys()[0]))
    else:
        build += _BY_PLATFORM.format(files = repr(files), program = repr(entries[0]["name"]))
        for label, platform in files.items():
            build += _FILE.format(name = repr(platform), label = repr(label))
    rctx.file("BUILD.bazel", build, executable = False, legacy_utf8 = False)

release_file = repository_rule(
    implementation = _release_file_impl,
    doc = """A pinned file, one for all platforms or one for each.

//:file is the file, or a release_platform_file with a file for each platform. These are also //:<platform>.""",
    attrs = {
        "entries": attr.string(doc = "JSON: the entries of lock.json with the file's name.", mandatory = True),
    },
    environ = GO_ENVIRON,
)
