"""What the tests of all rules share: targets without a compiler, and a test of an error."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "BinaryInfo")
load("//release/sources:defs.bzl", "BaseImageInfo")

def _fake_binary_impl(ctx):
    files = {}
    for platform in ctx.attr.platforms:
        files[platform] = ctx.actions.declare_file("{}-{}".format(ctx.label.name, platform))
        ctx.actions.write(files[platform], platform)
    programs = ["{\"name\": \"%s\", \"platform\": \"%s\"}" % (ctx.attr.program, platform) for platform in ctx.attr.platforms]
    return [BinaryInfo(files = files, license_files = depset(), name = ctx.attr.program, programs = depset(programs))]

fake_binary = rule(
    implementation = _fake_binary_impl,
    doc = "Stands for a release_binary, without a compiler.",
    attrs = {
        "platforms": attr.string_list(doc = "The platforms."),
        "program": attr.string(doc = "The program's name."),
    },
)

def _fake_program_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name + ".sh")
    data = ctx.actions.declare_file(ctx.label.name + ".data")
    ctx.actions.write(executable, "", is_executable = True)
    ctx.actions.write(data, "")
    return [DefaultInfo(executable = executable, runfiles = ctx.runfiles(files = [data]))]

fake_program = rule(
    implementation = _fake_program_impl,
    doc = "Stands for a command with a runfile.",
    executable = True,
)

def _fake_base_impl(ctx):
    marker = ctx.actions.declare_file(ctx.label.name + "/layout/oci-layout")
    ctx.actions.write(marker, "")
    return [BaseImageInfo(
        digest = "sha256:index",
        entry = "tool",
        files = depset([marker]),
        layout = marker.dirname,
        platforms = {"linux/amd64": "sha256:amd64", "linux/arm64": "sha256:arm64"},
    )]

fake_base = rule(
    implementation = _fake_base_impl,
    doc = "Stands for a pinned base image.",
)

def _failure_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, "{}: ".format(analysistest.target_under_test(env).label))
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_failure_test = analysistest.make(
    _failure_test_impl,
    attrs = {"message": attr.string()},
    expect_failure = True,
)

def failure_tests(refusals):
    """Declares tests of targets that have to fail, each with an error that begins with the target.

    Args:
        refusals: dict of a target's name → what the error says.

    Returns:
        the labels of the tests.
    """
    for subject, message in refusals.items():
        _failure_test(name = subject + "_test", message = message, target_under_test = ":" + subject)
    return [":" + subject + "_test" for subject in refusals]
