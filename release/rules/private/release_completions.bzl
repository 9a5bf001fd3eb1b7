"""Shell completions that a program prints."""

load(":binary_info.bzl", "BinaryInfo")
load(":exec_platform.bzl", "ExecPlatformInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

# Shell → name of its completion file for a program.
_NAMES = {"bash": "{}.bash", "fish": "{}.fish", "powershell": "{}.ps1", "zsh": "_{}"}

def _release_completions_impl(ctx):
    binary = ctx.attr.binary[BinaryInfo]
    platform = ctx.attr._exec_platform[ExecPlatformInfo].name
    if platform not in binary.files:
        fail("{}: {} is not built for {}, the platform that runs it; it has {}".format(
            ctx.label,
            ctx.attr.binary.label,
            platform,
            ", ".join(binary.files.keys()),
        ))
    outputs = []
    for shell in ctx.attr.shells:
        if shell not in _NAMES:
            fail("{}: got shell {}, want one of {}".format(ctx.label, repr(shell), ", ".join(_NAMES.keys())))
        output = ctx.actions.declare_file(ctx.label.name + "/" + _NAMES[shell].format(binary.name))
        args = ctx.actions.args()
        args.add("capture")
        args.add("--out", output)
        args.add("--")
        args.add(binary.files[platform])
        args.add_all(ctx.attr.args_before_shell)
        args.add(shell)
        ctx.actions.run(
            executable = release_toolchain(ctx).assemble,
            arguments = [args],
            inputs = [binary.files[platform]],
            outputs = [output],
            mnemonic = "ReleaseCompletion",
            progress_message = "Running %{input} for %{output}",
            toolchain = TOOLCHAIN_TYPE,
        )
        outputs.append(output)
    return [DefaultInfo(files = depset(outputs))]

release_completions = rule(
    implementation = _release_completions_impl,
    doc = "Runs the program for this platform once for each shell, and writes its output to files.",
    attrs = {
        "args_before_shell": attr.string_list(doc = "The arguments before the shell's name.", default = ["completion"]),
        "binary": attr.label(doc = "The release_binary.", mandatory = True, providers = [BinaryInfo]),
        "shells": attr.string_list(doc = "bash, fish, powershell, zsh.", default = ["bash", "zsh"]),
        "_exec_platform": attr.label(cfg = "exec", default = "//release/rules:exec_platform"),
    },
    toolchains = [TOOLCHAIN_TYPE],
)
