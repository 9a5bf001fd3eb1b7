"""What the formats of Linux packages call versions and architectures."""

# Format → its files. An apk is a sequence of gzip members. Alpine has no systemd.
FORMATS = {
    "apk": struct(file_name = "{name}_{version}-r{release}_{arch}.apk", media_type = "application/gzip", release = "0", unit_dir = ""),
    "archlinux": struct(file_name = "{name}-{version}-{release}-{arch}.pkg.tar.zst", media_type = "application/zstd", release = "1", unit_dir = "/usr/lib/systemd/system/"),
    "deb": struct(file_name = "{name}_{version}_{arch}.deb", media_type = "application/vnd.debian.binary-package", release = "", unit_dir = "/lib/systemd/system/"),
    "rpm": struct(file_name = "{name}-{version}-{release}.{arch}.rpm", media_type = "application/x-rpm", release = "1", unit_dir = "/usr/lib/systemd/system/"),
}

# Platform in OCI's form → format → its name of the architecture. A format without a name has no such packages.
_ARCHITECTURES = {
    "linux/386": {"apk": "x86", "archlinux": "i686", "deb": "i386", "rpm": "i686"},
    "linux/amd64": {"apk": "x86_64", "archlinux": "x86_64", "deb": "amd64", "rpm": "x86_64"},
    "linux/arm/v5": {"deb": "armel", "rpm": "armv5tel"},
    "linux/arm/v6": {"apk": "armhf", "archlinux": "armv6h", "deb": "armhf", "rpm": "armv6hl"},
    "linux/arm/v7": {"apk": "armv7", "archlinux": "armv7h", "deb": "armhf", "rpm": "armv7hl"},
    "linux/arm64": {"apk": "aarch64", "archlinux": "aarch64", "deb": "arm64", "rpm": "aarch64"},
    "linux/loong64": {"apk": "loongarch64", "archlinux": "loong64", "deb": "loong64", "rpm": "loongarch64"},
    "linux/mips64le": {"deb": "mips64el", "rpm": "mips64el"},
    "linux/mipsle": {"deb": "mipsel", "rpm": "mipsel"},
    "linux/ppc64": {"deb": "ppc64", "rpm": "ppc64"},
    "linux/ppc64le": {"apk": "ppc64le", "archlinux": "ppc64le", "deb": "ppc64el", "rpm": "ppc64le"},
    "linux/riscv64": {"apk": "riscv64", "archlinux": "riscv64", "deb": "riscv64", "rpm": "riscv64"},
    "linux/s390x": {"apk": "s390x", "deb": "s390x", "rpm": "s390x"},
}

def package_architecture(label, format, architecture):
    """Returns a format's name of an architecture.

    Args:
        label: the target, for errors.
        format: one of FORMATS.
        architecture: a platform such as linux/arm/v7.

    Returns:
        the name, such as armhf.
    """
    name = _ARCHITECTURES.get(architecture, {}).get(format)
    if not name:
        fail("{}: {} has no name for {}: it has packages for {}".format(
            label,
            format,
            architecture,
            ", ".join([a for a, names in _ARCHITECTURES.items() if format in names]),
        ))
    return name

def package_version(label, format, version):
    """Returns a format's form of a version, so that 1.2.3-rc.1 sorts before 1.2.3.

    Args:
        label: the target, for errors.
        format: one of FORMATS.
        version: VERSION of the line.

    Returns:
        the version: 1.2.3~rc.1 for deb and rpm, 1.2.3_rc1 for apk, 1.2.3rc.1 for archlinux.
    """
    rest, plus, metadata = version.removeprefix("v").partition("+")
    core, dash, prerelease = rest.partition("-")
    if not core or not core[0].isdigit():
        fail("{}: {} has no version {}: it does not begin with a digit; set version, or leave {} out of formats".format(label, format, repr(version), format))
    if format == "apk":
        return core + _apk_suffixes(label, version, prerelease, metadata)
    if format == "archlinux":
        # pacman sorts 1.2.3rc before 1.2.3, but 1.2.3.rc and 1.2.31 after it.
        if dash and not prerelease[:1].isalpha():
            fail("{}: archlinux has no version {}: its pre-release has to begin with a letter; leave archlinux out of formats".format(label, repr(version)))
        return core + prerelease.replace("-", "_") + plus + metadata.replace("-", "_")

    # A hyphen would begin the revision.
    return core + ("~" if dash else "") + prerelease.replace("-", ".") + plus + metadata.replace("-", ".")

def _apk_suffixes(label, version, prerelease, metadata):
    """Returns a pre-release such as rc.1 as apk's _rc1, and metadata such as 5 as _p5."""
    suffixes = ""
    if prerelease:
        words = prerelease.replace("-", ".").split(".")
        known = words[0].rstrip("0123456789") in ["alpha", "beta", "pre", "rc"]
        if not known or len(words) > 2 or len(words) == 2 and (not words[1].isdigit() or words[0][-1].isdigit()):
            fail("{}: apk has no version {}: its pre-releases are alpha, beta, pre or rc, with a number; leave apk out of formats".format(label, repr(version)))
        suffixes += "_" + "".join(words)
    if metadata:
        if not metadata.isdigit():
            fail("{}: apk has no version {}: what follows + has to be a number; leave apk out of formats".format(label, repr(version)))
        suffixes += "_p" + metadata
    return suffixes

def absolute(label, path, name = ""):
    """Returns a path in a package.

    Args:
        label: the target, for errors.
        path: the path in a BUILD file.
        name: the name of a file. If it is given and path ends in /, path is a directory.

    Returns:
        the path.
    """
    full = path + (name if path.endswith("/") else "")
    if not full.startswith("/") or full == "/":
        fail("{}: got path {}, want an absolute one".format(label, repr(path)))
    for part in full[1:].split("/"):
        if part in ["", ".", ".."]:
            fail("{}: path {} is not clean: it has a part {}".format(label, repr(path), repr(part)))
    return full

def package_files(label, files, mode = "0644", kind = ""):
    """Returns the entries for the files of targets.

    Args:
        label: the target with the attribute, for errors.
        files: dict of targets → paths. A path that ends in / is a directory.
        mode: 0644 or 0755.
        kind: config, doc, man or empty.

    Returns:
        a list of entries for tools/build/package.
    """
    entries = []
    for target, path in files.items():
        found = target[DefaultInfo].files.to_list()
        if len(found) != 1 and not path.endswith("/"):
            fail("{}: got {} files in {} for {}: want one, or a path that ends in /".format(label, len(found), target.label, repr(path)))
        for file in found:
            if file.is_directory:
                fail("{}: {} of {} is a directory, want files".format(label, file.short_path, target.label))
            entries.append(struct(path = absolute(label, path, file.basename), source = file.path, mode = mode, kind = kind))
    return entries
