"""The rule that makes Bazel repositories from Go sources: a release's and the tools' own."""

load("//release/toolchain:stdlib.bzl", "STDLIB")
load(":environment.bzl", "GO_ENVIRON")
load(":execute.bzl", "execute")
load(":host_tools.bzl", "fetch_command")

def _source_impl(rctx):
    if bool(rctx.attr.entry) == bool(rctx.attr.go_mod):
        fail("repository {}: set either entry or go_mod".format(rctx.name))
    command = fetch_command(rctx)
    if rctx.attr.entry:
        what = json.decode(rctx.attr.entry)["name"]
        rctx.file(".release/entry.json", rctx.attr.entry, executable = False, legacy_utf8 = False)
        command += ["source", "--entry", ".release/entry.json", "--base", rctx.workspace_root.get_child(*rctx.attr.directory.split("/")), "--stdlib", ",".join(STDLIB), "--platforms", ",".join(rctx.attr.platforms)]
        if rctx.attr.variant:
            what += ", variant " + rctx.attr.variant
            command += ["--variant", rctx.attr.variant]
    else:
        what = "the modules of go.mod"
        command += ["tools", "--go-mod", rctx.path(rctx.attr.go_mod), "--go-sum", rctx.path(rctx.attr.go_sum), "--imports", rctx.path(rctx.attr.imports)]
    rctx.report_progress("Fetching {}".format(what))
    result = execute(rctx, command + ["--out", ".", "--repository", rctx.name], timeout = 3600)
    if result.return_code:
        fail("fetching {}:\n{}".format(what, result.stderr))

source = repository_rule(
    implementation = _source_impl,
    doc = """A pinned source with everything that it imports.

It unpacks the source, copies the packages that its modules import (verified by go.sum) to vendor directories,
hides the source's own BUILD files from Bazel, and writes one for each package from the go command's answers: its
files on each platform, imports, embedded files, module and language version.
A variant's packages are built with its build tags: GOTAGS in @<product>//:line.bzl.""",
    attrs = {
        "entry": attr.string(doc = "The dependency's entry of lock.json."),
        "directory": attr.string(doc = "The directory of the manifest. Local paths are relative to it.", default = "manifests"),
        "go_mod": attr.label(doc = "Instead of an entry: the go.mod whose modules to fetch."),
        "go_sum": attr.label(doc = "The go.sum of go_mod."),
        "imports": attr.label(doc = "A Go file that imports every package that is needed from go_mod's modules."),
        "platforms": attr.string_list(doc = "The platforms and the architectures of the line, to which the BUILD files are limited."),
        "variant": attr.string(doc = "The name of one of the entry's go_tags; none if empty."),
    },
    environ = GO_ENVIRON,
)
