"""Helm charts."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":chart_info.bzl", "ChartInfo")
load(":semver.bzl", "is_semver")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _path(file):
    """Returns a file's path in its repository."""
    path = file.short_path
    return path.split("/", 2)[2] if path.startswith("../") else path

def _root(ctx):
    """Returns the path of the chart's directory in its repository."""
    if ctx.attr.strip_prefix:
        return ctx.attr.strip_prefix.strip("/")
    found = sorted([
        (len(path), path.removesuffix("/Chart.yaml"))
        for path in [_path(file) for file in ctx.files.files]
        if path.endswith("/Chart.yaml")
    ])
    if found:
        return found[0][1]
    if len(ctx.files.files) == 1:
        return _path(ctx.files.files[0])
    fail("{}: none of {} files is a Chart.yaml: add it to files, or set strip_prefix to the directory with it".format(ctx.label, len(ctx.files.files)))

def _entries(ctx):
    """Returns the entries for tools/build/chart: each file's path in the chart. The chart's own directory is '.'."""
    root = _root(ctx)
    entries = []
    for file in ctx.files.files:
        path = _path(file)
        if path != root and not path.startswith(root + "/"):
            fail("{}: {} is not in {}, the directory of the chart: leave it out of files, or set strip_prefix".format(ctx.label, path, root))
        entries.append(struct(path = path[len(root) + 1:] or ".", source = file.path))
    return entries

def _check_values(ctx):
    for key in ctx.attr.values:
        file, colon, path = key.partition(":")
        if not file or not colon or not path:
            fail("{}: got value {}, want FILE:PATH such as values.yaml:image.tag".format(ctx.label, repr(key)))

def _dependencies(ctx, name):
    """Returns the archives of the dependencies, and ChartInfo's inside of the chart."""
    archives = []
    inside = {}
    seen = {}
    for target in ctx.attr.dependencies:
        info = target[ChartInfo]
        if info.name in seen:
            fail("{}: {} and {} are both chart {}: leave one out of dependencies".format(ctx.label, seen[info.name], target.label, info.name))
        seen[info.name] = target.label
        if not info.archive:
            fail("{}: {} has no archive: its version {} is not semantic".format(ctx.label, target.label, repr(info.version)))

        archives.append(info.archive)
        ways = {info.name: info.name} | {deep: info.name + " -> " + way for deep, way in info.inside.items()}

        # A chart may wrap another version of a chart with its name.
        if name in info.inside or name == info.name and info.version == ctx.attr.version:
            fail("{}: cyclic dependency of charts: {} -> {}: leave {} out of dependencies".format(ctx.label, name, ways[name], target.label))
        inside.update(ways)
    return archives, inside

def _release_chart_impl(ctx):
    name = ctx.attr.chart or ctx.label.name
    _check_values(ctx)
    if not is_semver(ctx.attr.version):
        # buildifier: disable=print
        print("{}: no chart: version {} is not semantic".format(ctx.label, repr(ctx.attr.version)))
        return [
            DefaultInfo(files = depset()),
            ArtifactInfo(artifacts = {}, programs = depset()),
            ChartInfo(archive = None, inside = {}, name = name, version = ctx.attr.version),
        ]
    dependencies, inside = _dependencies(ctx, name)
    path = "{}/{}-{}.tgz".format(ctx.attr.directory.strip("/"), name, ctx.attr.version)
    archive = ctx.actions.declare_file(ctx.label.name + ".chart/" + path)
    spec = ctx.actions.declare_file(ctx.label.name + ".chart.json")
    ctx.actions.write(spec, json.encode(struct(
        appVersion = ctx.attr.app_version or ctx.attr.version,
        dependencies = [file.path for file in dependencies],
        files = _entries(ctx),
        name = name,
        values = ctx.attr.values,
        version = ctx.attr.version,
    )))
    args = ctx.actions.args()
    args.add("package")
    args.add("--spec", spec)
    args.add("--mtime", str(ctx.attr.source_date_epoch))
    args.add("--out", archive)
    ctx.actions.run(
        executable = release_toolchain(ctx).chart,
        arguments = [args],
        inputs = [spec] + ctx.files.files + dependencies,
        outputs = [archive],
        mnemonic = "ReleaseChart",
        progress_message = "Packing chart %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset([archive])),
        ArtifactInfo(
            artifacts = {path: artifact(archive, "chart", media_type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip")},
            programs = depset(),
        ),
        ChartInfo(archive = archive, inside = inside, name = name, version = ctx.attr.version),
    ]

release_chart = rule(
    implementation = _release_chart_impl,
    doc = """Packs a Helm chart: <directory>/<chart>-<version>.tgz.

version and appVersion in Chart.yaml are set, and the values. All else in these files stays as it is: comments, order,
quotes and layout. What .helmignore names is left out. If the version is not semantic, there is no chart, and a notice
says so.""",
    attrs = {
        "app_version": attr.string(doc = "appVersion in Chart.yaml. Default: the version."),
        "chart": attr.string(doc = "The chart's name, as in Chart.yaml. Default: the target's name."),
        "dependencies": attr.label_list(
            doc = "Other charts of the release, which are put in charts/. Chart.yaml has to name each in its dependencies, with a version that matches.",
            providers = [ChartInfo],
        ),
        "directory": attr.string(doc = "The directory in the release, such as helm/samples.", default = "helm"),
        "files": attr.label_list(
            allow_files = True,
            doc = "The chart's files, or its directory: a release_source_files target with one of directories.",
            mandatory = True,
        ),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "strip_prefix": attr.string(doc = "The chart's directory, from the top of its repository. Default: that of the topmost Chart.yaml, or the one directory in files."),
        "values": attr.string_dict(doc = "FILE:PATH → value, such as values.yaml:image.tag. The path is keys separated by dots, and positions in lists; a backslash keeps a dot. There has to be a value that nothing else uses."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo, ChartInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
