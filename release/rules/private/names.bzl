"""The names of archives: a line's template for each platform."""

load(":platforms.bzl", "PLATFORMS")

DEFAULT_NAMES = "{name}-{version}-{platform}"

_UNAMES = {"386": "i386", "amd64": "x86_64"}

def archive_name(label, template, name, version, platform, alias = ""):
    """Returns the name of an archive, without the extension of its format.

    Args:
        label: the target with the template.
        template: the text with fields in braces: see NAMES of the line, docs/manifest.md.
        name: the archive's name.
        version: the release's version.
        platform: one of PLATFORMS.
        alias: another name of the platform, if it is to have that.

    Returns:
        a string.
    """
    goos, goarch, _ = PLATFORMS[platform]
    arch = "all" if goarch == "universal" else platform.partition("-")[2]
    values = {
        "Os": goos[0].upper() + goos[1:],
        "arch": arch,
        "name": name,
        "os": goos,
        "platform": alias or platform,
        "uname": _UNAMES[goarch] + arch.removeprefix(goarch) if goarch in _UNAMES else arch,
        "version": version,
    }
    parts = template.split("{")
    if "}" in parts[0]:
        fail("{}: names {}: a }} without {{".format(label, repr(template)))
    text = parts[0]
    for part in parts[1:]:
        field, closed, after = part.partition("}")
        if not closed:
            fail("{}: names {}: a {{ without }}".format(label, repr(template)))
        if field not in values:
            fail("{}: names {}: got field {{{}}}, want one of {{{}}}".format(label, repr(template), field, "}, {".join(values.keys())))
        if "}" in after:
            fail("{}: names {}: a }} without {{".format(label, repr(template)))
        text += values[field] + after
    return text
