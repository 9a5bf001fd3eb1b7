"""Files of a pinned source."""

load("//release/sources:defs.bzl", "SourceInfo")
load(":source_files_info.bzl", "SourceFilesInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_source_files_impl(ctx):
    source = ctx.attr.source[SourceInfo]
    if not source.archive:
        fail("{}: {} has no archive: want @<product>//:<dependency>".format(ctx.label, ctx.attr.source.label))
    if not ctx.attr.files and not ctx.attr.directories:
        fail("{}: neither files nor directories given".format(ctx.label))
    _check(ctx)
    root = ctx.label.name + ".files"
    modes = ctx.actions.declare_file(root + ".json")
    outputs = [ctx.actions.declare_file("{}/{}".format(root, path)) for path in ctx.attr.files]
    outputs += [ctx.actions.declare_directory("{}/{}".format(root, path)) for path in ctx.attr.directories]
    selection = ctx.actions.declare_file(ctx.label.name + ".selection.json")
    ctx.actions.write(selection, json.encode(struct(
        archive = source.archive.path,
        digest = source.digest,
        directories = ctx.attr.directories,
        files = ctx.attr.files,
        name = source.dependency,
    )))
    args = ctx.actions.args()
    args.add("extract")
    args.add("--entries", selection)
    args.add("--out", modes.path.removesuffix(".json"))
    ctx.actions.run(
        executable = release_toolchain(ctx).assemble,
        arguments = [args],
        inputs = [selection, source.archive],
        outputs = outputs + [modes],
        mnemonic = "ReleaseSourceFiles",
        progress_message = "Extracting files of source {} for %{{label}}".format(source.dependency),
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset(outputs)), SourceFilesInfo(modes = modes)]

def _check(ctx):
    """Checks that every path is clean, and not below another."""
    all = ctx.attr.files + ctx.attr.directories
    for path in all:
        if path.startswith("/") or [part for part in path.split("/") if part in ["", ".", ".."]]:
            fail("{}: got path {}, want one such as charts/web, from the top of the source".format(ctx.label, repr(path)))
        if len([other for other in all if other == path]) > 1:
            fail("{}: duplicate path {}".format(ctx.label, repr(path)))
        for directory in ctx.attr.directories:
            if path.startswith(directory + "/"):
                fail("{}: path {} is in directory {}".format(ctx.label, repr(path), repr(directory)))

release_source_files = rule(
    implementation = _release_source_files_impl,
    doc = """Takes files and directories out of a pinned source, such as its charts, manual pages and samples, for other rules.

They are as the lock pins them, BUILD files too. In archives and images, those are executable that are so in the source;
a Go module's zip has no such bits. Symbolic links become copies of what they lead to.""",
    attrs = {
        "directories": attr.string_list(doc = "Paths of directories in the source, of which all files are taken."),
        "files": attr.string_list(doc = "Paths of files in the source."),
        "source": attr.label(doc = "The pinned source: @<product>//:<dependency>.", mandatory = True, providers = [SourceInfo]),
    },
    provides = [SourceFilesInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
