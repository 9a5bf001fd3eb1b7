"""Bills of materials."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact")
load(":collected.bzl", "described")
load(":components_info.bzl", "ComponentsInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

# Format → the end of a document's name, and its media type.
_FORMATS = {
    "cyclonedx": (".cdx.json", "application/vnd.cyclonedx+json"),
    "spdx": (".spdx.json", "application/spdx+json"),
}

def _release_sbom_impl(ctx):
    none = [DefaultInfo(), ArtifactInfo(artifacts = {}, programs = depset())]
    if ctx.attr.skip:
        return none
    if len(ctx.attr.components) > 1:
        fail("{}: got {} targets in components, want at most one".format(ctx.label, len(ctx.attr.components)))
    found = described(ctx)
    artifacts = {}
    documents = []
    stem = "sbom/{}-{}".format(ctx.attr.product, ctx.attr.version)
    subjects = [("release", "", stem)]
    for path, a in found.artifacts.items():
        if a.kind == "image":
            subjects.append(("image", path, "{}-image-{}".format(stem, path.removeprefix("images/").replace("/", "-"))))
    subjects += [("source", source, "{}-source-{}".format(stem, source)) for source in ctx.attr.sources]
    for of, name, prefix in subjects:
        for format, (suffix, media_type) in _FORMATS.items():
            path = prefix + suffix
            if path in artifacts:
                fail("{}: two documents for {}".format(ctx.label, path))
            file = ctx.actions.declare_file("{}/{}".format(ctx.label.name, path))
            artifacts[path] = artifact(file, "sbom", media_type = media_type, subject = name if of == "image" else "")
            documents.append(struct(format = format, name = name, of = of, out = file.path, path = path))
    _write(ctx, found, artifacts, documents)
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = depset()),
    ]

def _write(ctx, found, artifacts, documents):
    """Declares the action that writes all documents: it reads each file of the release once."""
    plan = ctx.actions.declare_file(ctx.label.name + ".documents.json")
    ctx.actions.write(plan, json.encode(documents))
    args = ctx.actions.args()
    args.add("sbom")
    args.add("--artifacts", found.listing)
    args.add("--documents", plan)
    args.add("--lock", ctx.file.lock)
    components = [target[ComponentsInfo].document for target in ctx.attr.components]
    args.add_all(components, before_each = "--document")
    ctx.actions.run(
        executable = release_toolchain(ctx).attest,
        arguments = [args],
        inputs = depset([found.listing, plan, ctx.file.lock] + components + found.files + found.programs),
        outputs = [a.file for a in artifacts.values()],
        mnemonic = "ReleaseSBOM",
        progress_message = "Writing bills of materials %{label}",
        toolchain = TOOLCHAIN_TYPE,
    )

release_sbom = rule(
    implementation = _release_sbom_impl,
    doc = """Writes bills of materials in SPDX 2.3 and CycloneDX 1.6: sbom/<product>-<version>.spdx.json and .cdx.json.

There are such documents of the release, of each image (<product>-<version>-image-<image>) and of each source
(<product>-<version>-source-<source>). They do not describe themselves.""",
    attrs = {
        "artifacts": attr.label_list(doc = "Targets of packaging rules: what the documents describe.", mandatory = True, providers = [ArtifactInfo]),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Targets with one file each → path in the release: other files of the release, as release_tree has them."),
        "components": attr.label_list(doc = "The release_licenses target that knows the licences of modules; at most one. Default: they are not in the documents.", providers = [ComponentsInfo]),
        "lock": attr.label(allow_single_file = True, doc = "The line's lock.json.", mandatory = True),
        "outputs": attr.string_list(doc = "OUTPUTS of the line: artifacts that these do not choose are not in the release. Default: all are."),
        "product": attr.string(doc = "PRODUCT of the line.", mandatory = True),
        "skip": attr.bool(doc = "SKIP_SBOM of the line: whether the manifest asks for a release without bills of materials (skipGenerateBillOfMaterials)."),
        "sources": attr.string_list(doc = "Names of dependencies in the lock. Each gets its documents."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
