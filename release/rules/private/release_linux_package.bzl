"""Packages for the package managers of Linux distributions."""

load(":artifact_info.bzl", "ArtifactInfo", "artifact", "checksum", "content")
load(":binary_info.bzl", "BinaryInfo", "program_for", "programs_of")
load(":linux_packages.bzl", "FORMATS", "absolute", "package_architecture", "package_files", "package_version")
load(":paths.bzl", "check_paths")
load(":platforms.bzl", "ARCHITECTURES", "check_platforms")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "release_toolchain")

_RELATIONS = ["conflicts", "depends", "provides", "recommends", "replaces"]
_SCRIPTS = ["postinstall", "postremove", "preinstall", "preremove"]

def _release_linux_package_impl(ctx):
    _check(ctx)
    artifacts = {}
    for format in ctx.attr.formats or FORMATS:
        for architecture in ctx.attr.architectures:
            fields = _fields(ctx, format, architecture)
            path = _path(ctx, fields, architecture)
            if path in artifacts:
                fail("{}: two packages at {}: put {{arch}} or {{suffix}} into file_name".format(ctx.label, path))
            artifacts.update(_package(ctx, path, fields, architecture))
    return [
        DefaultInfo(files = depset([a.file for a in artifacts.values()])),
        ArtifactInfo(artifacts = artifacts, programs = programs_of(ctx.attr.binaries.keys())),
    ]

def _check(ctx):
    check_platforms(ctx.label, ctx.attr.architectures, ARCHITECTURES)
    for format in ctx.attr.formats or FORMATS:
        if format not in FORMATS:
            fail("{}: got format {}, want one of {}".format(ctx.label, repr(format), ", ".join(FORMATS.keys())))
        if ctx.files.systemd_units and not FORMATS[format].unit_dir:
            fail("{}: {} packages have no systemd units: leave {} out of formats".format(ctx.label, format, format))
    for name in _RELATIONS:
        for format in getattr(ctx.attr, name):
            if format not in FORMATS and format != "all":
                fail("{}: {}: got format {}, want all or one of {}".format(ctx.label, name, repr(format), ", ".join(FORMATS.keys())))
    if not ctx.attr.binaries and not ctx.attr.files and not ctx.attr.executables:
        fail("{}: neither binaries nor files given".format(ctx.label))
    name, _, address = ctx.attr.maintainer.partition(" <")
    if not name or "@" not in address or not address.endswith(">"):
        fail("{}: got maintainer {}, want Name <address>, such as Jane Doe <jane@example.com>".format(ctx.label, repr(ctx.attr.maintainer)))
    for name in ["license", "summary"]:
        if not getattr(ctx.attr, name):
            fail("{}: {} is empty: every format needs it".format(ctx.label, name))

def _package(ctx, path, fields, architecture):
    """Declares one package and returns path → artifact for it and its checksum."""
    format = fields["format"]
    contents = _programs(ctx, architecture)
    entries = [struct(path = "/" + c.path, source = c.file.path, mode = "0755") for c in contents]
    entries += package_files(ctx.label, ctx.attr.files) + package_files(ctx.label, ctx.attr.executables, mode = "0755")
    entries += package_files(ctx.label, ctx.attr.config_files, kind = "config")
    entries += package_files(ctx.label, {target: "/usr/share/doc/{}/".format(_name(ctx)) for target in ctx.attr.docs}, kind = "doc")
    entries += [_man_page(ctx, file) for file in ctx.files.man_pages]
    entries += package_files(ctx.label, {target: FORMATS[format].unit_dir for target in ctx.attr.systemd_units})
    entries += [struct(path = absolute(ctx.label, path), symlink = target) for path, target in ctx.attr.symlinks.items()]
    entries += [struct(path = absolute(ctx.label, path.rstrip("/"))) for path in ctx.attr.directories]
    check_paths(ctx.label, entries)

    licenses = depset(transitive = [b[BinaryInfo].license_files for b in ctx.attr.binaries])
    spec = ctx.actions.declare_file("{}.{}.{}.json".format(ctx.label.name, format, architecture.replace("/", "-")))
    ctx.actions.write(spec, json.encode(struct(
        files = entries,
        copyright = ctx.file.copyright.path if ctx.file.copyright else "",
        licenses = [struct(path = f.path.partition("/.release/licenses/")[2], source = f.path) for f in licenses.to_list()],
        scripts = {name: getattr(ctx.file, name).path for name in _SCRIPTS if getattr(ctx.file, name)},
        units = struct(names = [f.basename for f in ctx.files.systemd_units], enable = ctx.attr.enable_units),
        **fields
    )))

    package = ctx.actions.declare_file("{}/{}".format(ctx.label.name, path))
    sha256 = ctx.actions.declare_file("{}/{}.sha256".format(ctx.label.name, path))
    args = ctx.actions.args()
    args.add("--spec", spec)
    args.add("--out", package)
    args.add("--sha256", sha256)
    ctx.actions.run(
        executable = release_toolchain(ctx).package,
        arguments = [args],
        inputs = depset([spec] + [c.file for c in contents] + _inputs(ctx), transitive = [licenses]),
        outputs = [package, sha256],
        mnemonic = "ReleaseLinuxPackage",
        progress_message = "Packing %{output}",
        toolchain = TOOLCHAIN_TYPE,
    )
    return {path: artifact(
        package,
        format,
        contents = contents,
        media_type = FORMATS[format].media_type,
        platform = ARCHITECTURES[architecture],
    )} | checksum(path, sha256)

