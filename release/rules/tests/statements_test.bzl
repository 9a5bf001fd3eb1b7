"""Analysis tests of the rules that make statements about artifacts: what they declare, and how they fail."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "ComponentsInfo", "release_archive", "release_image", "release_licenses", "release_page", "release_provenance", "release_vex")
load("//release/sources:defs.bzl", "SourceInfo")
load(":fakes.bzl", "failure_tests", "fake_binary")

def _fake_source_impl(ctx):
    files = []
    for path in ctx.attr.license_files:
        file = ctx.actions.declare_file("{}/.release/licenses/{}".format(ctx.label.name, path))
        ctx.actions.write(file, path)
        files.append(file)
    return [SourceInfo(license_files = depset(files), module = "", modules = ctx.attr.modules, version = "")]

_fake_source = rule(
    implementation = _fake_source_impl,
    doc = "Stands for a pinned source.",
    attrs = {
        "license_files": attr.string_list(doc = "The paths of the licence files."),
        "modules": attr.string_dict(doc = "The modules that are built."),
    },
)

def _listing(env, suffix):
    """Returns the JSON that the rule writes to the file whose name ends so."""
    found = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and a.outputs.to_list()[0].path.endswith(suffix)]
    asserts.equals(env, 1, len(found))
    return json.decode(found[0])

def _licenses_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ArtifactInfo].artifacts
    asserts.equals(env, ["NOTICES", "licenses/data.tar.gz", "licenses/tool.tar.gz"], sorted(artifacts.keys()))
    asserts.equals(env, ["licenses", "licenses", "licenses"], [a.kind for a in artifacts.values()])
    asserts.equals(env, "text/plain", artifacts["NOTICES"].media_type)
    asserts.equals(env, "licenses.components.json", target[ComponentsInfo].document.basename)

    sources = {s["dependency"]: s for s in _listing(env, ".sources.json")["sources"]}
    asserts.equals(env, ["data", "none", "tool"], sources.keys())
    asserts.equals(env, ["example.com/a/LICENSE", "example.com/b/LICENSE", "example.com/tool/LICENSE"], sorted(sources["tool"]["files"].keys()), "a variant's licences are the source's as well")
    asserts.equals(env, {"example.com/tool": "v1.0.0"}, sources["tool"]["modules"])
    asserts.equals(env, "", sources["none"]["archive"], "an exception has no archive")
    entries = _listing(env, ".entries.json")
    asserts.equals(env, ["licensed-1.2.3/bin/tool"], [c["path"] for e in entries if e["platform"] == "linux-amd64" for c in e["contents"]])

    actions = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseLicenses"]
    asserts.equals(env, 1, len(actions))
    inputs = [f.basename for f in actions[0].inputs.to_list()]
    asserts.true(env, "tool_for_licenses-linux-amd64" in inputs, "the programs are inputs: " + str(inputs))
    asserts.true(env, "lock.json" in inputs, "the lock is an input")
    asserts.true(env, "licensed-1.2.3-linux-amd64.tar.gz" not in inputs, "an archive is not read")
    return analysistest.end(env)

_licenses_test = analysistest.make(_licenses_test_impl)

def _outputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.equals(env, ["images/image_for_licenses"], [e["path"] for e in _listing(env, ".entries.json")], "only what the line's outputs choose")
    return analysistest.end(env)

_outputs_test = analysistest.make(_outputs_test_impl)

def _provenance_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    provenance = target[ArtifactInfo].artifacts["provenance.intoto.json"]
    asserts.equals(env, ("provenance", "application/vnd.in-toto+json"), (provenance.kind, provenance.media_type))
    asserts.equals(env, [
        "NOTICES",
        "images/image_for_licenses",
        "licenses/data.tar.gz",
        "licenses/tool.tar.gz",
        "lock.json",
    ], sorted([e["path"] for e in _listing(env, ".entries.json")]), "what the outputs choose, and the files")
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseProvenance"][0]
    asserts.true(env, "tools-1" in action.argv, "the name of the line")
    inputs = [f.basename for f in action.inputs.to_list()]
    asserts.true(env, "NOTICES" in inputs and "data.tar.gz" in inputs, "every file is read: " + str(inputs))
    return analysistest.end(env)

_provenance_test = analysistest.make(_provenance_test_impl)

def _page_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ArtifactInfo].artifacts
    asserts.equals(
        env,
        {"index.html": ("page", "text/html"), "notes.md": ("notes", "text/markdown")},
        {path: (a.kind, a.media_type) for path, a in artifacts.items()},
    )
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleasePage"][0]
    inputs = [f.basename for f in action.inputs.to_list()]
    for name in ["lock.json", "licenses.components.json", "licensed-1.2.3-linux-amd64.tar.gz", "tool_for_licenses-linux-amd64"]:
        asserts.true(env, name in inputs, "{} is an input: {}".format(name, inputs))
    argv = action.argv
    asserts.equals(env, "provenance.intoto.json", argv[argv.index("--provenance") + 1])
    asserts.true(env, argv[argv.index("--previous") + 1].endswith("/lock.json"), "the release before")
    asserts.false(env, "--previous-document" in argv, "release.json of the release before")
    return analysistest.end(env)

_page_test = analysistest.make(_page_test_impl)

def _page_of_outputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleasePage"][0]
    asserts.false(env, "--provenance" in action.argv, "a link to a provenance that the outputs leave out")
    asserts.equals(env, ["images/image_for_licenses"], [e["path"] for e in _listing(env, ".entries.json")], "only what the line's outputs choose")
    return analysistest.end(env)

_page_of_outputs_test = analysistest.make(_page_of_outputs_test_impl)

def _vex_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    vex = target[ArtifactInfo].artifacts["vex.openvex.json"]
    asserts.equals(env, ("vex", "application/json"), (vex.kind, vex.media_type))
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseVEX"][0]
    inputs = [f.basename for f in action.inputs.to_list()]
    for name in ["lock.json", "vex.yaml", "licensed-1.2.3-linux-amd64.tar.gz", "tool_for_licenses-linux-amd64"]:
        asserts.true(env, name in inputs, "{} is an input: {}".format(name, inputs))
    return analysistest.end(env)

_vex_test = analysistest.make(_vex_test_impl)

def _refusals():
    """Declares targets that cannot be analysed. Returns each with its error."""
    release_licenses(
        name = "no_license_file",
        artifacts = [":archive_for_licenses"],
        lock = "lock.json",
        sources = {":source_without": "none"},
        tags = ["manual"],
    )
    release_licenses(
        name = "artifacts_with_one_path",
        artifacts = [":provenance", ":provenance_again"],
        lock = "lock.json",
        sources = {":source": "tool"},
        tags = ["manual"],
    )
    release_provenance(
        name = "file_with_path_of_artifact",
        artifacts = [":archive_for_licenses"],
        files = {"lock.json": "licensed-1.2.3-linux-amd64.tar.gz"},
        line = "tools-1",
        lock = "lock.json",
        tags = ["manual"],
    )
    release_page(
        name = "page_of_document_alone",
        artifacts = [":archive_for_licenses"],
        line = "tools-1",
        lock = "lock.json",
        previous_document = "lock.json",
        tags = ["manual"],
    )
    return {
        "page_of_document_alone": "previous_document is set, and previous is not: want the lock.json of the same release",
        "file_with_path_of_artifact": "two artifacts for licensed-1.2.3-linux-amd64.tar.gz: ",
        "artifacts_with_one_path": "two artifacts for provenance.intoto.json: ",
        "no_license_file": "dependency none has no licence file; add an exception for it to licenses in the manifest",
    }

def statements_test_suite(name):
    """Declares the tests.

    Args:
        name: the name of the test suite.
    """
    fake_binary(name = "tool_for_licenses", platforms = ["linux-amd64", "linux-arm64"], program = "tool", tags = ["manual"])
    _fake_source(name = "source", license_files = ["example.com/tool/LICENSE", "example.com/a/LICENSE"], modules = {"example.com/tool": "v1.0.0"}, tags = ["manual"])
    _fake_source(name = "source_variant", license_files = ["example.com/tool/LICENSE", "example.com/b/LICENSE"], modules = {"example.com/tool": "v1.0.0"}, tags = ["manual"])
    _fake_source(name = "source_of_data", license_files = ["data/COPYING"], tags = ["manual"])
    _fake_source(name = "source_without", tags = ["manual"])
    release_archive(
        name = "archive_for_licenses",
        archive = "licensed",
        binaries = [":tool_for_licenses"],
        source_date_epoch = 1,
        tags = ["manual"],
        version = "1.2.3",
    )
    release_image(
        name = "image_for_licenses",
        architectures = ["linux/amd64"],
        binaries = {":tool_for_licenses": "/bin/"},
        created = "2023-11-14T22:13:20Z",
        source_date_epoch = 1,
        tags = ["manual"],
        version = "1.2.3",
    )
    release_licenses(
        name = "licenses",
        artifacts = [":archive_for_licenses"],
        exceptions = ["none"],
        lock = "lock.json",
        sources = {
            ":source": "tool",
            ":source_of_data": "data",
            ":source_variant": "tool",
            ":source_without": "none",
        },
        tags = ["manual"],
    )
    release_licenses(
        name = "licenses_of_images",
        artifacts = [":archive_for_licenses", ":image_for_licenses"],
        lock = "lock.json",
        outputs = ["docker", "licenses"],
        sources = {":source": "tool"},
        tags = ["manual"],
    )
    release_provenance(
        name = "provenance",
        artifacts = [":archive_for_licenses", ":image_for_licenses", ":licenses"],
        files = {"lock.json": "lock.json"},
        line = "tools-1",
        lock = "lock.json",
        outputs = ["docker", "licenses", "provenance"],
        tags = ["manual"],
    )
    release_provenance(
        name = "provenance_again",
        artifacts = [":archive_for_licenses"],
        line = "tools-1",
        lock = "lock.json",
        tags = ["manual"],
    )
    release_page(
        name = "page",
        artifacts = [":archive_for_licenses", ":image_for_licenses", ":licenses"],
        components = [":licenses"],
        line = "tools-1",
        lock = "lock.json",
        previous = "lock.json",
        provenance = True,
        tags = ["manual"],
    )
    release_page(
        name = "page_of_outputs",
        artifacts = [":archive_for_licenses", ":image_for_licenses", ":licenses"],
        line = "tools-1",
        lock = "lock.json",
        outputs = ["docker", "page"],
        provenance = True,
        tags = ["manual"],
    )
    release_vex(
        name = "vex",
        artifacts = [":archive_for_licenses"],
        lock = "lock.json",
        statements = "vex.yaml",
        tags = ["manual"],
    )
    _provenance_test(name = "provenance_test", target_under_test = ":provenance")
    _page_test(name = "page_test_of_all", target_under_test = ":page")
    _page_of_outputs_test(name = "page_test_of_outputs", target_under_test = ":page_of_outputs")
    _vex_test(name = "vex_test", target_under_test = ":vex")
    _licenses_test(name = "licenses_test_of_all", target_under_test = ":licenses")
    _outputs_test(name = "licenses_test_of_outputs", target_under_test = ":licenses_of_images")
    tests = [":licenses_test_of_all", ":licenses_test_of_outputs", ":page_test_of_all", ":page_test_of_outputs", ":provenance_test", ":vex_test"]
    tests += failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
