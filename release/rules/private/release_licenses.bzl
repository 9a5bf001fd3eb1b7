"""The licences of what a release contains."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":collected.bzl", "described")
load(":components_info.bzl", "ComponentsInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_licenses_impl(ctx):
    found = described(ctx)
    sources = _sources(ctx)
    notices = ctx.actions.declare_file(ctx.label.name + "/NOTICES")
    document = ctx.actions.declare_file(ctx.label.name + ".components.json")
    artifacts = {"NOTICES": artifact(notices, "licenses", media_type = "text/plain")}
    for dependency, source in sources.items():
        if source.archive:
            artifacts["licenses/{}.tar.gz".format(dependency)] = artifact(source.archive, "licenses", media_type = "application/gzip")
    listing = ctx.actions.declare_file(ctx.label.name + ".sources.json")
    ctx.actions.write(listing, json.encode(struct(
        sdk = {file.basename: file.path for file in ctx.files.sdk_licenses},
        sources = [
            struct(
                archive = source.archive.path if source.archive else "",
                dependency = dependency,
                files = {path: file.path for path, file in source.files.items()},
                modules = source.modules,
            )
            for dependency, source in sources.items()
        ],
    )))
    args = ctx.actions.args()
    args.add("licenses")
    args.add("--artifacts", found.listing)
    args.add("--sources", listing)
    args.add("--lock", ctx.file.lock)
    args.add("--out", notices)
    args.add("--document", document)
    outputs = [a.file for a in artifacts.values()]
    ctx.actions.run(
        executable = release_toolchain(ctx).attest,
        arguments = [args],
        inputs = depset(
            [ctx.file.lock, found.listing, listing] + found.programs + ctx.files.sdk_licenses +
            [a.file for a in found.artifacts.values() if a.kind == "image"] +
            [file for source in sources.values() for file in source.files.values()],
        ),
        outputs = outputs + [document],
        mnemonic = "ReleaseLicenses",
        progress_message = "Collecting licences for %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        ArtifactInfo(artifacts = artifacts, programs = depset()),
        ComponentsInfo(document = document),
    ]

def _sources(ctx):
    """Returns dependency → struct of archive, a File or None; files, path → File; and modules."""
    files = {}
    modules = {}
    for target, dependency in ctx.attr.sources.items():
        info = target[SourceInfo]
        modules.setdefault(dependency, {}).update(info.modules)
        for file in info.license_files.to_list():
            files.setdefault(dependency, {}).setdefault(file.path.partition("/.release/licenses/")[2], file)
    sources = {}
    for dependency, own in sorted(modules.items()):
        archive = None
        if dependency in files:
            archive = ctx.actions.declare_file("{}/licenses/{}.tar.gz".format(ctx.label.name, dependency))
        elif not [name for name in [dependency] + own.keys() if _excepted(name, ctx.attr.exceptions)]:
            fail("{}: dependency {} has no licence file; add an exception for it to licenses in the manifest, with license and why".format(ctx.label, dependency))
        sources[dependency] = struct(archive = archive, files = files.get(dependency, {}), modules = own)
    return sources

def _excepted(name, exceptions):
    return name in exceptions or [e for e in exceptions if e.endswith("/...") and (name + "/").startswith(e.removesuffix("..."))]

release_licenses = rule(
    implementation = _release_licenses_impl,
    doc = """Writes NOTICES, the licences of everything that the artifacts contain, and licenses/<dependency>.tar.gz, those of each pinned source.

What a program is linked from is in its build information; what a base image brings, in the database of its package manager.
The build fails if something has no licence file, or a licence that the line's policy does not allow.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules.", mandatory = True, providers = [ArtifactInfo]),
        "exceptions": attr.string_list(doc = "Components that the policy excepts: dependencies that need no licence file."),
        "lock": attr.label(allow_single_file = True, doc = "lock.json of the line, which has the policy.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts of other kinds are left out. Default: all."),
        "sdk_licenses": attr.label_list(allow_files = True, default = ["@go_sdk_files//:LICENSE", "@go_sdk_files//:PATENTS"], doc = "The licence files of the Go SDK, whose standard library is in all programs."),
        "sources": attr.label_keyed_string_dict(doc = "The pinned sources → the name of the dependency.", mandatory = True, providers = [SourceInfo]),
    },
    provides = [ArtifactInfo, ComponentsInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
