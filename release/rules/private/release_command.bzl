"""A command that runs on a release."""

load(":release_info.bzl", "ReleaseInfo")
load(":runfile.bzl", "rlocation_path")

def _release_command_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable.command, is_executable = True)
    environment = {"RELEASE_LINE": ctx.attr.line}
    files = {
        "RELEASE_CHECKS": _checks(ctx),
        "RELEASE_DESTINATIONS": ctx.file.destinations,
        "RELEASE_DIR": ctx.file.release,
        "RELEASE_GO": ctx.file.go,
        "RELEASE_PROGRAMS": _programs(ctx),
    }
    for name, file in files.items():
        if file:
            environment[name] = rlocation_path(ctx, file)
    runfiles = ctx.runfiles(files = [file for file in files.values() if file])
    return [
        DefaultInfo(
            executable = executable,
            runfiles = runfiles.merge_all([ctx.attr.command[DefaultInfo].default_runfiles] + _check_runfiles(ctx)),
        ),
        RunEnvironmentInfo(environment = environment),
    ]

def _checks(ctx):
    """Lists the product's own checks for a command that makes them."""
    if not ctx.attr.checks:
        return None
    listing = ctx.actions.declare_file(ctx.label.name + ".checks.json")
    ctx.actions.write(listing, "[" + ",\n".join([c.json for c in ctx.attr.release[ReleaseInfo].checks]) + "]\n")
    return listing

def _check_runfiles(ctx):
    if not ctx.attr.checks:
        return []
    checks = ctx.attr.release[ReleaseInfo].checks
    return [ctx.runfiles(transitive_files = c.files) for c in checks] + [c.runfiles for c in checks if c.runfiles]

def _programs(ctx):
    """Lists the programs of the release for a command that builds them: one with a go command."""
    if not ctx.file.go:
        return None
    listing = ctx.actions.declare_file(ctx.label.name + ".programs.json")
    ctx.actions.write(listing, "[\n" + ",\n".join(sorted(ctx.attr.release[ReleaseInfo].programs.to_list())) + "\n]\n")
    return listing

release_command = rule(
    implementation = _release_command_impl,
    doc = """With `bazel run`, builds a release and runs a command on it.

The command's environment has RELEASE_LINE and, as paths in the runfiles, RELEASE_DIR, the
release's directory, and RELEASE_DESTINATIONS. With a go command it also has RELEASE_GO, and
RELEASE_PROGRAMS, a list of the release's programs for //tools/rebuild. With checks it has
RELEASE_CHECKS, a list of the product's own checks for //tools/validate.""",
    attrs = {
        "checks": attr.bool(doc = "Whether the command makes the product's own checks of the release."),
        "command": attr.label(allow_files = True, doc = "The program.", cfg = "target", executable = True, mandatory = True),
        "destinations": attr.label(doc = "The line's destinations.yaml, if it has one.", allow_single_file = [".yaml"]),
        "go": attr.label(doc = "The go command, if the command builds programs with it.", allow_single_file = True),
        "line": attr.string(doc = "The line's name."),
        "release": attr.label(doc = "The release, if the command reads it.", allow_single_file = True, providers = [ReleaseInfo]),
    },
    executable = True,
)
