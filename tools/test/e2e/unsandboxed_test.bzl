"""A test that runs outside of the sandbox."""

def _unsandboxed_test_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable.test, is_executable = True)
    return [
        DefaultInfo(executable = executable, runfiles = ctx.attr.test[DefaultInfo].default_runfiles),
        testing.ExecutionInfo({"no-sandbox": "1"}),
        ctx.attr.test[RunEnvironmentInfo],
    ]

unsandboxed_test = rule(
    implementation = _unsandboxed_test_impl,
    doc = "Runs a test outside of the sandbox: one that starts a Bazel of its own, which writes to the launcher's cache.",
    attrs = {
        "test": attr.label(cfg = "target", doc = "The test.", executable = True, mandatory = True),
    },
    test = True,
)
