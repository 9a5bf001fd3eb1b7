package gomod

import (
	"bytes"
	"fmt"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

// StdImports returns the packages of the standard library that the Go files
// below dir import on any platform and under any build tag, sorted. Tests,
// testdata, other modules and files tagged "ignore" do not count.
func StdImports(dir string) ([]string, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || isModule(path)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			return nil
		}
		imports, err := importsOf(path)
		if err != nil {
			return err
		}
		for _, p := range imports {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") && p != "C" {
				found[p] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing imports below %q: %w", dir, err)
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// StdClosure returns the given packages of the standard library in goroot, and
// all that they import on any platform, sorted. Packages that goroot lacks are
// left out: they are imports of files for another Go version.
func StdClosure(goroot string, packages []string) ([]string, error) {
	src := filepath.Join(goroot, "src")
	found := map[string]bool{}
	queue := slices.Clone(packages)
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		dir := filepath.Join(src, filepath.FromSlash(p))
		if _, err := os.Stat(dir); err != nil {
			// GOROOT vendors what the standard library takes from other modules.
			p = "vendor/" + p
			dir = filepath.Join(src, filepath.FromSlash(p))
		}
		if found[p] {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		found[p] = true
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			imports, err := importsOf(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("listing imports of %q: %w", p, err)
			}
			queue = append(queue, imports...)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func importsOf(name string) ([]string, error) {
	data, err := jsonfile.ReadLimited(name, maxGoFile)
	if err != nil {
		return nil, err
	}
	if ignored(data) {
		return nil, nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
	if err != nil {
		return nil, nil // not for this version of Go, or no Go at all: the compiler's to report
	}
	var list []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// ignored reports whether a build constraint keeps the file out of every build.
func ignored(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("package ")) {
			return false
		}
		if !constraint.IsGoBuild(string(line)) {
			continue
		}
		expr, err := constraint.Parse(string(line))
		return err == nil && requires(expr, "ignore")
	}
	return false
}

// requires reports whether expr can hold only where tag does.
func requires(expr constraint.Expr, tag string) bool {
	switch e := expr.(type) {
	case *constraint.TagExpr:
		return e.Tag == tag
	case *constraint.AndExpr:
		return requires(e.X, tag) || requires(e.Y, tag)
	case *constraint.OrExpr:
		return requires(e.X, tag) && requires(e.Y, tag)
	}
	return false
}
