"""The active line's release and the commands on it: what //release:BUILD.bazel of a workspace calls."""

load("@release_lines//:active.bzl", "LINE", "release_destinations_label", "release_tree_label")
load("//release/rules/private:release.bzl", "release")
load("//release/rules/private:release_command.bzl", "release_command")

# Command → its program, and what it has beside the line. The program is compiled when it is run first.
_COMMANDS = {
    "approve": struct(program = "approve", destinations = True),
    "diff": struct(program = "diff", release = True),
    "gc": struct(program = "gc"),
    "preflight": struct(program = "publish", args = ["--preflight"], destinations = True, release = True),
    # It reads the release from the stage, and builds nothing.
    "promote": struct(program = "publish", args = ["--promote"], destinations = True),
    "publish": struct(program = "publish", destinations = True, release = True),
    "rebuild": struct(program = "rebuild", go = True, release = True),
    "rehearse": struct(program = "rehearse", destinations = True, release = True),
    "validate": struct(program = "validate", checks = True, release = True),
    "verify": struct(program = "verify", destinations = True),
    "yank": struct(program = "publish", args = ["--yank"], destinations = True),
}

def release_commands(name):
    """Declares the active line's release, the directory bazel-bin/release/all, and a target for each command.

    The release is the only target that is not manual, so //release:all builds exactly this. The others are for
    tools/bazel run //release:COMMAND.

    Args:
        name: the name of the release's target.
    """
    release(name = name, tree = release_tree_label())

    # Commands on the workspace.
    for command in ["bundle", "init", "reproduce", "resolve"]:
        native.alias(name = command, actual = Label("//tools/" + command), tags = ["manual"])

    # Commands on the release, and on what was published.
    for command, has in _COMMANDS.items():
        release_command(
            name = command,
            args = getattr(has, "args", []),
            checks = getattr(has, "checks", False),
            command = Label("@release_{}_tool//:bin/{}".format(has.program, has.program)),
            destinations = release_destinations_label() if getattr(has, "destinations", False) else None,
            go = Label("@go_sdk//:bin/go") if getattr(has, "go", False) else None,
            line = LINE,
            release = ":" + name if getattr(has, "release", False) else None,
            tags = ["manual"],
        )
