"""Analysis tests of the archive of sources."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "release_source_files", "release_sources")
load("//release/sources:defs.bzl", "SourceInfo")
load(":fakes.bzl", "failure_tests")

def _fake_source_impl(ctx):
    return [SourceInfo(
        archive = ctx.file.archive,
        dependency = ctx.label.name,
        digest = "sha256:x",
        license_files = depset(),
        module = "example.com/" + ctx.label.name,
        modules = {},
        version = "",
    )]

_fake_source = rule(
    implementation = _fake_source_impl,
    doc = "Stands for a pinned source.",
    attrs = {"archive": attr.label(allow_single_file = True, doc = "The archive.")},
)

def _sources_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ArtifactInfo].artifacts
    asserts.equals(env, ["sources.tar.gz"], artifacts.keys())
    asserts.equals(env, ("sources", "application/gzip"), (artifacts["sources.tar.gz"].kind, artifacts["sources.tar.gz"].media_type))
    pack = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseSources"][0]
    asserts.true(env, "1700000000" in pack.argv, "the time is that of the line")
    listing = [json.decode(a.content) for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"][0]
    asserts.equals(env, [("lib", "sha256:x"), ("pinned_tool", "sha256:x")], [(e["name"], e["digest"]) for e in listing])
    inputs = [f.path for f in pack.inputs.to_list()]
    for entry in listing:
        asserts.true(env, entry["archive"] in inputs, "the archive is an input: " + entry["archive"])
    return analysistest.end(env)

_sources_test = analysistest.make(_sources_test_impl)

def _files_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    outputs = {f.short_path.partition(".files/")[2]: f.is_directory for f in target[DefaultInfo].files.to_list()}
    asserts.equals(env, {"charts/web": True, "doc/tool.1": False}, outputs)
    extract = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseSourceFiles"][0]
    asserts.true(env, extract.argv[-1].endswith("/source_files.files"), "the directory: " + extract.argv[-1])
    asserts.equals(env, [], [f.path for f in extract.inputs.to_list() if f.is_directory])
    return analysistest.end(env)

_files_test = analysistest.make(_files_test_impl)

def _files_suite():
    """Declares the tests of release_source_files, and returns their names."""
    release_source_files(name = "source_files", source = ":lib", files = ["doc/tool.1"], directories = ["charts/web"], tags = ["manual"])
    _files_test(name = "source_files_test", target_under_test = ":source_files")
    messages = {}
    for case, message, kwargs in [
        ("nothing", "neither files nor directories given", {}),
        ("variant", "//release/rules/tests:variant_of_tool has no archive: want @<product>//:<dependency>", {"files": ["x"], "source": ":variant_of_tool"}),
        ("absolute", "got path \"/x\", want one such as charts/web, from the top of the source", {"files": ["/x"]}),
        ("outside", "got path \"a/../x\", want one", {"files": ["a/../x"]}),
        ("whole", "got path \".\", want one", {"directories": ["."]}),
        ("twice", "duplicate path \"x\"", {"directories": ["x"], "files": ["x"]}),
        ("value", "got value \"a.yaml\", want FILE:PATH such as charts/web/values.yaml:image.tag", {"files": ["a.yaml"], "values": {"a.yaml": "x"}}),
        ("value_elsewhere", "value \"b.yaml:x\" is for a file that is neither in files nor in directories", {"files": ["a.yaml"], "values": {"b.yaml:x": "x"}}),
        ("patterns", "patterns without directories", {"files": ["a.yaml"], "patterns": ["*.yaml"]}),
        ("below", "path \"x/y\" is in directory \"x\"", {"directories": ["x"], "files": ["x/y"]}),
    ]:
        target = "source_files_" + case
        release_source_files(name = target, tags = ["manual"], **({"source": ":lib"} | kwargs))
        messages[target] = message
    return [":source_files_test"] + failure_tests(messages)

def sources_test_suite(name):
    """Declares all tests of the archive of sources.

    Args:
        name: the name of the test suite.
    """
    _fake_source(name = "lib", archive = "BUILD.bazel", tags = ["manual"])
    _fake_source(name = "pinned_tool", archive = "sources_test.bzl", tags = ["manual"])
    _fake_source(name = "variant_of_tool", tags = ["manual"])
    release_sources(name = "sources", source_date_epoch = 1700000000, sources = [":lib", ":pinned_tool"], tags = ["manual"])
    release_sources(name = "sources_of_variant", source_date_epoch = 1700000000, sources = [":variant_of_tool"], tags = ["manual"])
    _sources_test(name = "sources_of_two_test", target_under_test = ":sources")
    refusals = failure_tests({"sources_of_variant": "//release/rules/tests:variant_of_tool has no archive: want @<product>//:<dependency>"})
    native.test_suite(name = name, tests = [":sources_of_two_test"] + refusals + _files_suite())
