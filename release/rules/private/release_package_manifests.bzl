"""What package managers read to install programs of a release."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":platforms.bzl", "PLATFORMS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

# Package manager → the GOOS of the archives that it can install, of which there has to be one.
_MANAGERS = {
    "aur": ["linux"],
    "homebrew": ["darwin", "linux"],
    "krew": ["darwin", "linux", "windows"],
    "nix": ["darwin", "linux"],
    "scoop": ["windows"],
    "script": ["darwin", "linux"],
    "winget": ["windows"],
}

def _release_package_manifests_impl(ctx):
    for manager in ctx.attr.managers:
        if manager not in _MANAGERS:
            fail("{}: got package manager {}, want one of {}".format(ctx.label, repr(manager), ", ".join(_MANAGERS)))
    name = ctx.attr.package or ctx.label.name
    found = {path: a for path, a in ctx.attr.archive[ArtifactInfo].artifacts.items() if a.kind == "archive" and a.platform in PLATFORMS}
    if not found:
        fail("{}: {} has no archive for a platform: want a release_archive with formats such as tar.gz".format(ctx.label, ctx.attr.archive.label))
    systems = [PLATFORMS[a.platform][0] for a in found.values()]
    for manager in ctx.attr.managers:
        if not [system for system in _MANAGERS[manager] if system in systems]:
            fail("{}: {} has no archive for {}, and {} needs one: add a platform, or leave {} out of managers".format(
                ctx.label,
                ctx.attr.archive.label,
                " or ".join(_MANAGERS[manager]),
                manager,
                manager,
            ))
    listing = ctx.actions.declare_file(ctx.label.name + ".package.json")
    ctx.actions.write(listing, json.encode(struct(
        archives = [_archive(path, a) for path, a in found.items()],
        description = ctx.attr.description,
        homepage = ctx.attr.homepage,
        license = ctx.attr.license,
        maintainer = ctx.attr.maintainer,
        managers = ctx.attr.managers,
        name = name,
        publisher = ctx.attr.publisher,
        test = ctx.attr.test,
        url = ctx.attr.url,
        version = ctx.attr.version,
    )))
    directory = ctx.actions.declare_directory(ctx.label.name + ".packages")
    args = ctx.actions.args()
    args.add("packages")
    args.add("--entries", listing)
    args.add("--out", directory.path)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = [a.file for a in found.values()] + [listing],
        outputs = [directory],
        mnemonic = "ReleasePackageManifests",
        progress_message = "Writing %{output} for package managers",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([directory])),
        ArtifactInfo(
            artifacts = {"packages/" + name: artifact(directory, "package-manifest", media_type = "text/plain")},
            programs = depset(),
        ),
    ]

def _archive(path, a):
    """Describes an archive for package pkgmanager. Its programs are in one directory, or in none."""
    paths = [c.path for c in a.contents]
    directory = paths[0].partition("/")[0] if paths and "/" in paths[0] else ""
    for p in paths:
        if directory and not p.startswith(directory + "/"):
            directory = ""
    if directory == "bin":
        directory = ""
    return struct(
        arch = PLATFORMS[a.platform][1],
        directory = directory,
        os = PLATFORMS[a.platform][0],
        path = path,
        programs = [p.removeprefix(directory + "/") for p in paths],
        source = a.file.path,
    )

release_package_manifests = rule(
    implementation = _release_package_manifests_impl,
    doc = """Writes what package managers read to install a release_archive: packages/<package>/<manager>/….

Each file has the URLs and the digests of the archives. The files are made for the archives as they are published:
url says where.""",
    attrs = {
        "archive": attr.label(doc = "The release_archive.", mandatory = True, providers = [ArtifactInfo]),
        "description": attr.string(doc = "What the programs are for, in one line.", mandatory = True),
        "homepage": attr.string(doc = "The URL of the project.", mandatory = True),
        "license": attr.string(doc = "The licence of the programs: an SPDX expression.", mandatory = True),
        "maintainer": attr.string(doc = "The maintainer of the packages, as Name <address>.", mandatory = True),
        "managers": attr.string_list(default = _MANAGERS.keys(), doc = "The package managers. script is install.sh, which checks the digest of what it downloads."),
        "package": attr.string(doc = "The package's name; default: the target's name."),
        "publisher": attr.string(doc = "The publisher: the first part of the identifier at winget.", mandatory = True),
        "test": attr.string_list(doc = "The arguments with which the first program ends well, for tests of the package."),
        "url": attr.string(doc = "Where the archives are published: a URL with {version} and {file}.", mandatory = True),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
