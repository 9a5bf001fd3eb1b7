"""A command that is run on a release."""

load(":release_info.bzl", "ReleaseInfo")

def _release_command_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable.command, is_executable = True)
    environment = {"RELEASE_LINE": ctx.attr.line}
    for name, files in {"RELEASE_CHECKSUMS": ctx.files.release, "RELEASE_DESTINATIONS": ctx.files.destinations}.items():
        for file in files:
            if name != "RELEASE_CHECKSUMS" or file.basename == "SHA256SUMS":
                environment[name] = _rlocation_path(ctx, file)
    runfiles = ctx.runfiles(files = ctx.files.release + ctx.files.destinations)
    return [
        DefaultInfo(
            executable = executable,
            runfiles = runfiles.merge(ctx.attr.command[DefaultInfo].default_runfiles),
        ),
        RunEnvironmentInfo(environment = environment),
    ]

def _rlocation_path(ctx, file):
    return ctx.workspace_name + "/" + file.short_path

release_command = rule(
    implementation = _release_command_impl,
    doc = """Has `bazel run` build a release and run a command on it.

The command's environment has RELEASE_LINE, and as paths in the runfiles
RELEASE_CHECKSUMS, the SHA256SUMS of the release, and RELEASE_DESTINATIONS.""",
    attrs = {
        "command": attr.label(doc = "The program.", cfg = "target", executable = True, mandatory = True),
        "destinations": attr.label(doc = "The line's destinations.yaml, if it has one.", allow_single_file = [".yaml"]),
        "line": attr.string(doc = "The line's name."),
        "release": attr.label(doc = "The release, if the command needs its files.", providers = [ReleaseInfo]),
    },
    executable = True,
)
