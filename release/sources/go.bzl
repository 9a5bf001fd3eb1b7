"""What needs the Go rules: the second half of a workspace with a WORKSPACE file, and a module extension."""

load("@io_bazel_rules_go//go:deps.bzl", "go_register_toolchains", "go_rules_dependencies", "go_wrap_sdk")
load("@io_bazel_rules_go//go/private:nogo.bzl", "DEFAULT_NOGO", "go_register_nogo")  # buildifier: disable=bzl-visibility
load("@io_bazel_rules_go//go/private:polyfill_bazel_features.bzl", "polyfill_bazel_features")  # buildifier: disable=bzl-visibility
load("//release/sources/private:go_tools.bzl", "go_tools")

_ROOT = Label("@go_sdk_files//:ROOT")

# The programs by which the rules do their work; and what actions of rules_go run: ready-made on this machine, and else
# as rules_go makes it.
_TOOLCHAINS = [
    "@release_builder//release/toolchain:host_toolchain",
    "@release_builder//release/toolchain:tools_toolchain",
    "@release_go_tools//:all",
]

# buildifier: disable=unnamed-macro
def release_go():
    """Declares the rest of what a WORKSPACE needs, beside its lines, and registers the toolchains."""
    go_rules_dependencies()
    native.register_toolchains(*_TOOLCHAINS)
    go_tools(name = "release_go_tools")
    go_wrap_sdk(name = "go_sdk", root_file = _ROOT)
    go_register_toolchains()

def _go_impl(_mctx):
    go_tools(name = "release_go_tools")
    go_wrap_sdk(name = "go_sdk", register_toolchains = False, root_file = _ROOT)
    go_register_nogo(name = "io_bazel_rules_nogo", nogo = DEFAULT_NOGO)
    polyfill_bazel_features(name = "io_bazel_rules_go_bazel_features")

go = module_extension(
    implementation = _go_impl,
    doc = "The Go SDK and the programs that the Go rules run.",
)
