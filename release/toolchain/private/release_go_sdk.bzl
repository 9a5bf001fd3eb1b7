"""A Go SDK whose standard library is no larger than what is built with it."""

load("@io_bazel_rules_go//go:def.bzl", "GoSDK")

def _release_go_sdk_impl(ctx):
    sdk = ctx.attr.sdk[GoSDK]
    src = sdk.root_file.dirname + "/src/"
    files = [struct(file = f, folder = f.dirname.removeprefix(src)) for f in sdk.srcs.to_list()]
    packages = {f.folder: None for f in files if f.file.extension == "go"}
    wanted = {package: None for package in ctx.attr.packages}

    # A folder without Go files belongs to the package above it. Headers are
    # included across packages.
    keep = [
        f.file
        for f in files
        if _owner(f.folder, packages) in wanted or f.file.extension == "h" or f.file.dirname + "/" == src
    ]
    listing = ctx.actions.declare_file(ctx.label.name + "/packages.txt")
    ctx.actions.write(listing, "\n".join(sorted([p for p in ctx.attr.packages if p in packages])) + "\n")
    return [
        DefaultInfo(files = depset(keep)),
        GoSDK(
            experiments = sdk.experiments,
            go = sdk.go,
            goarch = sdk.goarch,
            goos = sdk.goos,
            headers = sdk.headers,
            libs = sdk.libs,
            package_list = listing,
            root_file = sdk.root_file,
            srcs = depset(keep),
            tools = sdk.tools,
            version = sdk.version,
        ),
    ]

def _owner(folder, packages):
    for _ in range(folder.count("/") + 1):
        if folder in packages:
            return folder
        folder = folder.rpartition("/")[0]
    return folder

release_go_sdk = rule(
    implementation = _release_go_sdk_impl,
    doc = """The SDK with only the listed packages of its standard library.

rules_go compiles the standard library whole, once for each platform: for small programs
that is most of the work, and half of it is for packages that nothing imports.""",
    attrs = {
        "packages": attr.string_list(doc = "Packages of the standard library, closed under import.", mandatory = True),
        "sdk": attr.label(cfg = "exec", doc = "The whole SDK.", mandatory = True, providers = [GoSDK]),
    },
    provides = [GoSDK],
)
