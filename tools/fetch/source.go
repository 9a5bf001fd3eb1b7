package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/gosource"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
)

// source lays out one dependency of a lock.
func (f *fetcher) source(ctx context.Context, p paths) error {
	var dep lock.Dependency
	if err := jsonfile.Read(p.entry, &dep); err != nil {
		return fmt.Errorf("reading lock entry: %w", err)
	}
	g, done, err := f.goTool(p.out)
	if err != nil {
		return err
	}
	defer done()
	if f.airgap {
		if err := f.checkPresent(&dep); err != nil {
			return err
		}
	}
	main := gosource.Module{}
	switch {
	case dep.Module != nil:
		main = gosource.Module{Path: dep.Module.Path, Version: dep.Module.Version, Sum: dep.Digest}
		err = f.unpackModule(ctx, g, &dep, p.out)
	case dep.Local != nil:
		err = f.unpackLocal(&dep, p.base, p.out)
	default:
		err = fmt.Errorf("lock entry %q: no source that this version knows", dep.Name)
	}
	if err != nil {
		return err
	}
	if len(dep.GoModules) > 0 {
		if err := g.Vendor(ctx, p.out); err != nil {
			return fmt.Errorf("lock entry %q: %w", dep.Name, err)
		}
	}
	if main.Path == "" {
		if main.Path, err = gosource.ModulePath(p.out); errors.Is(err, os.ErrNotExist) {
			main.Path, err = dep.Name, nil // not a Go module
		}
		if err != nil {
			return err
		}
	}
	done()
	return f.generate(ctx, p.out, main)
}

// generate makes a Bazel repository of out, in which nothing but the source may be.
func (f *fetcher) generate(ctx context.Context, out string, main gosource.Module) error {
	abs, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	goroot, err := f.goroot()
	if err != nil {
		return err
	}
	return gosource.Generate(ctx, gosource.Args{Dir: abs, Gazelle: f.gazelle, GOROOT: goroot, Main: main})
}

// checkPresent names everything of the entry that the store lacks.
func (f *fetcher) checkPresent(dep *lock.Dependency) error {
	var errs []error
	missing := func(m lock.GoModule, ext, sum string) {
		if sum != "" && !f.store.HasModule(module.Version{Path: m.Path, Version: m.Version}, ext) {
			errs = append(errs, fmt.Errorf("lock entry %q: %s of %s@%s, %s, is not in the store %q", dep.Name, ext[1:], m.Path, m.Version, sum, f.store.Dir()))
		}
	}
	if m := dep.Module; m != nil {
		missing(lock.GoModule{Path: m.Path, Version: m.Version}, ".zip", dep.Digest)
	}
	for _, m := range dep.GoModules {
		missing(m, ".zip", m.Sum)
		missing(m, ".mod", m.GoModSum)
	}
	return cli.WithHint(errors.Join(errs...), "run the same build once without --config=airgap, or unpack a bundle into the store")
}

func (f *fetcher) unpackModule(ctx context.Context, g *gomod.Go, dep *lock.Dependency, out string) error {
	zip, err := f.moduleZip(ctx, g, lock.GoModule{Path: dep.Module.Path, Version: dep.Module.Version, Sum: dep.Digest})
	if err != nil {
		return fmt.Errorf("lock entry %q: %w", dep.Name, err)
	}
	return f.unpackZip(module.Version{Path: dep.Module.Path, Version: dep.Module.Version}, zip, out)
}

// moduleZip returns the path of a module's zip in the store, verified.
func (f *fetcher) moduleZip(ctx context.Context, g *gomod.Go, want lock.GoModule) (string, error) {
	m := module.Version{Path: want.Path, Version: want.Version}
	if !f.store.HasModule(m, ".zip") {
		if f.airgap {
			return "", fmt.Errorf("module %s, %s, is not in the store %q", m, want.Sum, f.store.Dir())
		}
		if _, err := g.Download(ctx, m.Path, m.Version); err != nil {
			return "", err
		}
	}
	zip, err := f.store.ModuleFile(m, ".zip")
	if err != nil {
		return "", err
	}
	sum, err := dirhash.HashZip(zip, dirhash.Hash1)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", zip, err)
	}
	if sum != want.Sum {
		err := fmt.Errorf("h1 sum of %q: got %s, want %s", zip, sum, want.Sum)
		return "", cli.WithHint(err, "the file is not what was pinned: delete it to have it fetched again")
	}
	return zip, nil
}

// unpackZip unpacks a module zip, checked as https://go.dev/ref/mod#zip-files
// demands, into out, which may have files already.
func (f *fetcher) unpackZip(m module.Version, zip, out string) error {
	tmp := filepath.Join(out, ".fetch", "unpacked")
	if err := modzip.Unzip(tmp, m, zip); err != nil {
		return fmt.Errorf("unpacking %q: %w", zip, err)
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(tmp, e.Name()), filepath.Join(out, e.Name())); err != nil {
			return err
		}
	}
	// A module older than go.mod has none in its zip: the proxy's is synthetic.
	if _, err := os.Stat(filepath.Join(out, "go.mod")); err == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(out, "go.mod"), fmt.Appendf(nil, "module %s\n", m.Path), 0o644)
}
