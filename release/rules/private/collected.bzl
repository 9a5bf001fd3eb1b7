"""The artifacts that a rule is about."""

load(":artifact_info.bzl", "ArtifactInfo", "KINDS", "artifact", "chosen")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

def collected(ctx):
    """Collects artifacts and files.

    Args:
        ctx: of a rule with the attributes artifacts and outputs, and possibly files, such as release_tree.

    Returns:
        a dict like ArtifactInfo's artifacts, of those that the outputs choose.
    """
    words = sorted({word: None for word in KINDS.values() if word})
    for output in ctx.attr.outputs:
        if output not in words:
            fail("{}: outputs: got {}, want some of {}".format(ctx.label, repr(output), ", ".join(words)))
    artifacts = {}
    for target in ctx.attr.artifacts:
        for path, added in target[ArtifactInfo].artifacts.items():
            _add(ctx, artifacts, path, added)
    artifacts = dict(chosen(artifacts, ctx.attr.outputs))
    for target, path in getattr(ctx.attr, "files", {}).items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1:
            fail("{}: got {} files in {} for {}, want one".format(ctx.label, len(found), target.label, path))
        _add(ctx, artifacts, path, artifact(found[0], "document", media_type = _media_type(path)))
    return artifacts

def _media_type(path):
    for suffix, media_type in {".json": "application/json", ".md": "text/markdown", ".txt": "text/plain", ".yaml": "application/yaml"}.items():
        if path.endswith(suffix):
            return media_type
    return "application/octet-stream"

def _add(ctx, artifacts, path, added):
    if path in artifacts:
        fail("{}: two artifacts for {}: {} and {}; change the path or the name of one".format(ctx.label, path, artifacts[path].file.short_path, added.file.short_path))
    artifacts[path] = added

def described(ctx):
    """Collects artifacts and files, and lists them for tools/build/attest.

    Args:
        ctx: as for collected.

    Returns:
        a struct of artifacts, the dict; listing, the File with the list; files, the Files of the artifacts; and
        programs, the Files of the programs in them.
    """
    artifacts = collected(ctx)
    listing = ctx.actions.declare_file(ctx.label.name + ".entries.json")
    ctx.actions.write(listing, json.encode([
        struct(
            contents = [struct(path = c.path, platform = c.platform, source = c.file.path) for c in a.contents],
            kind = a.kind,
            mediaType = a.media_type,
            path = path,
            platform = a.platform,
            source = a.file.path,
            subject = a.subject,
        )
        for path, a in artifacts.items()
    ]))
    return struct(
        artifacts = artifacts,
        files = [a.file for a in artifacts.values()],
        listing = listing,
        programs = [c.file for a in artifacts.values() for c in a.contents],
    )

def statement(ctx, kind, path, media_type, flags, mnemonic, others = {}):
    """Declares the action that writes a statement about all artifacts of a rule.

    Args:
        ctx: as for described, with an attribute lock.
        kind: the statement's kind, which is the verb of tools/build/attest as well.
        path: its path in the release.
        media_type: its media type.
        flags: dict of other flags of the verb → value, a string or a File.
        mnemonic: the action's.
        others: dict of flag → (path, media type): other files that the verb writes. The flag is the kind of each.

    Returns:
        the list of the rule's providers.
    """
    found = described(ctx)
    args = ctx.actions.args()
    args.add(kind)
    args.add("--artifacts", found.listing)
    args.add("--lock", ctx.file.lock)
    artifacts = {}
    for flag, (name, media) in ({"out": (path, media_type)} | others).items():
        out = ctx.actions.declare_file("{}/{}".format(ctx.label.name, name))
        args.add("--" + flag, out)
        artifacts[name] = artifact(out, kind if flag == "out" else flag, media_type = media)
    outputs = [a.file for a in artifacts.values()]
    for flag, value in flags.items():
        args.add("--" + flag, value)
    ctx.actions.run(
        executable = release_toolchain(ctx).attest,
        arguments = [args],
        inputs = depset([ctx.file.lock, found.listing] + found.files + found.programs + [v for v in flags.values() if type(v) == "File"]),
        outputs = outputs,
        mnemonic = mnemonic,
        progress_message = "Writing %{output} for %{label}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        ArtifactInfo(artifacts = artifacts, programs = depset()),
    ]
