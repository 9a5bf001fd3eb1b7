"""Analysis tests of variants of images and of Docker archives."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load(
    "//release/rules:defs.bzl",
    "ArtifactInfo",
    "ImageInfo",
    "release_docker_archives",
    "release_image",
    "release_image_variant",
    "release_tree",
)
load(":fakes.bzl", "failure_tests", "fake_base", "fake_binary")

_CREATED = "2023-11-14T22:13:20Z"
_EPOCH = 1700000000
_VERSION = "1.2.3"

def _spec(env):
    """Returns the spec of the image."""
    specs = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and a.outputs.to_list()[0].path.endswith(".spec.json")]
    asserts.equals(env, 1, len(specs))
    return json.decode(specs[0])

def _variant_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, ["images/app-debug"], target[ArtifactInfo].artifacts.keys())
    asserts.equals(env, ("app", "debug"), (target[ImageInfo].name, target[ImageInfo].variant))
    asserts.equals(env, 2, len(target[ArtifactInfo].programs.to_list()), "it has the programs of the image")
    asserts.equals(env, ["ReleaseImage"], [a.mnemonic for a in analysistest.target_actions(env) if a.mnemonic != "FileWrite"], "no layer is built again")
    spec = _spec(env)
    asserts.equals(env, "1.2.3-debug", spec["ref"])
    asserts.equals(env, {"title": "app"}, spec["annotations"])
    asserts.equals(env, ["amd64", "arm64"], [p["architecture"] for p in spec["platforms"]])
    for platform in spec["platforms"]:
        asserts.equals(env, "sha256:" + platform["architecture"], platform["base"]["digest"])
        asserts.equals(env, 2, len(platform["layers"]))
        asserts.true(env, platform["layers"][0]["tar"].endswith("/app.files.tar.gz"), "the layer is the image's: " + platform["layers"][0]["tar"])
        asserts.equals(env, ["/bin/app"], platform["config"]["entrypoint"])
        asserts.equals(env, "", platform["config"]["user"], "the user is the base's")
    return analysistest.end(env)

_variant_test = analysistest.make(_variant_test_impl)

def _docker_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    artifacts = target[ArtifactInfo].artifacts
    archives = {
        "docker/app-arm64.tar.gz": ("linux/arm64", "linux-arm64"),
        "docker/app-debug-arm64.tar.gz": ("linux/arm64", "linux-arm64"),
        "docker/app-debug.tar.gz": ("linux/amd64", "linux-amd64"),
        "docker/app.tar.gz": ("linux/amd64", "linux-amd64"),
        "docker/arm-armv7.tar.gz": ("linux/arm/v7", "linux-armv7"),
    }
    asserts.equals(env, sorted(archives.keys() + [path + ".sha256" for path in archives]), sorted(artifacts.keys()))
    actions = {a.outputs.to_list()[0].basename.removesuffix(".sha256"): a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseDockerArchive"}
    for path, (architecture, platform) in archives.items():
        a = artifacts[path]
        asserts.equals(env, ("docker-archive", "application/gzip", platform), (a.kind, a.media_type, a.platform))
        asserts.equals(env, [platform], [c.platform for c in a.contents])
        sha256 = artifacts[path + ".sha256"]
        asserts.equals(env, ("checksum", path), (sha256.kind, sha256.subject))
        argv = actions[path.removeprefix("docker/")].argv
        asserts.true(env, architecture in argv and str(_EPOCH) in argv, "platform and time are in: " + str(argv))
        asserts.true(env, ("docker.io/me/arm" if "armv7" in path else "docker.io/me/app") in argv, "the hub is in: " + str(argv))
    return analysistest.end(env)

_docker_test = analysistest.make(_docker_test_impl)

def _no_hub_test_impl(ctx):
    env = analysistest.begin(ctx)
    for action in analysistest.target_actions(env):
        if action.mnemonic == "ReleaseDockerArchive":
            asserts.true(env, "arm" in action.argv, "the name is without a hub: " + str(action.argv))
    return analysistest.end(env)

_no_hub_test = analysistest.make(_no_hub_test_impl)

def _subjects():
    """Declares the targets under test."""
    fake_binary(name = "app_binary", platforms = ["linux-amd64", "linux-arm64"], program = "app", tags = ["manual"])
    fake_binary(name = "arm_binary", platforms = ["linux-armv7"], program = "arm", tags = ["manual"])
    fake_base(name = "debug_base", tags = ["manual"])
    release_image(
        name = "app",
        architectures = ["linux/amd64", "linux/arm64"],
        binaries = {":app_binary": "/bin/"},
        created = _CREATED,
        entrypoint = ["/bin/app"],
        files = {"images_test.bzl": "/etc/"},
        labels = {"title": "app"},
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_image_variant(name = "app_debug", base = ":debug_base", image = ":app", tags = ["manual"], variant = "debug")
    release_image(
        name = "arm",
        architectures = ["linux/arm/v7"],
        binaries = {":arm_binary": "/bin/"},
        created = _CREATED,
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )
    release_docker_archives(
        name = "docker",
        docker = "docker.io/me",
        images = [":app", ":app_debug", ":arm"],
        source_date_epoch = _EPOCH,
        tags = ["manual"],
    )
    release_docker_archives(name = "docker_without_hub", images = [":arm"], source_date_epoch = _EPOCH, tags = ["manual"])

def _refusals():
    """Declares targets that have to fail; returns name → message."""
    release_image_variant(name = "variant_of_variant", base = ":debug_base", image = ":app_debug", tags = ["manual"], variant = "more")
    release_image_variant(name = "variant_without_its_platform", base = ":debug_base", image = ":arm", tags = ["manual"], variant = "debug")
    names = {"empty": "", "slash": "a/b", "two_dashes": "a--b", "upper_case": "Debug"}
    for name, variant in names.items():
        release_image_variant(name = "variant_" + name, base = ":debug_base", image = ":app", tags = ["manual"], variant = variant)
    release_image_variant(name = "app_again", image = ":app", tags = ["manual"], variant = "debug")
    release_tree(name = "tree_of_one_variant_twice", artifacts = [":app_debug", ":app_again"], tags = ["manual"])
    release_docker_archives(name = "docker_archives_of_a_variant_twice", images = [":app_debug", ":app_again"], source_date_epoch = _EPOCH, tags = ["manual"])
    return {
        "docker_archives_of_a_variant_twice": "two images for docker/app-debug.tar.gz: ",
        "tree_of_one_variant_twice": "two artifacts for images/app-debug",
        "variant_of_variant": "//release/rules/tests:app_debug is a variant itself: want the image",
        "variant_without_its_platform": "base tool is not pinned for linux/arm/v7: it is for linux/amd64, linux/arm64",
    } | {"variant_" + name: "got variant {}, want lower-case letters".format(repr(variant)) for name, variant in names.items()}

def images_test_suite(name):
    """Declares all tests of variants and Docker archives.

    Args:
        name: the name of the test suite.
    """
    _subjects()
    tests = []
    for subject, test in {"app_debug": _variant_test, "docker": _docker_test, "docker_without_hub": _no_hub_test}.items():
        test(name = subject + "_test", target_under_test = ":" + subject)
        tests.append(":" + subject + "_test")
    tests += failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
