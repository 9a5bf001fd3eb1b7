"""A pinned source, for the packaging rules."""

SourceInfo = provider(
    doc = "A pinned source: what a release is made from.",
    fields = {
        "archive": "File: the source as it is pinned: a canonical tar or a Go module's zip. None for the variant of a source.",
        "dependency": "string: the dependency's name in the lock; empty if there is no archive.",
        "digest": "string: what the lock pins: the SHA-256 of the tar, or the h1 sum of the module; empty if there is no archive.",
        "license_files": "depset of File: the licences of the source and of what it vendors, at licenses/<module>/….",
        "module": "string: the path of the Go module (the topmost if there are several), or the dependency's name.",
        "modules": "dict of string to string: the Go modules that are built, path → version, which may be empty.",
        "version": "string: the module's version; may be empty.",
    },
)

def _source_info_impl(ctx):
    return [
        DefaultInfo(files = depset(ctx.files.license_files)),
        SourceInfo(
            archive = ctx.file.archive,
            dependency = ctx.attr.dependency,
            digest = ctx.attr.digest,
            license_files = depset(ctx.files.license_files),
            module = ctx.attr.module,
            modules = ctx.attr.modules,
            version = ctx.attr.version,
        ),
    ]

source_info = rule(
    implementation = _source_info_impl,
    doc = "Describes the source in the repository.",
    attrs = {
        "archive": attr.label(allow_single_file = [".tar", ".zip"], doc = "The source as it is pinned."),
        "dependency": attr.string(doc = "The dependency's name in the lock."),
        "digest": attr.string(doc = "What the lock pins."),
        "license_files": attr.label_list(allow_files = True, doc = "The licence files."),
        "module": attr.string(doc = "The Go module's path.", mandatory = True),
        "modules": attr.string_dict(doc = "Every Go module that is built, path → version."),
        "version": attr.string(doc = "The module's version."),
    },
    provides = [SourceInfo],
)
