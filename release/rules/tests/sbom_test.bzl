"""Analysis tests of release_sbom: what it declares, what it describes, and how it fails."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "release_archive", "release_image", "release_sbom")
load(":fakes.bzl", "failure_tests", "fake_binary")

_EPOCH = 1700000000
_VERSION = "1.2.3"

def _written(env, suffix):
    """Returns the content of the JSON file that the rule writes for its action."""
    found = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and a.outputs.to_list()[0].path.endswith(suffix)]
    asserts.equals(env, 1, len(found))
    return json.decode(found[0])

def _sbom_test_impl(ctx):
    env = analysistest.begin(ctx)
    artifacts = analysistest.target_under_test(env)[ArtifactInfo].artifacts
    asserts.equals(env, [
        "sbom/tool-1.2.3-image-tool.cdx.json",
        "sbom/tool-1.2.3-image-tool.spdx.json",
        "sbom/tool-1.2.3-source-age.cdx.json",
        "sbom/tool-1.2.3-source-age.spdx.json",
        "sbom/tool-1.2.3.cdx.json",
        "sbom/tool-1.2.3.spdx.json",
    ], sorted(artifacts.keys()))
    asserts.equals(env, ["sbom"], {a.kind: None for a in artifacts.values()}.keys())
    image = artifacts["sbom/tool-1.2.3-image-tool.spdx.json"]
    asserts.equals(env, ("images/tool", "application/spdx+json"), (image.subject, image.media_type))
    whole = artifacts["sbom/tool-1.2.3.cdx.json"]
    asserts.equals(env, ("", "application/vnd.cyclonedx+json"), (whole.subject, whole.media_type))

    actions = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseSBOM"]
    asserts.equals(env, 1, len(actions), "one action reads each file once")
    asserts.equals(env, sorted([a.file.path for a in artifacts.values()]), sorted([f.path for f in actions[0].outputs.to_list()]))
    described = _written(env, ".entries.json")
    asserts.equals(env, [
        "described-1.2.3-linux-amd64.tar.gz",
        "described-1.2.3-linux-amd64.tar.gz.sha256",
        "images/tool",
        "manifest.yaml",
    ], sorted([a["path"] for a in described]))
    inputs = [f.path for f in actions[0].inputs.to_list()]
    for a in described:
        asserts.true(env, a["source"] in inputs, a["path"] + " is not an input")
        for c in a["contents"]:
            asserts.true(env, c["source"] in inputs, "{} in {} is not an input".format(c["path"], a["path"]))
    return analysistest.end(env)

_sbom_test = analysistest.make(_sbom_test_impl)

def _chosen_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.equals(env, ["described-1.2.3-linux-amd64.tar.gz", "described-1.2.3-linux-amd64.tar.gz.sha256", "manifest.yaml"], sorted([a["path"] for a in _written(env, ".entries.json")]))
    asserts.equals(env, ["release", "release"], [d["of"] for d in _written(env, ".documents.json")], "an image that is not in the release has no document")
    return analysistest.end(env)

_chosen_test = analysistest.make(_chosen_test_impl)

def _skipped_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, {}, target[ArtifactInfo].artifacts)
    asserts.equals(env, [], analysistest.target_actions(env))
    return analysistest.end(env)

_skipped_test = analysistest.make(_skipped_test_impl)

def _sbom(name, artifacts = [":sbom_archive", ":sbom_image"], files = {"sbom_test.bzl": "manifest.yaml"}, **kwargs):
    release_sbom(
        name = name,
        artifacts = artifacts,
        files = files,
        lock = "BUILD.bazel",
        product = "tool",
        tags = ["manual"],
        version = _VERSION,
        **kwargs
    )

def sbom_test_suite(name):
    """Declares the tests.

    Args:
        name: the name of the test suite.
    """
    fake_binary(name = "sbom_tool", platforms = ["linux-amd64"], program = "tool", tags = ["manual"])
    release_archive(
        name = "sbom_archive",
        archive = "described",
        binaries = [":sbom_tool"],
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "sbom_image",
        architectures = ["linux/amd64"],
        binaries = {":sbom_tool": "/bin/"},
        created = "2023-11-14T22:13:20Z",
        image = "tool",
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    native.filegroup(name = "sbom_two_files", srcs = ["BUILD.bazel", "sbom_test.bzl"], tags = ["manual"])
    _sbom("sbom_of_all", sources = ["age"])
    _sbom("sbom_of_archives", outputs = ["archive", "sbom"])
    _sbom("sbom_skipped", skip = True)
    _sbom("sbom_of_many_files", files = {":sbom_two_files": "notes.txt"})
    _sbom("sbom_with_duplicate", files = {"sbom_test.bzl": "described-1.2.3-linux-amd64.tar.gz"})
    tests = {
        "sbom_of_all": _sbom_test,
        "sbom_of_archives": _chosen_test,
        "sbom_skipped": _skipped_test,
    }
    for subject, test in tests.items():
        test(name = subject + "_test", target_under_test = ":" + subject)
    refusals = failure_tests({
        "sbom_of_many_files": "//release/rules/tests:sbom_of_many_files: got 2 files in ",
        "sbom_with_duplicate": "//release/rules/tests:sbom_with_duplicate: two artifacts for described-1.2.3-linux-amd64.tar.gz",
    })
    native.test_suite(name = name, tests = [subject + "_test" for subject in tests] + refusals)
