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
        executables = ctx.attr.executables,
        files = ctx.attr.files,
        name = source.dependency,
        patterns = ctx.attr.patterns,
        values = ctx.attr.values,
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

    for key in ctx.attr.values:
        file, colon, path = key.partition(":")
        if not file or not colon or not path:
            fail("{}: got value {}, want FILE:PATH such as charts/web/values.yaml:image.tag".format(ctx.label, repr(key)))
        if file not in all and not [directory for directory in ctx.attr.directories if file.startswith(directory + "/")]:
            fail("{}: value {} is for a file that is neither in files nor in directories".format(ctx.label, repr(key)))
    if ctx.attr.patterns and not ctx.attr.directories:
        fail("{}: patterns without directories: patterns are for the files of directories".format(ctx.label))

release_source_files = rule(
    implementation = _release_source_files_impl,
    doc = """Takes files and directories out of a pinned source, such as its charts, manual pages and samples, for other rules.

They are as the lock pins them, BUILD files too, but for values. In archives and images, those are executable that are so
in the source; a Go module's zip has no such bits. Symbolic links become copies of what they lead to. A pattern without a
slash, such as *.sh, is for names of files, any other for paths in the source.""",
    attrs = {
        "directories": attr.string_list(doc = "Paths of directories in the source, of which all files are taken."),
        "executables": attr.string_list(doc = "Patterns of files that are executable although the source does not say so."),
        "files": attr.string_list(doc = "Paths of files in the source."),
        "patterns": attr.string_list(doc = "Patterns of the files to take from directories. Default: all."),
        "source": attr.label(doc = "The pinned source: @<product>//:<dependency>.", mandatory = True, providers = [SourceInfo]),
        "values": attr.string_dict(doc = "FILE:PATH → value, such as charts/web/values.yaml:image.tag, in YAML files, as in release_chart."),
    },
    provides = [SourceFilesInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
