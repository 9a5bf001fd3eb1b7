package gosource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// writeMeta writes the package that describes the source.
func writeMeta(a Args, modules []vendored) error {
	meta := filepath.Join(a.Dir, Meta)
	if err := os.MkdirAll(filepath.Join(meta, "licenses"), 0o755); err != nil {
		return err
	}
	if err := copyLicenses(a.Dir, filepath.Join(meta, "licenses", filepath.FromSlash(a.Main.Path))); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("load(\"@release_builder//release/sources:defs.bzl\", \"go_module_metadata\", \"source_info\")\n\n" +
		"package(default_visibility = [\"//visibility:public\"])\n")
	seen := map[string]bool{}
	writeModule(&b, a.Main, seen)
	for _, m := range modules {
		if len(m.packages) == 0 {
			continue
		}
		writeModule(&b, m.Module, seen)
		if err := copyVendoredLicenses(a.Dir, meta, m); err != nil {
			return err
		}
	}
	fmt.Fprintf(&b, "\nsource_info(\n    name = \"source\",\n    license_files = glob([\"licenses/**\"], allow_empty = True),\n    module = %q,\n    version = %q,\n)\n", a.Main.Path, a.Main.Version)
	return os.WriteFile(filepath.Join(meta, "BUILD.bazel"), []byte(b.String()), 0o644)
}

func writeModule(b *strings.Builder, m Module, seen map[string]bool) {
	if seen[m.Path] {
		return
	}
	seen[m.Path] = true
	fmt.Fprintf(b, "\ngo_module_metadata(\n    name = %q,\n    purl = %q,\n)\n", metaName(m.Path), purl(m))
}

// metaName is the name of a module's metadata target. It cannot be that of the
// target that describes the source: a module path has a dot or is the main one.
func metaName(path string) string { return "module/" + path }

// purl returns the package URL of a module, as the purl specification's type
// golang writes it, with the h1 sum that build information needs as a qualifier.
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

// copyVendoredLicenses copies the licences that lie in a module's folder or in
// those of its packages.
func copyVendoredLicenses(dir, meta string, m vendored) error {
	folders := map[string]bool{}
	for _, p := range m.packages {
		// Up to the module's root, as the go command collects them.
		for ; p != "." && p != "/" && p != ""; p = filepath.ToSlash(filepath.Dir(p)) {
			folders[p] = true
			if p == m.Path {
				break
			}
		}
	}
	sorted := make([]string, 0, len(folders))
	for p := range folders {
		sorted = append(sorted, p)
	}
	sort.Strings(sorted)
	for _, p := range sorted {
		from := filepath.Join(dir, "vendor", filepath.FromSlash(p))
		if err := copyLicenses(from, filepath.Join(meta, "licenses", filepath.FromSlash(p))); err != nil {
			return err
		}
	}
	return nil
}

// licensePrefixes are the names by which the go command, too, knows the files
// that have to accompany a package.
var licensePrefixes = []string{"AUTHORS", "CONTRIBUTORS", "COPYLEFT", "COPYING", "COPYRIGHT", "LEGAL", "LICENSE", "LICENCE", "NOTICE", "PATENTS"}

func copyLicenses(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !isLicense(e.Name()) {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
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

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
