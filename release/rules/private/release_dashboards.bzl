"""Grafana dashboards."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _dashboard(ctx, name):
    """Declares the action of one dashboard and returns its file."""
    output = ctx.actions.declare_file("{}/{}.json".format(ctx.label.name, name))
    spec = ctx.actions.declare_file("{}/{}.spec.json".format(ctx.label.name, name))
    ctx.actions.write(spec, json.encode(struct(
        datasources = ctx.attr.datasources,
        name = name,
        sources = [file.path for file in ctx.files.files],
        version = ctx.attr.version,
    )))
    args = ctx.actions.args()
    args.add("dashboard")
    args.add("--spec", spec)
    args.add("--out", output)
    ctx.actions.run(
        executable = release_toolchain(ctx).chart,
        arguments = [args],
        inputs = [spec] + ctx.files.files,
        outputs = [output],
        mnemonic = "ReleaseDashboard",
        progress_message = "Exporting dashboard %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return output

def _release_dashboards_impl(ctx):
    artifacts = {}
    for name in ctx.attr.dashboards:
        artifacts["grafana/{}.json".format(name)] = artifact(_dashboard(ctx, name), "dashboard", media_type = "application/json")
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = depset()),
    ]

release_dashboards = rule(
    implementation = _release_dashboards_impl,
    doc = "Writes dashboards in the form that grafana.com publishes, grafana/<name>.json: data sources are inputs, and the description ends with the version.",
    attrs = {
        "dashboards": attr.string_list(doc = "The names: the keys of DASHBOARDS of the line. For each there is a file NAME.json or NAME.gen.json.", mandatory = True),
        "datasources": attr.string_dict(doc = "The types of data sources that dashboards refer to by name alone: name → type, such as Thanos → prometheus."),
        "files": attr.label_list(allow_files = True, doc = "The files, or directories with them, such as those of release_source_files.", mandatory = True),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
