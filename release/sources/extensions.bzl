"""The module extension that brings what a release is made of and what makes it.

A second one, in :go.bzl, has what needs the Go rules, which this one brings.
"""

load("//release/sources/private:absent.bzl", "absent")
load("//release/sources/private:base_image.bzl", "base_image")
load("//release/sources/private:line.bzl", "release_line")
load("//release/sources/private:lines.bzl", "declarations", "other_names", "read_lines", "release_lines")
load("//release/sources/private:release_file.bzl", "release_file")
load("//release/sources/private:source.bzl", "source")
load("//release/sources/private:tools.bzl", "tool_repositories")

_RULES = {
    "base_image": base_image,
    "release_file": release_file,
    "release_line": release_line,
    "source": source,
}

# What rules_go names for nogo, and this project has no use for. A WORKSPACE gets them from go_rules_dependencies.
_UNUSED = ["com_github_aymanbagabas_go_udiff", "org_golang_x_tools"]

def _release_impl(mctx):
    default = ""
    for module in mctx.modules:
        for tag in module.tags.default:
            if module.is_root:
                default = tag.line
    tool_repositories()
    release_lines(name = "release_lines", default = default)
    lines = read_lines(mctx, mctx.path(Label("@@//:MODULE.bazel")).dirname, default)
    calls = declarations(lines)
    for call in calls:
        _RULES[call.rule](**call.attrs)
    for name in _UNUSED:
        absent(name = name, apparent = name, text = "nothing in this workspace may use it")
    for name, text in other_names(lines, calls).items():
        absent(name = name, apparent = name, text = text)

release = module_extension(
    implementation = _release_impl,
    doc = "The repositories that the locks in the root module's manifests/ pin, the Go SDK, the Go rules and the tools.",
    environ = ["RELEASE_LINE"],
    tag_classes = {
        "default": tag_class(
            attrs = {"line": attr.string(doc = "The active line if RELEASE_LINE is not set.", mandatory = True)},
            doc = "Chooses between several lines. Only the root module's counts.",
        ),
    },
)
