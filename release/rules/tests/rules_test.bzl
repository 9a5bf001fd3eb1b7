"""Analysis tests of the public rules: what they declare, and how they fail."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load(
    "//release/rules:defs.bzl",
    "ArtifactInfo",
    "BinaryInfo",
    "ImageInfo",
    "ReleaseInfo",
    "release",
    "release_archive",
    "release_command",
    "release_completions",
    "release_image",
    "release_platform_file",
    "release_tree",
)
load(":fakes.bzl", "failure_tests", "fake_base", "fake_binary", "fake_program")

_VERSION = "1.2.3"
_EPOCH = 1700000000

# Archives.

def _archive_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, [
        "tool-1.2.3-linux-amd64.tar.gz",
        "tool-1.2.3-linux-amd64.tar.gz.sha256",
        "tool-1.2.3-win-amd64.zip",
        "tool-1.2.3-win-amd64.zip.sha256",
    ], sorted(target[ArtifactInfo].artifacts.keys()))
    zip = target[ArtifactInfo].artifacts["tool-1.2.3-win-amd64.zip"]
    asserts.equals(env, ("archive", "application/zip", "win-amd64"), (zip.kind, zip.media_type, zip.platform))
    asserts.equals(env, ["tool-1.2.3/bin/tool.exe"], [c.path for c in zip.contents])
    sha256 = target[ArtifactInfo].artifacts["tool-1.2.3-win-amd64.zip.sha256"]
    asserts.equals(env, ("checksum", "tool-1.2.3-win-amd64.zip"), (sha256.kind, sha256.subject))
    packs = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseArchive"]
    asserts.equals(env, 2, len(packs))
    for action in packs:
        asserts.true(env, "--mtime" in action.argv and str(_EPOCH) in action.argv, "the time is that of the line")
        asserts.true(env, "tool-1.2.3/" in action.argv, "everything stands in one directory")
    listing = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and "win-amd64" in a.outputs.to_list()[0].path]
    asserts.equals(env, ["plugins/", "bin/tool.exe"], [e["path"] for e in json.decode(listing[0])], "an archive for Windows has no symbolic links")
    listing = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and "linux-amd64" in a.outputs.to_list()[0].path]
    asserts.equals(env, [("bin/t", "tool")], [(e["path"], e["symlink"]) for e in json.decode(listing[0]) if "symlink" in e])
    return analysistest.end(env)

_archive_test = analysistest.make(_archive_test_impl)

# Images.

def _image_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, ["images/tool"], target[ArtifactInfo].artifacts.keys())
    asserts.equals(env, [("bin/tool", "linux-amd64"), ("bin/tool", "linux-arm64")], [(c.path, c.platform) for c in target[ArtifactInfo].artifacts["images/tool"].contents])
    asserts.equals(env, "tool", target[ImageInfo].name)
    asserts.true(env, target[ImageInfo].layout.is_directory, "the layout is a directory")
    layers = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseLayer"]
    asserts.equals(env, 3, len(layers), "one layer for all architectures, and one each")
    listing = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and ".files.entries" in a.outputs.to_list()[0].path]
    asserts.equals(env, [("usr/bin", "../bin")], [(e["path"], e["symlink"]) for e in json.decode(listing[0]) if "symlink" in e])
    asserts.true(env, "data/" in [e["path"] for e in json.decode(listing[0])], "the empty directory is in the layer: " + listing[0])
    for platform in _platforms(env):
        asserts.equals(env, None, platform["base"])
        asserts.equals(env, ["8080", "53/udp"], platform["config"]["ports"])
        asserts.equals(env, "65532:65532", platform["config"]["user"])
        asserts.equals(env, "/", platform["config"]["workdir"])
    return analysistest.end(env)

_image_test = analysistest.make(_image_test_impl)

def _platforms(env):
    """Returns the platforms in the image's spec."""
    specs = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and a.outputs.to_list()[0].path.endswith(".spec.json")]
    asserts.equals(env, 1, len(specs))
    return json.decode(specs[0])["platforms"]