def _path(ctx, fields, architecture):
    """Returns the package's path in the release."""
    format = fields["format"]
    short = architecture.partition("/")[2].replace("/", "")
    return format + "/" + (ctx.attr.file_name or FORMATS[format].file_name).format(
        arch = fields["architecture"],
        extension = "pkg.tar.zst" if format == "archlinux" else format,
        name = fields["name"],
        release = fields["release"],
        suffix = "" if short == "amd64" else "-" + short,
        version = fields["version"] + ("-" + fields["release"] if format == "deb" and fields["release"] else ""),
    )

def _name(ctx):
    return ctx.attr.package or ctx.label.name

def _fields(ctx, format, architecture):
    """Returns the fields of the spec that are text."""
    relations = {name: getattr(ctx.attr, name).get("all", []) + getattr(ctx.attr, name).get(format, []) for name in _RELATIONS}
    texts = {name: getattr(ctx.attr, name) for name in ["description", "group", "homepage", "license", "maintainer", "priority", "section", "source_date_epoch", "summary", "vendor"]}
    return relations | texts | {
        "architecture": package_architecture(ctx.label, format, architecture),
        "format": format,
        "name": _name(ctx),
        "release": ctx.attr.revision or FORMATS[format].release,
        "version": package_version(ctx.label, format, ctx.attr.version),
    }

def _programs(ctx, architecture):
    """Returns the programs in the packages of one architecture."""
    programs = []
    platform = ARCHITECTURES[architecture]
    for target, path in ctx.attr.binaries.items():
        binary = target[BinaryInfo]
        programs.append(content(program_for(ctx.label, target, platform), absolute(ctx.label, path or "/usr/bin/", binary.name)[1:], platform))
    return programs

def _man_page(ctx, file):
    """Returns the entry of a manual page, such as tool.1."""
    section = file.extension
    if not section[:1].isdigit():
        fail("{}: got manual page {}, want a name such as tool.1".format(ctx.label, repr(file.basename)))
    return struct(path = "/usr/share/man/man{}/{}".format(section[0], file.basename), source = file.path, kind = "man")

def _inputs(ctx):
    files = ctx.files.files + ctx.files.executables + ctx.files.config_files + ctx.files.docs + ctx.files.man_pages + ctx.files.systemd_units
    return files + ([ctx.file.copyright] if ctx.file.copyright else []) + [getattr(ctx.file, name) for name in _SCRIPTS if getattr(ctx.file, name)]

