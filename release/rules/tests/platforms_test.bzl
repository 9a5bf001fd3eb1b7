"""Analysis tests of platforms: every one can be named, and names and formats are what a line says."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//release/rules:defs.bzl", "ArtifactInfo", "BinaryInfo", "release_archive", "release_binary", "release_image")
load("//release/rules/private:platforms.bzl", "ARCHITECTURES", "PLATFORMS", "UNIVERSAL", "oci_platform")
load(":fakes.bzl", "failure_tests", "fake_binary")

_VERSION = "1.2.3"
_EPOCH = 1700000000
_PLATFORMS = PLATFORMS.keys()

# Every pair, and a level of each variable: analysing a program for all levels takes long.
_LINKED = [name for name in _PLATFORMS if not PLATFORMS[name][2]] + [
    "linux-386_softfloat",
    "linux-amd64v3",
    "linux-arm64v9.0",
    "linux-armv6",
    "linux-mips64_softfloat",
    "linux-mips_softfloat",
    "linux-ppc64le_power9",
    "linux-riscv64_rva22u64",
]

# The architectures of an image for most of those who run Linux.
_SIX = ["linux/386", "linux/amd64", "linux/arm/v6", "linux/arm64", "linux/ppc64le", "linux/s390x"]

def _files(env):
    """Returns the names of the archives, without those of the checksums, and by platform."""
    artifacts = analysistest.target_under_test(env)[ArtifactInfo].artifacts
    return {a.platform: path for path, a in artifacts.items() if a.kind != "checksum"}, artifacts

def _names_test_impl(ctx):
    env = analysistest.begin(ctx)
    files, artifacts = _files(env)
    asserts.equals(env, len(_PLATFORMS), len(files), "one archive for each platform")
    asserts.equals(env, 2 * len(_PLATFORMS), len(artifacts), "each has a checksum")
    for platform, name in ctx.attr.want.items():
        asserts.equals(env, name, files.get(platform))
    return analysistest.end(env)

_names_test = analysistest.make(_names_test_impl, attrs = {"want": attr.string_dict()})

def _aliases_test_impl(ctx):
    env = analysistest.begin(ctx)
    _, artifacts = _files(env)
    asserts.equals(env, {
        "aliased-1.2.3-linux-amd64.tar.gz": "linux-amd64",
        "aliased-1.2.3-linux-s390x.tar.gz": "linux-s390x",
        "aliased-1.2.3-osx-arm64.tar.gz": "osx-arm64",
        "aliased-1.2.3-osx.tar.gz": "osx-arm64",
        "aliased-1.2.3-win-amd64.zip": "win-amd64",
        "aliased-1.2.3-win.zip": "win-amd64",
    }, {path: a.platform for path, a in artifacts.items() if a.kind != "checksum"})
    asserts.equals(env, 12, len(artifacts), "each has a checksum")
    return analysistest.end(env)

_aliases_test = analysistest.make(_aliases_test_impl)

def _formats_test_impl(ctx):
    env = analysistest.begin(ctx)
    _, artifacts = _files(env)
    asserts.equals(env, {
        "formats-1.2.3-linux-amd64.tar.xz": ("archive", "application/x-xz", "formats-1.2.3/bin/tool"),
        "formats-1.2.3-linux-amd64.tar.zst": ("archive", "application/zstd", "formats-1.2.3/bin/tool"),
        "formats-1.2.3-linux-s390x": ("binary", "application/octet-stream", ""),
        "formats-1.2.3-osx-arm64.tar.gz": ("archive", "application/gzip", "formats-1.2.3/bin/tool"),
        "formats-1.2.3-win-amd64.exe": ("binary", "application/octet-stream", ""),
        "formats-1.2.3-win-amd64.zip": ("archive", "application/zip", "formats-1.2.3/bin/tool.exe"),
    }, {path: (a.kind, a.media_type, a.contents[0].path) for path, a in artifacts.items() if a.kind != "checksum"})
    argv = [a.argv for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseArchive"]
    asserts.equals(
        env,
        ["binary", "binary", "tar.gz", "tar.xz", "tar.zst", "zip"],
        sorted([args[args.index("--format") + 1] for args in argv]),
    )
    for args in argv:
        asserts.equals(env, args[args.index("--format") + 1] != "binary", "--prefix" in args, "a program itself is in no directory")
    return analysistest.end(env)

_formats_test = analysistest.make(_formats_test_impl)

def _image_test_impl(ctx):
    env = analysistest.begin(ctx)
    specs = [a.content for a in analysistest.target_actions(env) if a.mnemonic == "FileWrite" and a.outputs.to_list()[0].path.endswith(".spec.json")]
    got = [(p["os"], p["architecture"], p["variant"]) for p in json.decode(specs[0])["platforms"]]
    asserts.equals(env, ctx.attr.want, ["/".join([part for part in p if part]) for p in got])
    return analysistest.end(env)

_image_test = analysistest.make(_image_test_impl, attrs = {"want": attr.string_list()})

def _binary_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, sorted(ctx.attr.want), sorted(target[BinaryInfo].files.keys()))
    programs = [json.decode(p) for p in target[BinaryInfo].programs.to_list()]
    linked = {half: None for name in ctx.attr.want for half in UNIVERSAL.get(name, [name])}
    asserts.equals(
        env,
        sorted([PLATFORMS[name] for name in linked]),
        sorted([(p["goos"], p["goarch"], p["level"]) for p in programs]),
        "each is linked for its platform",
    )
    joins = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseUniversal"]
    asserts.equals(env, len([name for name in ctx.attr.want if name in UNIVERSAL]), len(joins))
    for action in joins:
        asserts.equals(env, [target[BinaryInfo].files["osx-universal"]], action.outputs.to_list())
    return analysistest.end(env)

_binary_test = analysistest.make(_binary_test_impl, attrs = {"want": attr.string_list()})

def _archive(name, **kwargs):
    release_archive(name = name, source_date_epoch = _EPOCH, tags = ["manual"], version = _VERSION, **kwargs)

def _image(name, architectures):
    release_image(
        name = name,
        architectures = architectures,
        binaries = {":all_platforms": "/bin/"},
        created = "2023-11-14T22:13:20Z",
        source_date_epoch = _EPOCH,
        tags = ["manual"],
        version = _VERSION,
    )

def _subjects():
    """Declares the targets under test."""
    fake_binary(name = "all_platforms", platforms = _PLATFORMS, program = "tool", tags = ["manual"])
    fake_binary(name = "four_platforms", platforms = ["linux-amd64", "linux-s390x", "osx-arm64", "win-amd64"], program = "tool", tags = ["manual"])
    fake_binary(name = "more", platforms = ["linux-amd64", "linux-s390x", "osx-arm64", "win-amd64"], program = "more", tags = ["manual"])
    _archive(name = "named_by_default", archive = "named", binaries = [":all_platforms"])
    _archive(name = "named_by_goreleaser", archive = "named", binaries = [":all_platforms"], names = "{name}_{version}_{Os}_{uname}")
    _archive(name = "named_by_go", archive = "named", binaries = [":all_platforms"], names = "{name}{version}.{os}-{arch}")
    _archive(name = "aliased", binaries = [":four_platforms"], aliases = {"osx-amd64": "osx", "osx-arm64": "osx", "win-amd64": "win"})
    _archive(
        name = "all_formats",
        archive = "formats",
        binaries = [":four_platforms"],
        formats = {
            "": ["tar.gz"],
            "linux": ["tar.xz", "tar.zst"],
            "linux-s390x": ["binary"],
            "win": ["zip", "binary"],
        },
    )
    _image(name = "six_architectures", architectures = _SIX)
    _image(name = "all_architectures", architectures = ARCHITECTURES.keys())
    release_binary(
        name = "built_for_all",
        binary = "//release/rules/tests/tiny",
        platforms = _LINKED,
        tags = ["manual"],
    )
    release_binary(
        name = "built_universal",
        binary = "//release/rules/tests/tiny",
        platforms = ["osx-universal"],
        tags = ["manual"],
    )

def _refusals():
    """Declares targets that have to fail; returns name → message."""
    two = [":four_platforms"]
    _archive(name = "names_field", binaries = two, names = "{name}-{Arch}")
    _archive(name = "names_same", binaries = two, names = "{name}-{os}")
    _archive(name = "names_brace", binaries = two, names = "{name")
    _archive(name = "alias_key", binaries = two, aliases = {"darwin": "osx"})
    _archive(name = "alias_taken", binaries = two, aliases = {"linux-s390x": "linux-amd64"})
    _archive(name = "alias_unused", binaries = two, aliases = {"osx-arm64": "osx"}, names = "{name}-{version}-{os}-{arch}")
    _archive(name = "format_unknown", binaries = two, formats = {"": ["rar"]})
    _archive(name = "format_twice", binaries = two, formats = {"": ["zip", "zip"]})
    _archive(name = "format_key", binaries = two, formats = {"darwin": ["zip"]})
    _archive(name = "format_platform", binaries = two, formats = {"linux-vax": ["zip"]})
    _archive(name = "binary_of_two", binaries = two + [":more"], formats = {"": ["binary"]})
    _image(name = "level_unknown", architectures = ["linux/arm/v9"])
    return {
        "binary_of_two": "format binary is for one program, got 2",
        "format_key": "formats: got \"darwin\", want a platform such as osx-arm64, a system such as osx, or \"\" for all others",
        "format_platform": "formats: got \"linux-vax\", want a platform",
        "format_twice": "want each format once, and at least one",
        "format_unknown": "formats: got \"rar\" for \"\", want some of binary, tar.gz",
        "level_unknown": "level_unknown: got platform \"linux/arm/v9\", want one of linux/arm/v7, linux/arm/v5, linux/arm/v6",
        "names_brace": "//release/rules/tests:names_brace: names \"{name\": a { without }",
        "names_field": "names \"{name}-{Arch}\": got field {Arch}, want one of {Os}, {arch}, {name}, {os}, {platform}, {uname}, {version}",
        "names_same": "linux-amd64 and linux-s390x both make names_same-linux: change names or aliases",
        "alias_key": "aliases: got \"darwin\", want a platform such as osx-amd64",
        "alias_taken": "linux-amd64 and linux-s390x as linux-amd64 both make alias_taken-1.2.3-linux-amd64: change names or aliases",
        "alias_unused": "osx-arm64 and osx-arm64 as osx both make alias_unused-1.2.3-darwin-arm64: change names or aliases",
    }

def platforms_test_suite(name):
    """Declares the tests.

    Args:
        name: the suite's name.
    """
    _subjects()
    tests = []
    for template, want in {
        "named_by_default": {"freebsd-amd64": "named-1.2.3-freebsd-amd64.tar.gz", "linux-amd64v3": "named-1.2.3-linux-amd64v3.tar.gz", "win-arm64": "named-1.2.3-win-arm64.zip"},
        "named_by_go": {"linux-armv6": "named1.2.3.linux-armv6.tar.gz", "osx-arm64": "named1.2.3.darwin-arm64.tar.gz", "win-386": "named1.2.3.windows-386.zip"},
        "named_by_goreleaser": {"linux-386": "named_1.2.3_Linux_i386.tar.gz", "osx-universal": "named_1.2.3_Darwin_all.tar.gz", "win-amd64": "named_1.2.3_Windows_x86_64.zip"},
    }.items():
        tests.append(template + "_test")
        _names_test(name = template + "_test", target_under_test = ":" + template, want = want)
    _aliases_test(name = "aliased_test", target_under_test = ":aliased")
    _formats_test(name = "all_formats_test", target_under_test = ":all_formats")
    _image_test(name = "six_architectures_test", target_under_test = ":six_architectures", want = _SIX)
    _image_test(
        name = "all_architectures_test",
        target_under_test = ":all_architectures",
        want = [oci_platform(p) for p in _PLATFORMS if PLATFORMS[p][0] == "linux"],
    )
    _binary_test(name = "built_for_all_test", target_under_test = ":built_for_all", want = _LINKED)
    _binary_test(name = "built_universal_test", target_under_test = ":built_universal", want = ["osx-universal"])
    tests += ["all_formats_test", "six_architectures_test", "all_architectures_test", "built_for_all_test", "built_universal_test"]
    tests = [":" + t for t in tests] + failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