def _image_on_base_test_impl(ctx):
    env = analysistest.begin(ctx)
    platforms = _platforms(env)
    asserts.equals(env, ["sha256:amd64", "sha256:arm64"], [p["base"]["digest"] for p in platforms])
    for platform in platforms:
        asserts.true(env, platform["base"]["layout"].endswith("release/rules/tests/base/layout"), "the layout is the base's: " + platform["base"]["layout"])
        asserts.equals(env, 1, len(platform["layers"]), "files without binaries are one layer")
        asserts.equals(env, "", platform["config"]["user"])
        asserts.equals(env, "", platform["config"]["workdir"])
    images = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseImage"]
    inputs = [f.short_path for f in images[0].inputs.to_list()]
    asserts.true(env, "release/rules/tests/base/layout/oci-layout" in inputs, "the base is an input: " + str(inputs))
    return analysistest.end(env)

_image_on_base_test = analysistest.make(_image_on_base_test_impl)
# Ready-made files.

def _platform_file_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, "ready", target[BinaryInfo].name)
    asserts.equals(env, {"linux-amd64": "BUILD.bazel", "win-amd64": "rules_test.bzl"}, {
        platform: file.basename
        for platform, file in target[BinaryInfo].files.items()
    })
    asserts.equals(env, 2, len(target[DefaultInfo].files.to_list()))
    return analysistest.end(env)

_platform_file_test = analysistest.make(_platform_file_test_impl)

def _ready_archive_test_impl(ctx):
    env = analysistest.begin(ctx)
    listings = {
        platform: json.decode(a.content)
        for a in analysistest.target_actions(env)
        for platform in ["linux-amd64", "win-amd64"]
        if a.mnemonic == "FileWrite" and platform in a.outputs.to_list()[0].path
    }
    for platform, (path, source) in {"linux-amd64": ("bin/ready", "BUILD.bazel"), "win-amd64": ("bin/ready.exe", "rules_test.bzl")}.items():
        entry = listings[platform][-1]
        asserts.equals(env, (path, "0755"), (entry["path"], entry["mode"]))
        asserts.true(env, entry["source"].endswith("/" + source), "the file is that of the platform: " + entry["source"])
    return analysistest.end(env)

_ready_archive_test = analysistest.make(_ready_archive_test_impl)

def _ready_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    listing = [json.decode(a.content) for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and "linux-amd64" in a.outputs.to_list()[0].path]
    asserts.equals(env, [("bin/ready", "0755")], [(e["path"], e["mode"]) for e in listing[0]])
    return analysistest.end(env)

_ready_image_test = analysistest.make(_ready_image_test_impl)

# The tree and its directory.

def _tree_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ReleaseInfo].artifacts
    asserts.true(env, "images/tool" in artifacts and "notes.txt" in artifacts, "artifacts and files are in: " + str(artifacts.keys()))
    asserts.equals(env, [], analysistest.target_actions(env))
    programs = target[ReleaseInfo].programs.to_list()
    asserts.equals(env, len({p: None for p in programs}), len(programs), "a program that several artifacts have is listed once")
    asserts.true(env, "{\"name\": \"tool\", \"platform\": \"linux-amd64\"}" in programs, "programs of images and archives are in: " + str(programs))
    return analysistest.end(env)

def _outputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    artifacts = analysistest.target_under_test(env)[ReleaseInfo].artifacts
    asserts.equals(env, ["images/tool", "notes.txt"], artifacts.keys(), "archives and their checksums are not in")
    return analysistest.end(env)

_outputs_test = analysistest.make(_outputs_test_impl)

_tree_test = analysistest.make(_tree_test_impl)

def _directory_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    files = target[DefaultInfo].files.to_list()
    asserts.equals(env, [(ctx.label.package + "/out", True)], [(f.short_path, f.is_directory) for f in files])
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseTree"][0]
    asserts.equals(env, files, action.outputs.to_list(), "one action makes all of it")
    inputs = action.inputs.to_list()
    for path, artifact in target[ReleaseInfo].artifacts.items():
        asserts.true(env, artifact.file in inputs, path + " is not in it")
    return analysistest.end(env)

