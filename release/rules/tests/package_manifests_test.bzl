"""Analysis tests of release_package_manifests."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "release_archive", "release_package_manifests")
load(":fakes.bzl", "failure_tests", "fake_binary")

def _package_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ArtifactInfo].artifacts
    asserts.equals(env, ["packages/tool"], artifacts.keys())
    asserts.equals(env, "package-manifest", artifacts["packages/tool"].kind)
    listing = [json.decode(a.content) for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    asserts.equals(env, [
        ("linux", "amd64", "packed-1.2.3", ["bin/tool"]),
        ("windows", "amd64", "packed-1.2.3", ["bin/tool.exe"]),
    ], [(a["os"], a["arch"], a["directory"], a["programs"]) for a in listing["archives"]])
    return analysistest.end(env)

_package_test = analysistest.make(_package_test_impl)

def package_manifests_test_suite(name):
    """Declares the tests.

    Args:
        name: the name of the test suite.
    """
    fake_binary(name = "packed_tool", platforms = ["linux-amd64", "win-amd64"], program = "tool", tags = ["manual"])
    release_archive(name = "packed", binaries = [":packed_tool"], source_date_epoch = 1, tags = ["manual"], version = "1.2.3")
    about = {
        "archive": ":packed",
        "description": "a tool",
        "homepage": "https://tool.example",
        "license": "MIT",
        "maintainer": "Example <tool@example.com>",
        "publisher": "Example",
        "tags": ["manual"],
        "url": "https://tool.example/{file}",
        "version": "1.2.3",
    }
    release_package_manifests(name = "packages_of_tool", package = "tool", **about)
    release_package_manifests(name = "packages_of_unknown_manager", managers = ["pip"], **about)
    _package_test(name = "packages_test", target_under_test = ":packages_of_tool")
    fake_binary(name = "linux_packed_tool", platforms = ["linux-amd64"], program = "tool", tags = ["manual"])
    release_archive(name = "packed_for_linux", binaries = [":linux_packed_tool"], source_date_epoch = 1, tags = ["manual"], version = "1.2.3")
    release_package_manifests(name = "packages_for_other_systems", managers = ["homebrew", "winget"], **(about | {"archive": ":packed_for_linux"}))
    tests = [":packages_test"] + failure_tests({
        "packages_for_other_systems": "//release/rules/tests:packed_for_linux has no archive for windows, and winget needs one: add a platform, or leave winget out of managers",
        "packages_of_unknown_manager": "got package manager \"pip\", want one of aur, homebrew, krew, nix, scoop, script, winget",
    })
    native.test_suite(name = name, tests = tests)
