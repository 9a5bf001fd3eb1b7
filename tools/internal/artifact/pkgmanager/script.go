package pkgmanager

import (
	"fmt"
	"path"
	"strings"
)

// unames are what uname -s and uname -m print, by GOOS and GOARCH.
var (
	unameOS   = map[string]string{"linux": "Linux", "darwin": "Darwin", "freebsd": "FreeBSD", "openbsd": "OpenBSD", "netbsd": "NetBSD"}
	unameArch = map[string]string{
		"amd64": "x86_64|amd64", "arm64": "aarch64|arm64", "arm": "armv7*|armv8l", "386": "i?86", "s390x": "s390x", "ppc64le": "ppc64le", "riscv64": "riscv64",
	}
)

const scriptText = `#!/bin/sh
# Installs %[1]s %[2]s.
#
#   sh install.sh [DIRECTORY]
#
# The programs go to DIRECTORY; default: $HOME/.local/bin. The script has the
# SHA-256 of what it downloads, and installs nothing else.
set -eu

bin=${1:-${HOME:?HOME is not set: pass a directory}/.local/bin}
fail() {
  echo "install.sh: error: $1" >&2
  exit 1
}

case $(uname -s)-$(uname -m) in
%[3]s*) fail "there is no %[1]s %[2]s for $(uname -s) on $(uname -m)" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if command -v curl >/dev/null 2>&1; then
  curl -fsSL -o "$work/archive" "$url" || fail "downloading $url"
elif command -v wget >/dev/null 2>&1; then
  wget -q -O "$work/archive" "$url" || fail "downloading $url"
else
  fail "neither curl nor wget is installed"
fi

if command -v sha256sum >/dev/null 2>&1; then
  got=$(sha256sum <"$work/archive")
elif command -v shasum >/dev/null 2>&1; then
  got=$(shasum -a 256 <"$work/archive")
elif command -v openssl >/dev/null 2>&1; then
  got=$(openssl dgst -sha256 -r <"$work/archive")
else
  fail "none of sha256sum, shasum and openssl is installed"
fi
got=${got%%%% *}
[ "$got" = "$want" ] || fail "sha256 of $url: got $got, want $want"

mkdir -p "$work/unpacked" "$bin"
%[4]s -C "$work/unpacked" <"$work/archive" || fail "unpacking $url"
for program in %[5]s; do
  name=${program##*/}
  # A program that runs is replaced, not written to.
  cp "$work/unpacked/$program" "$bin/.$name.$$"
  chmod 755 "$bin/.$name.$$"
  mv -f "$bin/.$name.$$" "$bin/$name"
  echo "installed $bin/$name"
done
`

func script(p *Package) (map[string]string, error) {
	var cases strings.Builder
	var first *Archive
	for i, a := range p.Archives {
		os, arch := unameOS[a.OS], unameArch[a.Arch]
		if os == "" || arch == "" || !strings.HasSuffix(a.Path, ".tar.gz") {
			continue
		}
		if first == nil {
			first = &p.Archives[i]
		}
		patterns := strings.Split(arch, "|")
		for i, pattern := range patterns {
			patterns[i] = os + "-" + pattern
		}
		fmt.Fprintf(&cases, "%s)\n  url=%s\n  want=%s\n  ;;\n", strings.Join(patterns, " | "), sh(p.url(a)), a.Digest.Hex())
	}
	if first == nil {
		return nil, fmt.Errorf("no .tar.gz is for a system with a POSIX shell")
	}
	var programs []string
	for _, program := range first.Programs {
		programs = append(programs, sh(path.Join(first.Directory, program)))
	}
	return map[string]string{"install.sh": fmt.Sprintf(scriptText, p.Name, p.Version, cases.String(), "tar -xzf -", strings.Join(programs, " "))}, nil
}