release_linux_package = rule(
    implementation = _release_linux_package_impl,
    doc = """Packs programs and other files for package managers: deb/, rpm/, apk/ and archlinux/, each package with its .sha256.

Packages have the licences of the programs, and deb and rpm a changelog with the version. Versions are in
the form of the format: 1.2.3-rc.1 is 1.2.3~rc.1 in deb and rpm, 1.2.3_rc1 in apk, 1.2.3rc.1 in archlinux.""",
    attrs = {
        "architectures": attr.string_list(doc = "Platforms such as linux/arm64: ARCHITECTURES of the line.", mandatory = True),
        "binaries": attr.label_keyed_string_dict(doc = "release_binary and release_platform_file targets → absolute path. A path that ends in / is a directory; an empty one is /usr/bin/.", providers = [BinaryInfo]),
        "config_files": attr.label_keyed_string_dict(allow_files = True, doc = "Files that users edit, whose changes upgrades keep → absolute path. A path that ends in / is a directory."),
        "conflicts": attr.string_list_dict(doc = "Packages that this one cannot be installed with: all, or a format → packages, in the form that the format has for them."),
        "copyright": attr.label(allow_single_file = True, doc = "The copyright file of the deb. Default: the licences of all that is linked into the programs."),
        "depends": attr.string_list_dict(doc = "Packages that this one needs: all, or a format → packages, in the form that the format has for them."),
        "description": attr.string(doc = "What the package does, in one or more paragraphs."),
        "directories": attr.string_list(doc = "Empty directories, as absolute paths."),
        "docs": attr.label_list(allow_files = True, doc = "Files for /usr/share/doc/<package>/."),
        "enable_units": attr.bool(default = True, doc = "Whether installing enables systemd_units, as the distribution does: deb enables and starts them, rpm follows the system's presets, archlinux leaves it to the user."),
        "executables": attr.label_keyed_string_dict(allow_files = True, doc = "Other files with mode 0755, such as scripts → absolute path. A path that ends in / is a directory."),
        "file_name": attr.string(doc = "The packages' names, with {name}, {version}, {release}, {arch} and {extension} of the format, and {suffix}: empty for amd64, otherwise such as -arm64 or -armv7. Default: as the distribution has it, such as tool_1.2.3_amd64.deb."),
        "files": attr.label_keyed_string_dict(allow_files = True, doc = "Other files, with mode 0644 → absolute path. A path that ends in / is a directory."),
        "formats": attr.string_list(doc = "Some of deb, rpm, apk and archlinux. Default: all."),
        "group": attr.string(default = "Applications/System", doc = "The group of the rpm."),
        "homepage": attr.string(doc = "The URL of the project."),
        "license": attr.string(doc = "The licence, as an SPDX expression.", mandatory = True),
        "maintainer": attr.string(doc = "Name <address>.", mandatory = True),
        "man_pages": attr.label_list(allow_files = True, doc = "Manual pages, such as tool.1. They are compressed."),
        "package": attr.string(doc = "The package's name; default: the target's name."),
        "postinstall": attr.label(allow_single_file = True, doc = "A shell script that runs after the installation, at upgrades too. Its arguments are those of the format."),
        "postremove": attr.label(allow_single_file = True, doc = "A shell script that runs after the removal, in deb and rpm at upgrades too. Its arguments are those of the format."),
        "preinstall": attr.label(allow_single_file = True, doc = "A shell script that runs before the installation, at upgrades too. Its arguments are those of the format."),
        "preremove": attr.label(allow_single_file = True, doc = "A shell script that runs before the removal, in deb and rpm at upgrades too. Its arguments are those of the format."),
        "priority": attr.string(default = "optional", doc = "The priority of the deb."),
        "provides": attr.string_list_dict(doc = "Packages that this one stands for: all, or a format → packages, in the form that the format has for them."),
        "recommends": attr.string_list_dict(doc = "Packages that this one is usually installed with; apk and archlinux have none: all, or a format → packages, in the form that the format has for them."),
        "replaces": attr.string_list_dict(doc = "Packages that this one takes files over from; in an rpm, obsoletes: all, or a format → packages, in the form that the format has for them."),
        "revision": attr.string(doc = "The revision of the package, a number. Default: none for deb, 1 for rpm and archlinux, 0 for apk."),
        "section": attr.string(default = "utils", doc = "The section of the deb."),
        "source_date_epoch": attr.int(doc = "The time of every file: SOURCE_DATE_EPOCH of the line, in seconds since 1970.", mandatory = True),
        "summary": attr.string(doc = "What the package is, in one line.", mandatory = True),
        "symlinks": attr.string_dict(doc = "Symbolic links: absolute path → target, unchanged."),
        "systemd_units": attr.label_list(allow_files = True, doc = "Unit files. Removing the package stops and disables them."),
        "vendor": attr.string(doc = "Who publishes the package."),
        "version": attr.string(doc = "VERSION of the line.", mandatory = True),
    },
    provides = [ArtifactInfo],
    toolchains = [TOOLCHAIN_TYPE],
)
