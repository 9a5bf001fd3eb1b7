"""Analysis tests of release_check, and of the command that makes the checks."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "CheckInfo", "release", "release_check", "release_command", "release_tree")
load(":fakes.bzl", "failure_tests", "fake_program")

def _check_test_impl(ctx):
    env = analysistest.begin(ctx)
    check = json.decode(analysistest.target_under_test(env)[CheckInfo].json)
    asserts.equals(env, "checks_a_program", check["name"])
    asserts.equals(env, ["tool-*"], check["artifacts"])
    asserts.equals(env, {"values.yaml:image.tag": "1.2.3"}, check["values"])
    asserts.equals(env, "", check["command"])
    return analysistest.end(env)

_check_test = analysistest.make(_check_test_impl)

def _command_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    here = ctx.workspace_name + "/" + ctx.label.package
    asserts.equals(env, here + "/validates.checks.json", target[RunEnvironmentInfo].environment["RELEASE_CHECKS"])
    listing = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"]
    checks = json.decode(listing[0])
    asserts.equals(env, ["checks_a_program", "runs_a_command"], [c["name"] for c in checks])
    asserts.equals(env, here + "/check_program.sh", checks[1]["command"])
    runfiles = [f.short_path for f in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in ["check_program.sh", "check_program.data", "validates.checks.json"]:
        asserts.true(env, ctx.label.package + "/" + path in runfiles, "{} is not in {}".format(path, runfiles))
    return analysistest.end(env)

_command_test = analysistest.make(_command_test_impl)

_REFUSED = {
    "check_of_nothing": ({}, "it checks nothing: want artifacts, contains, command or allow"),
    "check_of_two_programs": ({"artifacts": ["a"], "command": ":check_program", "program": "b"}, "got a program and a command, want one"),
    "check_of_output_alone": ({"artifacts": ["a"], "output": "b"}, "got args or output without a program or a command"),
    "check_of_value_without_file": ({"artifacts": ["a"], "values": {"a.b": "c"}}, "got value \"a.b\", want FILE:KEY.KEY"),
    "check_of_values_alone": ({"allow": {"a": "b"}, "values": {"f:a.b": "c"}}, "artifacts are missing"),
}

def check_test_suite(name):
    """Declares the tests.

    Args:
        name: the name of the test suite.
    """
    fake_program(name = "check_program", tags = ["manual"])
    release_check(
        name = "checks_a_program",
        args = ["--version"],
        artifacts = ["tool-*"],
        output = "^1.2.3$",
        program = "bin/tool",
        tags = ["manual"],
        values = {"values.yaml:image.tag": "1.2.3"},
    )
    release_check(name = "runs_a_command", command = ":check_program", tags = ["manual"])
    release_tree(
        name = "checked_tree",
        artifacts = [],
        checks = [":checks_a_program", ":runs_a_command"],
        files = {"check_test.bzl": "notes.txt"},
        tags = ["manual"],
    )
    release(name = "checked", directory = "checked-out", tags = ["manual"], tree = ":checked_tree")
    release_command(name = "validates", checks = True, command = ":check_program", release = ":checked", tags = ["manual"])
    _check_test(name = "check_test", target_under_test = ":checks_a_program")
    _command_test(name = "checks_command_test", target_under_test = ":validates")
    tests = [":check_test", ":checks_command_test"]
    for refused, (attrs, _) in _REFUSED.items():
        release_check(name = refused, tags = ["manual"], **attrs)
    tests += failure_tests({refused: message for refused, (_, message) in _REFUSED.items()})
    native.test_suite(name = name, tests = tests)
