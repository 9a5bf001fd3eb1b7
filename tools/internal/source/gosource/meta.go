package gosource

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// writeMeta writes the package that describes the source.
func writeMeta(a Args, packages [][]*pkg) error {
	meta := filepath.Join(a.Dir, Meta)
	licenses := filepath.Join(meta, "licenses")
	if err := os.MkdirAll(licenses, 0o755); err != nil {
		return err
	}
	var b build
	std := beside(packages)
	if len(std.union()) > 0 {
		b.load("@io_bazel_rules_go//go:def.bzl", []string{"go_stdlib"})
	}
	b.load("@release_builder//release/sources:defs.bzl", []string{"go_module_metadata", "source_info"})
	b.WriteString("\npackage(default_visibility = [\"//visibility:public\"])\n")
	if len(a.Roots) == 0 {
		if _, err := copyLicenses(a.Dir, licenses, Module{Path: a.Name}, a.Name); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for i, r := range a.Roots {
		if err := a.writeRoot(&b, r, packages[i], licenses, seen); err != nil {
			return inRoot(r, err)
		}
	}
	if len(std.union()) > 0 {
		b.ownStdlib(std)
	}
	writeSource(&b, a)
	if _, err := os.Stat(filepath.Join(meta, aside)); err == nil {
		b.WriteString("\nexports_files(glob([\"" + aside + "/**\"]))\n")
	}
	return os.WriteFile(filepath.Join(meta, "BUILD.bazel"), []byte(b.String()), 0o644)
}

// writeRoot writes the metadata and copies the licences of a module and of the modules that
// it vendors.
func (a *Args) writeRoot(b *build, r Root, packages []*pkg, licenses string, seen map[string]bool) error {
	writeModule(b, r.Main, r.VCS, seen)
	if err := a.copyMainLicenses(r, licenses); err != nil {
		return err
	}
	for _, p := range packages {
		if p.own {
			continue
		}
		writeModule(b, p.module, VCS{}, seen)
		if err := copyVendoredLicenses(a.join(r), licenses, p); err != nil {
			return err
		}
	}
	return nil
}

// copyMainLicenses copies the licences in a module's directory or, if there are none, in the
// nearest directory above: the source's licence may apply to all its modules.
func (a *Args) copyMainLicenses(r Root, licenses string) error {
	for dir := r.Dir; ; dir = path.Dir(dir) {
		n, err := copyLicenses(filepath.Join(a.Dir, filepath.FromSlash(dir)), licenses, r.Main, r.Main.Path)
		if n > 0 || err != nil || dir == "." {
			return err
		}
	}
}

func writeModule(b *build, m Module, v VCS, seen map[string]bool) {
	name := metaName(m)
	if seen[name] {
		return
	}
	seen[name] = true
	if m.Version == "" {
		m.Version = gomod.Devel
	}
	fmt.Fprintf(b, "\ngo_module_metadata(\n    name = %q,\n    purl = %q,\n    source = \":source\",\n", name, purl(m))
	if r := m.Replace; r != nil {
		fmt.Fprintf(b, "    replace = %s,\n", stringList([]string{r.Path, r.Version, r.Sum}))
	}
	if s := v.settings(); s != nil {
		fmt.Fprintf(b, "    build_settings = %s,\n", stringList(s))
	}
	b.WriteString(")\n")
}

// metaName returns the name of a module's metadata target. Modules of the source may use
// different versions of another module, or different replacements for it.
func metaName(m Module) string {
	name := "module/"
	if m.Sum == "" && m.Replace == nil {
		name = "directory/"
	}
	name += atVersion(m)
	if r := m.Replace; r != nil {
		name += "=>" + url.PathEscape(atVersion(*r)) // "." and ".." are not valid names of targets
	}
	return name
}

func atVersion(m Module) string {
	if m.Version == "" {
		return m.Path
	}
	return m.Path + "@" + m.Version
}

func writeSource(b *build, a Args) {
	first := Module{Path: a.Name}
	versions := map[string]string{}
	for i, r := range a.Roots {
		if i == 0 {
			first = r.Main
		}
		versions[r.Main.Path] = r.Main.Version
	}
	b.WriteString("\nsource_info(\n    name = \"source\",\n")
	if a.Archive != "" {
		fmt.Fprintf(b, "    archive = %q,\n    dependency = %q,\n    digest = %q,\n", a.Archive, a.Name, a.Digest)
	}
	b.WriteString("    license_files = glob([\"licenses/**\"], allow_empty = True),\n")
	fmt.Fprintf(b, "    module = %q,\n    modules = {", first.Path)
	if len(versions) > 0 {
		b.WriteString("\n")
		for _, path := range slices.Sorted(maps.Keys(versions)) {
			fmt.Fprintf(b, "        %q: %q,\n", path, versions[path])
		}
		b.WriteString("    ")
	}
	fmt.Fprintf(b, "},\n    version = %q,\n)\n", first.Version)
}

// purl returns the package URL of a module (type golang of the purl specification), with the
// h1 sum that build information needs as a qualifier.
func purl(m Module) string {
	u := "pkg:golang/" + m.Path
	if m.Version != "" {
		u += "@" + url.PathEscape(m.Version)
	}
	if m.Sum != "" {
		u += "?checksum=" + url.QueryEscape(m.Sum)
	}
	return u
}

// copyVendoredLicenses copies the licences in a package's directory, or above it in
// its module, as the go command collects them.
func copyVendoredLicenses(dir, licenses string, p *pkg) error {
	for at := p.path; ; at = path.Dir(at) {
		if _, err := copyLicenses(filepath.Join(dir, "vendor", filepath.FromSlash(at)), licenses, p.module, at); err != nil {
			return err
		}
		if at == p.within || at == "." {
			return nil
		}
	}
}

// licensePrefixes are the names of the files that have to accompany a package. They are the
// go command's, which has neither LICENCE nor UNLICENSE.
var licensePrefixes = []string{"AUTHORS", "CONTRIBUTORS", "COPYLEFT", "COPYING", "COPYRIGHT", "LEGAL", "LICENSE", "LICENCE", "NOTICE", "PATENTS", "UNLICENSE"}

// maxLicense is the largest licence, in bytes: see https://go.dev/ref/mod.
const maxLicense = 16 << 20

// copyLicenses copies the licences in directory from to licenses/path, and returns how many
// there are. A licence that differs from another version's goes to licenses/path@version.
func copyLicenses(from, licenses string, m Module, path string) (n int, err error) {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !isLicense(e.Name()) {
			continue
		}
		n++
		data, err := fileio.ReadLimited(filepath.Join(from, e.Name()), maxLicense)
		if err != nil {
			return n, err
		}
		to := filepath.Join(licenses, filepath.FromSlash(path), e.Name())
		if differs(to, data) {
			to = filepath.Join(licenses, filepath.FromSlash(path)+"@"+cmp.Or(m.Version, "devel"), e.Name())
		}
		if differs(to, data) {
			return n, fmt.Errorf("licence %q of %s: there are several for module %s %s", e.Name(), path, m.Path, m.Version)
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// differs reports whether the named file exists with other content.
func differs(name string, data []byte) bool {
	old, err := os.ReadFile(name)
	return err == nil && !bytes.Equal(old, data)
}

func isLicense(name string) bool {
	if strings.HasSuffix(name, ".go") {
		return false
	}
	for _, p := range licensePrefixes {
		if strings.HasPrefix(strings.ToUpper(name), p) {
			return true
		}
	}
	return false
}
