package resolve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/store"
)

// Modules resolves Go modules through the module proxy.
type Modules struct {
	Go       func() (*gomod.Go, func()) // a go command with a fresh cache, and what removes that
	Store    *store.Store
	Previous *lock.Lock // nil if there is none
	// SameToolchain says that Previous was resolved with the SDK of now, so that
	// what it says of an unchanged source still holds.
	SameToolchain bool
}

// Resolve implements Resolver.
func (r *Modules) Resolve(ctx context.Context, dep *manifest.Dependency, primary *Primary) (*lock.Dependency, error) {
	m, why := module.Version{Path: dep.Module, Version: dep.Version}, "version in manifest"
	if dep.Auto == manifest.AutoModules {
		var err error
		if m, err = requiredBy(ctx, primary, dep.Module); err != nil {
			return nil, err
		}
		why = "required by " + primary.Revision + " go.mod"
	}
	if err := r.bring(ctx, m); err != nil {
		return nil, err
	}
	pinned, err := r.describe(m)
	if err != nil {
		return nil, err
	}
	pinned.Why = why
	old := r.previous(dep.Name)
	if old != nil && old.Module != nil && *old.Module == *pinned.Module && old.Digest != pinned.Digest {
		err := fmt.Errorf("h1 sum of %s: got %s, want %s as in lock.json", m, pinned.Digest, old.Digest)
		return nil, cli.WithHint(err, "a version never changes: somebody altered the module, or the lock; delete the lock only if you know which")
	}
	if old != nil && r.SameToolchain && old.Digest == pinned.Digest && r.complete(old) {
		pinned.GoModules, pinned.GoStd = old.GoModules, old.GoStd
		return pinned, nil
	}
	return pinned, r.vendor(ctx, m, pinned)
}

// requiredBy returns the version of a module that the primary's go.mod
// requires, or what it replaces that by.
func requiredBy(ctx context.Context, primary *Primary, path string) (module.Version, error) {
	none := module.Version{}
	data, err := primary.ReadFile(ctx, "go.mod")
	if err != nil {
		return none, fmt.Errorf("reading go.mod of %s: %w", primary.Revision, err)
	}
	f, err := modfile.Parse("go.mod", data, nil) // ParseLax leaves out replace
	if err != nil {
		return none, fmt.Errorf("reading go.mod of %s: %w", primary.Revision, err)
	}
	for _, req := range f.Require {
		if req.Mod.Path != path {
			continue
		}
		m := req.Mod
		for _, rep := range f.Replace {
			if rep.Old == req.Mod {
				m = rep.New
				break // goes before one for all versions
			}
			if rep.Old == (module.Version{Path: path}) {
				m = rep.New
			}
		}
		if m.Version == "" {
			return none, fmt.Errorf("go.mod of %s replaces %s by the folder %q", primary.Revision, path, m.Path)
		}
		return m, nil
	}
	return none, cli.WithHint(fmt.Errorf("go.mod of %s does not require %s", primary.Revision, path), "give the dependency a version")
}

// bring makes sure that the store has the module's files.
func (r *Modules) bring(ctx context.Context, m module.Version) error {
	if r.Store.HasModule(m, ".zip") && r.Store.HasModule(m, ".info") && r.Store.HasModule(m, ".mod") {
		return nil
	}
	g, done := r.Go()
	defer done()
	if _, err := g.Download(ctx, m.Path, m.Version); err != nil {
		return cli.WithHint(err, "check the module's path and version; GOPROXY says which proxy is asked")
	}
	return nil
}

// describe reads digest, size and time off the module's files in the store.
func (r *Modules) describe(m module.Version) (*lock.Dependency, error) {
	d := &lock.Dependency{Module: &lock.Module{Path: m.Path, Version: m.Version}}
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return nil, err
	}
	if d.Digest, err = dirhash.HashZip(zip, dirhash.Hash1); err != nil {
		return nil, fmt.Errorf("reading %q: %w", zip, err)
	}
	if d.Size, err = contentSize(zip); err != nil {
		return nil, fmt.Errorf("reading %q: %w", zip, err)
	}
	name, err := r.Store.ModuleFile(m, ".info")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var info struct{ Time time.Time }
	if err := json.Unmarshal(data, &info); err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	d.Time = info.Time.UTC().Truncate(time.Second)
	return d, nil
}

// vendor finds out which modules building m reads, in a scratch folder.
func (r *Modules) vendor(ctx context.Context, m module.Version, d *lock.Dependency) error {
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return err
	}
	g, done := r.Go()
	defer done()
	dir := filepath.Join(filepath.Dir(g.Cache), "unpacked")
	if err := modzip.Unzip(dir, m, zip); err != nil {
		return fmt.Errorf("unpacking %s: %w", m, err)
	}
	return describeGo(ctx, g, dir, d)
}

// describeGo fills in what Go sources in dir, a scratch folder, need.
func describeGo(ctx context.Context, g *gomod.Go, dir string, d *lock.Dependency) error {
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		if err := g.Vendor(ctx, dir); err != nil {
			return cli.WithHint(err, "the source's go.mod and go.sum must be complete: run go mod tidy there")
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var err error
	if d.GoModules, err = g.Modules(); err != nil {
		return err
	}
	d.GoStd, err = gomod.StdImports(dir)
	return err
}

// complete reports whether the store has every module that d's build reads.
func (r *Modules) complete(d *lock.Dependency) bool {
	for _, m := range d.GoModules {
		v := module.Version{Path: m.Path, Version: m.Version}
		if m.Sum != "" && !r.Store.HasModule(v, ".zip") || m.GoModSum != "" && !r.Store.HasModule(v, ".mod") {
			return false
		}
	}
	return true
}

func (r *Modules) previous(name string) *lock.Dependency {
	if r.Previous == nil {
		return nil
	}
	d, _ := r.Previous.Find(name)
	return d
}

// OpenModule gives access to the files of a pinned module.
func (r *Modules) OpenModule(d *lock.Dependency) (*Primary, error) {
	m := module.Version{Path: d.Module.Path, Version: d.Module.Version}
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return nil, err
	}
	return &Primary{
		Name:     d.Name,
		Revision: m.String(),
		ReadFile: func(_ context.Context, name string) ([]byte, error) {
			return readZip(zip, m.String()+"/"+name)
		},
	}, nil
}
