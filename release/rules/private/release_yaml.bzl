"""YAML files with other values."""

load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def _release_yaml_impl(ctx):
    output = ctx.actions.declare_file("{}/{}".format(ctx.label.name, ctx.attr.out or ctx.file.src.basename))
    values = ctx.actions.declare_file(ctx.label.name + ".values.json")
    ctx.actions.write(values, json.encode(ctx.attr.values))
    args = ctx.actions.args()
    args.add("yaml")
    args.add("--file", ctx.file.src)
    args.add("--values", values)
    args.add("--out", output)
    ctx.actions.run(
        executable = release_toolchain(ctx).chart,
        arguments = [args],
        inputs = [ctx.file.src, values],
        outputs = [output],
        mnemonic = "ReleaseYaml",
        progress_message = "Setting values in %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([output]))]

release_yaml = rule(
    implementation = _release_yaml_impl,
    doc = "Writes a YAML file with other values, for archives and images. All else in it stays as it is: comments, order, quotes and layout.",
    attrs = {
        "out": attr.string(doc = "The file's name. Default: that of src."),
        "src": attr.label(allow_single_file = True, doc = "The file.", mandatory = True),
        "values": attr.string_dict(allow_empty = False, doc = "Path → value, such as spec.tag. The path is keys separated by dots, and positions in lists; a backslash keeps a dot.", mandatory = True),
    },
    toolchains = [TOOLCHAIN_TYPE],
)
