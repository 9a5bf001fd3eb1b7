"""The sources that a release was built from, as one archive."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

_PATH = "sources.tar.gz"

def _release_sources_impl(ctx):
    entries = []
    archives = []
    for target in ctx.attr.sources:
        source = target[SourceInfo]
        if not source.archive:
            fail("{}: {} has no archive: want @<product>//:<dependency>".format(ctx.label, target.label))
        archives.append(source.archive)
        entries.append(struct(archive = source.archive.path, digest = source.digest, name = source.dependency))
    listing = ctx.actions.declare_file(ctx.label.name + ".entries.json")
    ctx.actions.write(listing, json.encode(entries))
    out = ctx.actions.declare_file("{}/{}".format(ctx.label.name, _PATH))
    args = ctx.actions.args()
    args.add("sources")
    args.add("--entries", listing)
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", out)
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = archives + [listing],
        outputs = [out],
        mnemonic = "ReleaseSources",
        progress_message = "Packing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([out])),
        ArtifactInfo(artifacts = {_PATH: artifact(out, "sources", media_type = "application/gzip")}, programs = depset()),
    ]

release_sources = rule(
    implementation = _release_sources_impl,
    doc = """Packs pinned sources into sources.tar.gz, each at sources/<dependency>/.

They have exactly the content that the lock pins: all files, with their own BUILD files, and none that were added for
the build. Symbolic links, executable bits and names, which are bytes, are kept. A Go module's zip has no such bits.""",
    attrs = {
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "sources": attr.label_list(allow_empty = False, doc = "Pinned sources: @<product>//:<dependency>.", mandatory = True, providers = [SourceInfo]),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
