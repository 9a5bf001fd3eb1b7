package initialize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// program is one to build.
type program struct {
	name  string // of its file, and of its target
	label string // of its go_binary
}

// notShipped are directories whose programs are not for users.
var notShipped = []string{"example", "examples", "hack", "internal", "test", "testdata"}

// programs finds the programs of the line's source, sorted by name, and prints which it
// leaves out.
func (o *options) programs(ctx context.Context, line string) ([]program, error) {
	l, err := lock.Read(filepath.Join(line, "lock.json"))
	if err != nil {
		return nil, err
	}
	d := &l.Dependencies[0]
	scratch, err := os.MkdirTemp("", "init-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	dir := filepath.Join(scratch, "source")
	if err := o.unpack(d, dir); err != nil {
		return nil, err
	}
	targets, err := platform.Targets(l.Platforms...)
	if err != nil {
		return nil, err
	}
	g := &gomod.Go{Command: runfile.Real(o.goCmd), Store: o.store, Cache: filepath.Join(scratch, "modcache"), Offline: true, Platforms: targets}
	listing, err := g.ListRoot(ctx, dir, ".", nil, d.Module != nil)
	if err != nil {
		return nil, err
	}
	found := choose(listing, "@"+(&manifest.Dependency{Name: l.Product + "_" + d.Name}).Repository(), func(path, why string) {
		fmt.Fprintf(o.stdout, "left out: %s: %s\n", path, why)
	})
	if len(found) == 0 {
		return nil, hint.With(errors.New("the source has no program that can be built for all platforms"), "write release/%s/BUILD.bazel by hand: docs/tutorial.md shows one", o.name)
	}
	for _, p := range found {
		fmt.Fprintf(o.stdout, "program: %s, %s\n", p.name, p.label)
	}
	return found, nil
}

// unpack unpacks the source from the store.
func (o *options) unpack(d *lock.Dependency, dir string) error {
	if d.Module != nil {
		m := module.Version{Path: d.Module.Path, Version: d.Module.Version}
		zip, err := o.store.ModuleFile(m, ".zip")
		if err != nil {
			return err
		}
		return gomod.Unzip(dir, m, zip)
	}
	f, err := os.Open(o.store.BlobPath(digest.Digest(d.Digest)))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return sourcetar.Extract(f, dir)
}

// choose returns the programs that can be built for all platforms, and calls leave for the
// others.
func choose(listing gomod.Listing, repository string, leave func(path, why string)) []program {
	broken := map[string]string{}
	all := map[string]*gomod.Package{}
	for _, key := range slices.Sorted(maps.Keys(listing)) {
		for i := range listing[key] {
			p := &listing[key][i]
			if p.DepOnly || p.Name != "main" && p.Error == nil {
				continue
			}
			if p.Name == "main" {
				all[p.ImportPath] = p
			}
			if p.Incomplete || p.Error != nil {
				broken[p.ImportPath] = "it cannot be built for " + strings.ReplaceAll(key, "_", "/")
			}
		}
	}
	names := map[string]program{}
	for _, at := range slices.Sorted(maps.Keys(all)) {
		p := all[at]
		rel := strings.TrimPrefix(strings.TrimPrefix(at, p.Module.Path), "/")
		name := p.Program()
		other, taken := names[name]
		switch {
		case broken[at] != "":
			leave(at, broken[at])
		case slices.ContainsFunc(strings.Split(rel, "/"), func(elem string) bool { return slices.Contains(notShipped, elem) }):
			leave(at, "it is in a directory for developers")
		case taken:
			leave(at, "its name is also that of "+other.label)
		default:
			label := repository + "//" + rel
			if rel == "" || path.Base(rel) != name {
				label += ":" + name
			}
			names[name] = program{name, label}
		}
	}
	return slices.SortedFunc(maps.Values(names), func(a, b program) int { return strings.Compare(a.name, b.name) })
}

// buildFile returns the product's BUILD file.
func buildFile(line string, programs []program) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "load(\"@%s//:rules.bzl\", \"archive\", \"binary\", \"page\", \"release\")\n", line)
	targets := map[string]bool{"archive": true, "page": true, "release": true}
	var binaries []string
	for _, p := range programs {
		target := p.name
		if targets[target] {
			target += "_program"
		}
		targets[target] = true
		fmt.Fprintf(&b, "\nbinary(\n    name = %q,\n    binary = %q,\n", target, p.label)
		if target != p.name {
			fmt.Fprintf(&b, "    program = %q,\n", p.name)
		}
		b.WriteString(")\n")
		binaries = append(binaries, fmt.Sprintf("        %q,\n", ":"+target))
	}
	fmt.Fprintf(&b, "\n# Every program, and the licences of everything that is linked into them.\narchive(\n    name = \"archive\",\n    archive = %q,\n    binaries = [\n%s    ],\n)\n", line, strings.Join(binaries, ""))
	b.WriteString("\n# index.html, a page about the release, and notes.md.\npage()\n\nrelease()\n")
	return []byte(b.String())
}
