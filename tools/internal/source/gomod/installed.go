package gomod

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

const noSum = "missing go.sum entry"

// listInstalled lists the packages of the module in dir as `go install PATH@VERSION` does:
// it ignores a vendor directory and godebug lines, and go.sum need not be complete.
func (g *Go) listInstalled(ctx context.Context, dir string, flags []string) (Listing, error) {
	listing, err := g.listed(ctx, dir, flags, "./...")
	if lacksSums(listing, err) {
		listing, err = g.listCompleted(ctx, dir, flags, false)
	}
	if err != nil {
		return nil, err
	}
	return listing, g.installedGODEBUG(ctx, dir, flags, listing)
}

// listCompleted lists packages with a complete go.sum. If record is set, Modules tells which
// of them the module's own go.sum lacks.
func (g *Go) listCompleted(ctx context.Context, dir string, flags []string, record bool) (Listing, error) {
	name, err := g.withSums(ctx, dir, flags)
	if err != nil {
		return nil, err
	}
	if record {
		if err := g.recordAdded(dir, name); err != nil {
			return nil, err
		}
	}
	return g.listed(ctx, dir, append(flags, "-modfile="+name), "./...")
}

// recordAdded records which modules the go.sum of dir lacks, and the completed one has.
func (g *Go) recordAdded(dir, completed string) error {
	own, err := readSums(filepath.Join(dir, "go.sum"))
	if err != nil {
		return err
	}
	all, err := readSums(sumFile(completed))
	if g.added == nil {
		g.added = map[module.Version]bool{}
	}
	for line := range all {
		if f := strings.Fields(line); !own[line] && len(f) == 3 {
			g.added[module.Version{Path: f[0], Version: strings.TrimSuffix(f[1], "/go.mod")}] = true
		}
	}
	return err
}

// readSums returns the lines of a go.sum file. If there is none, it has no lines.
func readSums(name string) (map[string]bool, error) {
	data, err := fileio.ReadLimited(name, maxGoSum)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		lines[strings.TrimSpace(line)] = true
	}
	return lines, nil
}

// sumFile returns the name of the go.sum file for -modfile=name.
func sumFile(name string) string { return strings.TrimSuffix(name, ".mod") + ".sum" }

// lacksSums reports whether a listing, or the error of making it, says that go.sum is not
// complete.
func lacksSums(l Listing, err error) bool {
	if err != nil {
		return strings.Contains(err.Error(), noSum)
	}
	for _, list := range l {
		if slices.ContainsFunc(list, func(p Package) bool { return p.Error != nil && strings.Contains(p.Error.Err, noSum) }) {
			return true
		}
	}
	return false
}

// withSums copies dir's go.mod to beside the module cache, with a complete go.sum, and returns
// the name of the copy. The checksum database, if the user has one, verifies the sums that
// dir's own lacks, as for `go install`.
func (g *Go) withSums(ctx context.Context, dir string, flags []string) (string, error) {
	goMod, err := fileio.ReadLimited(filepath.Join(dir, "go.mod"), maxGoMod)
	if err != nil {
		return "", err
	}
	goSum, err := fileio.ReadLimited(filepath.Join(dir, "go.sum"), maxGoSum)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name := filepath.Join(filepath.Dir(g.Cache), "complete.mod")
	write := func() error { return os.WriteFile(name, goMod, 0o644) }
	if err := errors.Join(write(), os.WriteFile(sumFile(name), goSum, 0o644)); err != nil {
		return "", err
	}
	// With -mod=mod, the go command adds modules that go.mod does not require: they are not
	// the module's.
	other := *g
	other.Cache = filepath.Join(filepath.Dir(g.Cache), "sums")
	defer os.RemoveAll(other.Cache)
	args := slices.Concat([]string{"list", "-e", "-deps", "-pgo=off", "-json=" + fields}, flags, []string{"-mod=mod", "-modfile=" + name, "./..."})
	for _, p := range g.platforms() { // one after the other: each writes go.sum
		if _, err := other.on(p).list(ctx, dir, args); err != nil {
			return "", advise(fmt.Errorf("completing go.sum: %w", err))
		}
		if err := write(); err != nil {
			return "", err
		}
	}
	return name, nil
}

// installedGODEBUG sets the default GODEBUG of programs as if go.mod had no godebug lines:
// `go install` ignores them.
func (g *Go) installedGODEBUG(ctx context.Context, dir string, flags []string, listing Listing) error {
	name, err := g.withoutGodebug(dir)
	if err != nil || name == "" {
		return err
	}
	args := slices.Concat([]string{"list", "-e", "-find", "-json=ImportPath,DefaultGODEBUG", "-modfile=" + name}, flags, []string{"./..."})
	found, err := g.onEach(ctx, dir, args)
	if err != nil {
		return fmt.Errorf("reading the default GODEBUG of programs: %w", err)
	}
	for platform, list := range found {
		godebug := map[string]string{}
		for _, p := range list {
			godebug[p.ImportPath] = p.DefaultGODEBUG
		}
		for i, p := range listing[platform] {
			if value, ok := godebug[p.ImportPath]; ok {
				listing[platform][i].DefaultGODEBUG = value
			}
		}
	}
	return nil
}

// withoutGodebug writes a copy of dir's go.mod beside the module cache, without godebug
// lines, and with the go command's default version if it has none. It writes nothing if
// there is nothing to change.
func (g *Go) withoutGodebug(dir string) (string, error) {
	data, err := fileio.ReadLimited(filepath.Join(dir, "go.mod"), maxGoMod)
	if err != nil {
		return "", err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return "", err
	}
	if len(f.Godebug) == 0 && f.Go != nil {
		return "", nil
	}
	for _, d := range slices.Clone(f.Godebug) {
		if err := f.DropGodebug(d.Key); err != nil {
			return "", err
		}
	}
	if f.Go == nil {
		if err := f.AddGoStmt("1.20"); err != nil {
			return "", err
		}
	}
	if data, err = f.Format(); err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(g.Cache), "installed.mod")
	return name, os.WriteFile(name, data, 0o644)
}
