package gosource

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// writeUnbuilt writes a BUILD file for each directory with Go files. Whatever depends on one
// of its targets fails, and the error says how to have the source built.
func (a *Args) writeUnbuilt() error {
	return filepath.WalkDir(a.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(a.Dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if base := path.Base(rel); rel != "." && strings.ContainsAny(base[:1], "._") || base == "vendor" || base == "testdata" {
			return fs.SkipDir
		}
		entries, err := os.ReadDir(name)
		if err != nil || !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return path.Ext(e.Name()) == ".go" }) {
			return err
		}
		importPath := path.Join(a.Name, rel)
		if len(a.Roots) > 0 {
			importPath = path.Join(a.Roots[0].Main.Path, rel)
		}
		return os.WriteFile(filepath.Join(name, "BUILD.bazel"), []byte(a.unbuilt(importPath)), 0o644)
	})
}

// unbuilt returns the BUILD file of a package that is not built.
func (a *Args) unbuilt(importPath string) string {
	text := fmt.Sprintf("when dependency %s was locked, no file of the product named a package of this repository, so it is not built: run tools/bazel run //release:resolve, and see gomodules in docs/manifest.md", a.Name)
	var b build
	b.load("@release_builder//release/sources:defs.bzl", []string{"package_error"})
	b.WriteString("\npackage(default_visibility = [\"//visibility:public\"])\n")
	for _, name := range slices.Compact([]string{library, (&gomod.Package{ImportPath: importPath}).Program()}) {
		b.rule("package_error", name)
		fmt.Fprintf(&b, "    tags = [\"manual\"],\n    importpath = %s,\n    text = %s,\n)\n", quote(importPath), quote(text))
	}
	return b.String()
}
