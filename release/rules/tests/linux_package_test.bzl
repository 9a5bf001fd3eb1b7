"""Analysis tests of release_linux_package: what it declares, and how it fails."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "release_linux_package")
load(":fakes.bzl", "failure_tests", "fake_binary")

_PACKAGE = {
    "license": "Apache-2.0",
    "maintainer": "Jane Doe <jane@example.com>",
    "source_date_epoch": 1700000000,
    "summary": "does one thing well",
    "tags": ["manual"],
    "version": "1.2.3-rc.1",
}

def _specs(env):
    """Returns the specs by format and architecture."""
    specs = [json.decode(a.content) for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite"]
    return {(s["format"], s["architecture"]): s for s in specs}

def _names_test_impl(ctx):
    env = analysistest.begin(ctx)
    artifacts = analysistest.target_under_test(env)[ArtifactInfo].artifacts
    asserts.equals(env, [
        "apk/tool_1.2.3_rc1-r0_armv7.apk",
        "apk/tool_1.2.3_rc1-r0_x86_64.apk",
        "archlinux/tool-1.2.3rc.1-1-armv7h.pkg.tar.zst",
        "archlinux/tool-1.2.3rc.1-1-x86_64.pkg.tar.zst",
        "deb/tool_1.2.3~rc.1_amd64.deb",
        "deb/tool_1.2.3~rc.1_armhf.deb",
        "rpm/tool-1.2.3~rc.1-1.armv7hl.rpm",
        "rpm/tool-1.2.3~rc.1-1.x86_64.rpm",
    ], sorted([p for p in artifacts if not p.endswith(".sha256")]))
    asserts.equals(env, 16, len(artifacts), "each has a checksum")
    deb = artifacts["deb/tool_1.2.3~rc.1_armhf.deb"]
    asserts.equals(env, ("deb", "application/vnd.debian.binary-package", "linux-armv7"), (deb.kind, deb.media_type, deb.platform))
    asserts.equals(env, [("usr/bin/tool", "linux-armv7")], [(c.path, c.platform) for c in deb.contents])
    sha256 = artifacts["deb/tool_1.2.3~rc.1_armhf.deb.sha256"]
    asserts.equals(env, ("checksum", "deb/tool_1.2.3~rc.1_armhf.deb"), (sha256.kind, sha256.subject))
    for action in [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseLinuxPackage"]:
        inputs = [f.basename for f in action.inputs.to_list()]
        asserts.true(env, "package_program-linux-armv7" in inputs or "package_program-linux-amd64" in inputs, "the program is an input: " + str(inputs))
    return analysistest.end(env)

_names_test = analysistest.make(_names_test_impl)

def _contents_test_impl(ctx):
    env = analysistest.begin(ctx)
    artifacts = analysistest.target_under_test(env)[ArtifactInfo].artifacts
    asserts.equals(env, ["deb/tool-arm64.deb", "deb/tool.deb", "rpm/tool-arm64.rpm", "rpm/tool.rpm"], sorted([p for p in artifacts if not p.endswith(".sha256")]))
    specs = _specs(env)
    deb, rpm = specs[("deb", "arm64")], specs[("rpm", "aarch64")]
    asserts.equals(env, ["iptables", "iproute2"], deb["depends"])
    asserts.equals(env, ["iptables", "iproute"], rpm["depends"])
    asserts.equals(env, ("1.2.3~rc.1", "2"), (deb["version"], deb["release"]))
    asserts.equals(env, {
        "/etc/tool/BUILD.bazel": ("0644", "config"),
        "/lib/systemd/system/tool.service": ("0644", ""),
        "/usr/bin/t": (None, None),
        "/usr/lib/tool/tool": ("0755", None),
        "/usr/lib/tool/start": ("0755", ""),
        "/usr/share/doc/tool/BUILD.bazel": ("0644", "doc"),
        "/usr/share/man/man1/tool.1": (None, "man"),
        "/var/lib/tool": (None, None),
    }, {f["path"]: (f.get("mode"), f.get("kind")) for f in deb["files"]})
    asserts.true(env, "/usr/lib/systemd/system/tool.service" in [f["path"] for f in rpm["files"]], "rpm's directory of units")
    asserts.equals(env, {"names": ["tool.service"], "enable": False}, deb["units"])
    asserts.equals(env, ["postinstall"], deb["scripts"].keys())
    return analysistest.end(env)

_contents_test = analysistest.make(_contents_test_impl)

def _refusals():
    """Declares targets that have to fail; returns name → message."""
    messages = {}
    for name, (message, attributes) in {
        "address": ("got maintainer \"Jane Doe\", want Name <address>", {"maintainer": "Jane Doe"}),
        "apk_version": ("apk has no version \"1.0.0-alpha.0f1e\"", {"version": "1.0.0-alpha.0f1e"}),
        "archlinux_version": ("archlinux has no version \"1.0.0-1\"", {"formats": ["archlinux"], "version": "1.0.0-1"}),
        "architecture": ("got platform \"linux/vax\"", {"architectures": ["linux/vax"]}),
        "climbing": ("path \"/etc/../../x\" is not clean: it has a part \"..\"", {"files": {"BUILD.bazel": "/etc/../../x"}}),
        "dependency_format": ("depends: got format \"dep\", want all or one of apk, archlinux, deb, rpm", {"depends": {"dep": ["x"]}}),
        "duplicate": ("two files at /usr/bin/package_tool", {"files": {"BUILD.bazel": "/usr/bin/package_tool"}}),
        "empty": ("neither binaries nor files given", {"binaries": {}}),
        "format": ("got format \"snap\", want one of apk, archlinux, deb, rpm", {"formats": ["snap"]}),
        "man_page": ("got manual page \"BUILD.bazel\", want a name such as tool.1", {"man_pages": ["BUILD.bazel"]}),
        "missing": ("@//release/rules/tests:package_tool is not built for linux-arm64: it is for linux-amd64, linux-armv7", {"architectures": ["linux/arm64"]}),
        "names": ("two packages at apk/tool.apk: put {arch} or {suffix} into file_name", {"architectures": ["linux/amd64", "linux/arm/v7"], "file_name": "tool.{extension}"}),
        "relative": ("got path \"etc/x\", want an absolute one", {"files": {"BUILD.bazel": "etc/x"}}),
        "summary": ("summary is empty", {"summary": ""}),
        "units": ("apk packages have no systemd units: leave apk out of formats", {"systemd_units": ["tool.service"]}),
        "version": ("apk has no version \"nightly\": it does not begin with a digit", {"version": "nightly"}),
    }.items():
        release_linux_package(
            name = "package_of_bad_" + name,
            **(_PACKAGE | {"architectures": ["linux/amd64"], "binaries": {":package_tool": ""}} | attributes)
        )
        messages["package_of_bad_" + name] = "//release/rules/tests:package_of_bad_" + name + ": " + message
    return messages

def linux_package_test_suite(name):
    """Declares all tests of release_linux_package.

    Args:
        name: the name of the test suite.
    """
    fake_binary(name = "package_tool", platforms = ["linux-amd64", "linux-armv7"], program = "package_tool", tags = ["manual"])
    fake_binary(name = "package_program", platforms = ["linux-amd64", "linux-arm64", "linux-armv7"], program = "tool", tags = ["manual"])
    release_linux_package(
        name = "package_names",
        architectures = ["linux/amd64", "linux/arm/v7"],
        binaries = {":package_program": ""},
        package = "tool",
        **_PACKAGE
    )
    release_linux_package(
        name = "package_contents",
        architectures = ["linux/amd64", "linux/arm64"],
        binaries = {":package_program": "/usr/lib/tool/"},
        config_files = {"BUILD.bazel": "/etc/tool/"},
        depends = {"all": ["iptables"], "deb": ["iproute2"], "rpm": ["iproute"]},
        directories = ["/var/lib/tool/"],
        docs = ["BUILD.bazel"],
        enable_units = False,
        executables = {"rules_test.bzl": "/usr/lib/tool/start"},
        file_name = "{name}{suffix}.{extension}",
        formats = ["deb", "rpm"],
        man_pages = ["tool.1"],
        package = "tool",
        postinstall = "fakes.bzl",
        revision = "2",
        symlinks = {"/usr/bin/t": "../lib/tool/tool"},
        systemd_units = ["tool.service"],
        **_PACKAGE
    )
    tests = []
    for subject, test in {"package_contents": _contents_test, "package_names": _names_test}.items():
        test(name = subject + "_test", target_under_test = ":" + subject)
        tests.append(":" + subject + "_test")
    tests += failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
