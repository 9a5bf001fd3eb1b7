"""Checks of a release that its product adds."""

load(":check_info.bzl", "CheckInfo")
load(":runfile.bzl", "rlocation_path")

def _release_check_impl(ctx):
    attr = ctx.attr
    if not attr.artifacts and not attr.command and not attr.contains and not attr.allow:
        fail("{}: it checks nothing: want artifacts, contains, command or allow".format(ctx.label))
    if attr.program and attr.command:
        fail("{}: got a program and a command, want one".format(ctx.label))
    if (attr.args or attr.output) and not attr.program and not attr.command:
        fail("{}: got args or output without a program or a command".format(ctx.label))
    for at in attr.values:
        if ":" not in at:
            fail("{}: got value {}, want FILE:KEY.KEY".format(ctx.label, repr(at)))
    if not attr.artifacts and (attr.program or attr.values or attr.user or attr.entrypoint or attr.env or attr.labels):
        fail("{}: artifacts are missing".format(ctx.label))
    check = struct(
        allow = attr.allow,
        args = attr.args,
        artifacts = attr.artifacts,
        command = rlocation_path(ctx, ctx.executable.command) if attr.command else "",
        contains = attr.contains,
        entrypoint = attr.entrypoint,
        env = attr.env,
        labels = attr.labels,
        name = ctx.label.name,
        output = attr.output,
        program = attr.program,
        user = attr.user,
        values = attr.values,
    )
    return [CheckInfo(
        files = depset([ctx.executable.command] if attr.command else []),
        json = json.encode(check),
        runfiles = attr.command[DefaultInfo].default_runfiles if attr.command else None,
    )]

release_check = rule(
    implementation = _release_check_impl,
    doc = """Adds a check to //release:validate.

Artifacts are paths in the release, in which * stands for a part of a name. Each has to match an artifact that is no .sha256 file, unless it ends in .sha256.""",
    attrs = {
        "allow": attr.string_dict(doc = "Paths, ARTIFACT or ARTIFACT/FILE, in which the check leaks finds nothing → the reason. * stands for a part of a name, ** for a part of a path."),
        "args": attr.string_list(doc = "Arguments of the program or the command."),
        "artifacts": attr.string_list(doc = "What is checked, such as tool-1.2.3-*.tar.gz, images/tool or helm/tool-1.2.3.tgz."),
        "command": attr.label(cfg = "target", doc = "A program of the product to start. RELEASE_DIR is the release's directory.", executable = True),
        "contains": attr.string_list(doc = "Paths of files that each artifact has; without artifacts, that the release has."),
        "entrypoint": attr.string_list(doc = "The entrypoint of the images."),
        "env": attr.string_list(doc = "Variables that the images set, as NAME=value."),
        "labels": attr.string_dict(doc = "Labels of the images."),
        "output": attr.string(doc = "What the program or the command prints: a regular expression (RE2)."),
        "program": attr.string(doc = "The path of a program in the artifacts. It is started if it is for this machine."),
        "user": attr.string(doc = "The user of the images."),
        "values": attr.string_dict(doc = "FILE:KEY.KEY → the value there. FILE is a YAML file in the artifacts, or the artifact itself if it is empty. An empty value stands for any, also a list or a mapping."),
    },
    provides = [CheckInfo],
)
