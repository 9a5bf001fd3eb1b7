"""Analysis tests of what several rules refuse: the error has the target, what is wrong, and what to do."""

load(
    "//release/rules:defs.bzl",
    "release_archive",
    "release_docker_archives",
    "release_image",
    "release_linux_package",
    "release_provenance",
    "release_tree",
)
load(":fakes.bzl", "failure_tests", "fake_binary")

_LINE = {"source_date_epoch": 1700000000, "tags": ["manual"], "version": "1.2.3"}
_TWO = {"fakes.bzl": "share/notes.txt", "refusals_test.bzl": "share/notes.txt"}
_NOTES = "two files at share/notes.txt: release/rules/tests/fakes.bzl and release/rules/tests/refusals_test.bzl; change the path of one"

def _archive(name, **kwargs):
    release_archive(name = name, **(_LINE | {"binaries": [":refused_tool"]} | kwargs))

def _image(name, **kwargs):
    release_image(name = name, **(_LINE | {
        "architectures": ["linux/amd64"],
        "binaries": {":refused_tool": "/bin/"},
        "created": "2023-11-14T22:13:20Z",
    } | kwargs))

def _package(name, **kwargs):
    release_linux_package(name = name, **(_LINE | {
        "architectures": ["linux/amd64"],
        "binaries": {":refused_tool": ""},
        "license": "MIT",
        "maintainer": "Jane Doe <jane@example.com>",
        "summary": "does one thing well",
    } | kwargs))

def _two_at_a_path():
    """Declares targets with two files at one path; returns name → message."""
    _archive("archive_with_two_files", files = _TWO)
    _archive("archive_with_file_at_link", files = {"fakes.bzl": "share/notes.txt"}, symlinks = {"share/notes.txt": "other"})
    _archive("archive_with_file_at_program", files = {"fakes.bzl": "bin/tool"})
    _archive("archive_with_two_programs", binaries = [":refused_tool", ":refused_twin"])
    _image("image_with_two_files", files = _TWO)
    _image("image_with_file_at_program", files = {"fakes.bzl": "/bin/tool"})
    _package("package_with_two_files", files = {label: "/" + path for label, path in _TWO.items()})
    return {
        "archive_with_file_at_link": "two files at share/notes.txt: release/rules/tests/fakes.bzl and other; change the path of one",
        "archive_with_file_at_program": "two files at bin/tool: release/rules/tests/fakes.bzl and ",
        "archive_with_two_files": _NOTES,
        "archive_with_two_programs": "/refused_twin-linux-amd64; change the path of one",
        "image_with_file_at_program": "two files at bin/tool: release/rules/tests/fakes.bzl and ",
        "image_with_two_files": _NOTES,
        "package_with_two_files": _NOTES.replace("share/notes.txt", "/share/notes.txt"),
    }

def _nothing():
    """Declares targets with nothing to pack; returns name → message."""
    _archive("archive_of_no_program", binaries = [])
    _image("image_of_no_program", binaries = {})
    _package("package_of_no_program", binaries = {})
    release_docker_archives(name = "docker_archives_of_no_image", images = [], source_date_epoch = 1, tags = ["manual"])
    return {
        "archive_of_no_program": "no binaries: want release_binary or release_platform_file targets",
        "docker_archives_of_no_image": "no images: want release_image or release_image_variant targets",
        "image_of_no_program": "neither binaries nor files given: an image has at least one of them",
        "package_of_no_program": "neither binaries nor files given",
    }

def _other_platform():
    """Declares targets with programs for other platforms; returns name → message."""
    message = "//release/rules/tests:refused_tool is not built for linux-s390x: it is for linux-amd64, win-amd64; add linux-s390x to its platforms, or leave the program out"
    _image("image_for_other_platform", architectures = ["linux/s390x"])
    _package("package_for_other_platform", architectures = ["linux/s390x"], formats = ["deb"])
    return {"image_for_other_platform": message, "package_for_other_platform": message}

def _unknown_output():
    """Declares targets with unknown outputs; returns name → message."""
    message = "outputs: got \"docs\", want some of apk, archive, archlinux, debian, docker, grafana, helm, "
    release_tree(name = "tree_of_unknown_output", artifacts = [], outputs = ["archive", "docs"], tags = ["manual"])
    release_provenance(name = "provenance_of_unknown_output", artifacts = [], line = "tool", lock = "lock.json", outputs = ["docs"], tags = ["manual"])
    return {"provenance_of_unknown_output": message, "tree_of_unknown_output": message}

def refusals_test_suite(name):
    """Declares the tests.

    Args:
        name: the name of the test suite.
    """
    fake_binary(name = "refused_tool", platforms = ["linux-amd64", "win-amd64"], program = "tool", tags = ["manual"])
    fake_binary(name = "refused_twin", platforms = ["linux-amd64", "win-amd64"], program = "tool", tags = ["manual"])
    native.test_suite(name = name, tests = failure_tests(_two_at_a_path() | _nothing() | _other_platform() | _unknown_output()))
