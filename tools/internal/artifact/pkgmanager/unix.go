package pkgmanager

import (
	"fmt"
	"path"
	"strings"
)

// ruby returns a double-quoted string of Ruby.
func ruby(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "#", `\#`).Replace(s) + `"`
}

// class returns the name of a formula's class, as Homebrew's Formulary.class_s does.
func class(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		switch {
		case r == '-' || r == '_' || r == '.':
			up = true
		case r == '+':
			b.WriteRune('x')
		case up:
			b.WriteString(strings.ToUpper(string(r)))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func homebrew(p *Package) (map[string]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "class %s < Formula\n  desc %s\n  homepage %s\n  version %s\n  license %s\n", class(p.Name), ruby(p.Description), ruby(p.Homepage), ruby(p.Version), ruby(p.License))
	some := false
	for _, os := range []struct{ block, goos string }{{"on_macos", "darwin"}, {"on_linux", "linux"}} {
		var blocks strings.Builder
		for _, cpu := range []struct{ block, goarch string }{{"on_arm", "arm64"}, {"on_intel", "amd64"}} {
			if a := p.find(os.goos, cpu.goarch); a != nil {
				some = true
				fmt.Fprintf(&blocks, "    %s do\n      url %s\n      sha256 %s\n    end\n", cpu.block, ruby(p.url(*a)), ruby(a.Digest.Hex()))
			}
		}
		if blocks.Len() > 0 {
			fmt.Fprintf(&b, "\n  %s do\n%s  end\n", os.block, blocks.String())
		}
	}
	if !some {
		return nil, fmt.Errorf("no archive is for macOS or Linux on amd64 or arm64")
	}
	a := p.find("darwin", "arm64")
	if a == nil {
		a = &p.Archives[0]
	}
	// Homebrew enters the only directory of an archive.
	b.WriteString("\n  def install\n")
	for _, program := range a.Programs {
		fmt.Fprintf(&b, "    bin.install %s\n", ruby(strings.TrimSuffix(program, ".exe")))
	}
	fmt.Fprintf(&b, "  end\n\n  test do\n")
	if len(p.Test) > 0 {
		fmt.Fprintf(&b, "    system bin/%s, %s\n", ruby(command(a.Programs[0])), quoteAll(ruby, p.Test))
	} else {
		fmt.Fprintf(&b, "    assert_predicate bin/%s, :executable?\n", ruby(command(a.Programs[0])))
	}
	b.WriteString("  end\nend\n")
	return map[string]string{p.Name + ".rb": b.String()}, nil
}

func quoteAll(quote func(string) string, list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return strings.Join(quoted, ", ")
}

// sh returns a single-quoted word of a POSIX shell.
func sh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// archArch are the architectures of Arch Linux and its ports, by GOARCH.
var archArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7h", "386": "i686", "riscv64": "riscv64"}

func aur(p *Package) (map[string]string, error) {
	linux, err := p.need("linux")
	if err != nil {
		return nil, err
	}
	// A hyphen separates the version from the release (PKGBUILD(5), pkgver).
	version := strings.ReplaceAll(p.Version, "-", "_")
	name := p.Name + "-bin"
	var arches, sources, info []string
	var first *Archive
	for i, a := range linux {
		arch := archArch[a.Arch]
		if arch == "" {
			continue
		}
		if first == nil {
			first = &linux[i]
		}
		// The file is the same on each update of pkgrel, and another for another version.
		source := a.Path + "::" + p.url(a)
		arches = append(arches, arch)
		sources = append(sources, fmt.Sprintf("source_%s=(%s)\nsha256sums_%s=(%s)\n", arch, sh(source), arch, sh(a.Digest.Hex())))
		info = append(info, fmt.Sprintf("\tsource_%s = %s\n\tsha256sums_%s = %s\n", arch, source, arch, a.Digest.Hex()))
	}
	if first == nil {
		return nil, fmt.Errorf("no archive is for an architecture of Arch Linux")
	}
	var b, s strings.Builder
	fmt.Fprintf(&b, "# Maintainer: %s\npkgname=%s\npkgver=%s\npkgrel=1\npkgdesc=%s\narch=(%s)\nurl=%s\nlicense=(%s)\nprovides=(%s)\nconflicts=(%s)\noptions=('!strip')\n",
		p.Maintainer, name, version, sh(p.Description), strings.ReplaceAll(quoteAll(sh, arches), ", ", " "), sh(p.Homepage), sh(p.License), sh(p.Name), sh(p.Name))
	b.WriteString(strings.Join(sources, ""))
	b.WriteString("\npackage() {\n")
	for _, program := range first.Programs {
		fmt.Fprintf(&b, "  install -Dm755 %s \"$pkgdir\"/usr/bin/%s\n", sh(path.Join(first.Directory, program)), sh(command(program)))
	}
	b.WriteString("}\n")
	fmt.Fprintf(&s, "pkgbase = %s\n\tpkgdesc = %s\n\tpkgver = %s\n\tpkgrel = 1\n\turl = %s\n", name, p.Description, version, p.Homepage)
	for _, arch := range arches {
		fmt.Fprintf(&s, "\tarch = %s\n", arch)
	}
	fmt.Fprintf(&s, "\tlicense = %s\n\tprovides = %s\n\tconflicts = %s\n\toptions = !strip\n%s\npkgname = %s\n", p.License, p.Name, p.Name, strings.Join(info, ""), name)
	return map[string]string{"PKGBUILD": b.String(), ".SRCINFO": s.String()}, nil
}

// nixString returns a string of the Nix language.
func nixString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", `\${`).Replace(s) + `"`
}

var nixArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "386": "i686", "riscv64": "riscv64", "s390x": "s390x", "ppc64le": "powerpc64le"}

func nix(p *Package) (map[string]string, error) {
	var systems strings.Builder
	var first *Archive
	for i, a := range p.Archives {
		arch := nixArch[a.Arch]
		if arch == "" || a.OS != "linux" && a.OS != "darwin" {
			continue
		}
		if first == nil {
			first = &p.Archives[i]
		}
		fmt.Fprintf(&systems, "    %s = {\n      url = %s;\n      sha256 = %s;\n    };\n", nixString(arch+"-"+a.OS), nixString(p.url(a)), nixString(a.Digest.Hex()))
	}
	if first == nil {
		return nil, fmt.Errorf("no archive is for Linux or macOS")
	}
	root := first.Directory
	if root == "" {
		root = "."
	}
	var install strings.Builder
	for _, program := range first.Programs {
		fmt.Fprintf(&install, "    install -Dm755 %s $out/bin/%s\n", program, command(program))
	}
	return map[string]string{p.Name + ".nix": fmt.Sprintf(`{ lib, stdenvNoCC, fetchurl }:

let
  sources = {
%s  };
in
stdenvNoCC.mkDerivation {
  pname = %s;
  version = %s;
  src = fetchurl (sources.${stdenvNoCC.hostPlatform.system} or (throw "${stdenvNoCC.hostPlatform.system} is not supported"));
  sourceRoot = %s;
  dontStrip = true;
  installPhase = ''
    runHook preInstall
%s    runHook postInstall
  '';
  meta = {
    description = %s;
    homepage = %s;
    license = lib.getLicenseFromSpdxId %s;
    mainProgram = %s;
    platforms = builtins.attrNames sources;
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
  };
}
`, systems.String(), nixString(p.Name), nixString(p.Version), nixString(root), install.String(),
		nixString(p.Description), nixString(p.Homepage), nixString(p.License), nixString(command(first.Programs[0])))}, nil
}
