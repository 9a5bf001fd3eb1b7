"""The one rule by which Go sources become Bazel repositories: a release's and the tools' own."""

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
        command += ["source", "--entry", ".release/entry.json", "--base", rctx.path(rctx.attr.workspace).dirname.get_child(*rctx.attr.directory.split("/")), "--stdlib", ",".join(STDLIB)]
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

Unpacks the source, copies what its modules import (go.sum verifies it) into vendor directories, hides from
Bazel the BUILD files that came along, and writes one for each package by what the go command says of it: its
files on each platform, imports, embedded files, module and language.
A variant's packages have the files that its build tags choose: GOTAGS in //.release:tags.bzl.""",
    attrs = {
        "entry": attr.string(doc = "The dependency's entry of lock.json."),
        "directory": attr.string(doc = "The directory of the manifest, to which a local path is relative.", default = "manifests"),
        "go_mod": attr.label(doc = "Instead of an entry: the go.mod whose modules to bring."),
        "go_sum": attr.label(doc = "The go.sum of go_mod."),
        "imports": attr.label(doc = "A Go file that imports every package wanted from go_mod's modules."),
        "variant": attr.string(doc = "Which of the entry's go_tags hold; none if empty."),
        "workspace": attr.label(doc = "A file in the root of the workspace.", default = "@//:WORKSPACE"),
    },
    environ = GO_ENVIRON,
)
