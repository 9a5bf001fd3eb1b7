"""A command that is run on a release."""

load(":release_info.bzl", "ReleaseInfo")

def _release_command_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable.command, is_executable = True)
    environment = {"RELEASE_LINE": ctx.attr.line}
    files = {"RELEASE_DIR": ctx.file.release, "RELEASE_DESTINATIONS": ctx.file.destinations}
    for name, file in files.items():
        if file:
            environment[name] = _rlocation_path(ctx, file)
    runfiles = ctx.runfiles(files = [file for file in files.values() if file])
    return [
        DefaultInfo(
            executable = executable,
            runfiles = runfiles.merge(ctx.attr.command[DefaultInfo].default_runfiles),
        ),
        RunEnvironmentInfo(environment = environment),
    ]

def _rlocation_path(ctx, file):
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return ctx.workspace_name + "/" + file.short_path

release_command = rule(
    implementation = _release_command_impl,
    doc = """Has `bazel run` build a release and run a command on it.

The command's environment has RELEASE_LINE, and as paths in the runfiles
RELEASE_DIR, the release's directory, and RELEASE_DESTINATIONS.""",
    attrs = {
        "command": attr.label(doc = "The program.", cfg = "target", executable = True, mandatory = True),
        "destinations": attr.label(doc = "The line's destinations.yaml, if it has one.", allow_single_file = [".yaml"]),
        "line": attr.string(doc = "The line's name."),
        "release": attr.label(doc = "The release, if the command reads it.", allow_single_file = True, providers = [ReleaseInfo]),
    },
    executable = True,
)