_directory_test = analysistest.make(_directory_test_impl)

# Errors.

def _command_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    here = ctx.workspace_name + "/" + ctx.label.package
    asserts.equals(env, {
        "RELEASE_DESTINATIONS": here + "/destinations.yaml",
        "RELEASE_DIR": here + "/out",
        "RELEASE_LINE": "tool",
    }, target[RunEnvironmentInfo].environment)
    runfiles = [f.short_path for f in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in ["out", "destinations.yaml", "program.data"]:
        asserts.true(env, ctx.label.package + "/" + path in runfiles, "{} is not in {}".format(path, runfiles))
    return analysistest.end(env)

_command_test = analysistest.make(_command_test_impl)

def _refusals():
    """Declares targets that have to fail; returns name → message."""
    for name, binaries in {"archive_with_fewer_platforms": [":tool", ":linux_tool"], "archive_with_more_platforms": [":linux_tool", ":tool"]}.items():
        release_archive(
            name = name,
            binaries = binaries,
            source_date_epoch = _EPOCH,
            tags = ["manual"],
            version = _VERSION,
        )
    release_archive(
        name = "archive_of_two_files_at_a_path",
        binaries = [":tool"],
        files = {":two_files": "notes.txt"},
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "image_of_two_files_at_a_path",
        architectures = ["linux/amd64"],
        created = "2023-11-14T22:13:20Z",
        files = {":two_files": "/notes.txt"},
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_tree(
        name = "tree_with_duplicate",
        artifacts = [":archive"],
        files = {"rules_test.bzl": "tool-1.2.3-win-amd64.zip"},
        tags = ["manual"],
    )
    release_tree(
        name = "tree_with_many_files",
        artifacts = [":archive"],
        files = {":two_files": "notes.txt"},
        tags = ["manual"],
    )
    native.filegroup(
        name = "two_files",
        srcs = ["BUILD.bazel", "rules_test.bzl"],
        tags = ["manual"],
    )
    release_image(
        name = "image_of_unknown_architecture",
        architectures = ["linux/vax"],
        binaries = {":tool": "/tool"},
        created = "2023-11-14T22:13:20Z",
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "image_of_nothing",
        architectures = ["linux/amd64"],
        base = ":base",
        created = "2023-11-14T22:13:20Z",
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "image_without_base",
        architectures = ["linux/amd64", "linux/arm/v7"],
        base = ":base",
        created = "2023-11-14T22:13:20Z",
        files = {"rules_test.bzl": "/etc/"},
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_completions(
        name = "completions_of_unknown_shell",
        binary = ":everywhere",
        shells = ["csh"],
        tags = ["manual"],
    )
    release_platform_file(
        name = "file_for_unknown_platform",
        files = {"rules_test.bzl": "linux/amd64"},
        tags = ["manual"],
    )
    release_platform_file(
        name = "two_files_for_platform",
        files = {
            "BUILD.bazel": "linux-amd64",
            "rules_test.bzl": "linux-amd64",
        },
        tags = ["manual"],
    )
    release_platform_file(
        name = "file_of_many",
        files = {":tool_files": "linux-amd64"},
        tags = ["manual"],
    )
    native.filegroup(name = "tool_files", srcs = ["BUILD.bazel", "rules_test.bzl"], tags = ["manual"])
    return {
        "archive_of_two_files_at_a_path": "//release/rules/tests:two_files for \"notes.txt\": want one, or a path that ends in /",
        "archive_with_fewer_platforms": "//release/rules/tests:linux_tool for linux-amd64: want the same platforms",
        "archive_with_more_platforms": "//release/rules/tests:tool for linux-amd64, win-amd64: want the same platforms",
        "completions_of_unknown_shell": "got shell \"csh\", want one of bash, fish, powershell, zsh",
        "image_of_two_files_at_a_path": "//release/rules/tests:two_files for \"/notes.txt\": want one, or a path that ends in /",
        "image_of_nothing": "//release/rules/tests:image_of_nothing: neither binaries nor files given",
        "file_for_unknown_platform": "got platform \"linux/amd64\", want a name such as linux-amd64, ",
        "file_of_many": "//release/rules/tests:tool_files, want one",
        "image_of_unknown_architecture": "got platform \"linux/vax\", want one of linux/386, linux/amd64, linux/arm/v7, linux/arm64, linux/loong64, ",
        "image_without_base": "base tool is not pinned for linux/arm/v7: it is for linux/amd64, linux/arm64",
        "two_files_for_platform": "two files for linux-amd64, want one",
        "tree_with_many_files": "got 2 files in ",
        "tree_with_duplicate": "two artifacts for tool-1.2.3-win-amd64.zip",
    }

def _subjects():
    """Declares the targets under test."""
    fake_binary(name = "tool", platforms = ["linux-amd64", "win-amd64"], program = "tool", tags = ["manual"])
    fake_binary(name = "linux_tool", platforms = ["linux-amd64"], program = "tool", tags = ["manual"])
    fake_binary(
        name = "everywhere",
        platforms = ["linux-amd64", "linux-arm64", "osx-amd64", "osx-arm64", "win-amd64"],
        program = "tool",
        tags = ["manual"],
    )
    release_archive(
        name = "archive",
        archive = "tool",
        binaries = [":tool"],
        directories = ["plugins"],
        source_date_epoch = _EPOCH,
        symlinks = {"bin/t": "tool"},
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "image",
        architectures = ["linux/amd64", "linux/arm64"],
        binaries = {":everywhere": "/bin/"},
        created = "2023-11-14T22:13:20Z",
        directories = ["/data"],
        files = {"rules_test.bzl": "/etc/"},
        image = "tool",
        ports = ["8080", "53/udp"],
        source_date_epoch = _EPOCH,
        symlinks = {"/usr/bin": "../bin"},
        tags = ["manual"],
        version = _VERSION,
    )
    fake_base(name = "base", tags = ["manual"])
    release_image(
        name = "image_on_base",
        architectures = ["linux/amd64", "linux/arm64"],
        base = ":base",
        created = "2023-11-14T22:13:20Z",
        files = {"rules_test.bzl": "/etc/"},
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_platform_file(
        name = "ready_files",
        files = {
            "BUILD.bazel": "linux-amd64",
            "rules_test.bzl": "win-amd64",
        },
        program = "ready",
        tags = ["manual"],
    )
    release_archive(
        name = "ready_archive",
        binaries = [":tool", ":ready_files"],
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image(
        name = "ready_image",
        architectures = ["linux/amd64"],
        binaries = {":ready_files": "/bin/"},
        created = "2023-11-14T22:13:20Z",
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_tree(
        name = "tree",
        artifacts = [":archive", ":image"],
        files = {"rules_test.bzl": "notes.txt"},
        tags = ["manual"],
    )
    release_tree(
        name = "tree_of_images",
        artifacts = [":archive", ":image"],
        files = {"rules_test.bzl": "notes.txt"},
        outputs = ["docker"],
        tags = ["manual"],
    )
    release(
        name = "directory",
        directory = "out",
        tags = ["manual"],
        tree = ":tree",
    )
    release_command(
        name = "command",
        command = ":program",
        destinations = "destinations.yaml",
        line = "tool",
        release = ":directory",
        tags = ["manual"],
    )
    fake_program(name = "program", tags = ["manual"])

def rules_test_suite(name):
    """Declares all tests of the rules.

    Args:
        name: the name of the test suite.
    """
    _subjects()
    tests = []
    for subject, test in {
        "archive": _archive_test,
        "command": _command_test,
        "directory": _directory_test,
        "image": _image_test,
        "image_on_base": _image_on_base_test,
        "ready_archive": _ready_archive_test,
        "ready_files": _platform_file_test,
        "ready_image": _ready_image_test,
        "tree": _tree_test,
        "tree_of_images": _outputs_test,
    }.items():
        test(name = subject + "_test", target_under_test = ":" + subject)
        tests.append(":" + subject + "_test")
    tests += failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
