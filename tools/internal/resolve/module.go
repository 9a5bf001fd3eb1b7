package resolve

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Modules resolves Go modules through the module proxy.
type Modules struct {
	// Go returns a go command with an empty module cache, for the named dependency, and a
	// function that removes the cache.
	Go    func(name string) (*gomod.Go, func())
	Store *store.Store
	Kept  *Kept
}

// Resolve implements [Resolver].
func (r *Modules) Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error) {
	m := module.Version{Path: ask.Module, Version: ask.Version}
	if err := r.fetch(ctx, ask.Name, m); err != nil {
		return nil, err
	}
	pinned, err := r.describe(m)
	if err != nil {
		return nil, err
	}
	pinned.GoTags = ask.GoTags
	old := r.Kept.find(ask.Name)
	if old != nil && old.Module != nil && *old.Module == *pinned.Module && old.Digest != pinned.Digest {
		err := fmt.Errorf("h1 sum of %s: got %s, want %s as in lock.json", m, pinned.Digest, old.Digest)
		return nil, hint.With(err, "a version never changes: somebody changed the module or the lock. Delete the lock only if you know which")
	}
	if r.Kept.goNeeds(ask, r.Store, pinned) {
		return pinned, nil
	}
	return pinned, r.vendor(ctx, m, ask, pinned)
}

// fetch fetches the module's files if the store lacks them.
func (r *Modules) fetch(ctx context.Context, name string, m module.Version) error {
	if r.Store.HasModule(m, ".zip") && r.Store.HasModule(m, ".info") && r.Store.HasModule(m, ".mod") {
		return nil
	}
	g, done := r.Go(name)
	defer done()
	if _, err := g.Download(ctx, m.Path, m.Version); err != nil {
		if gomod.NeedsNewerGo(err) {
			return err
		}
		return hint.With(err, "check the module's path and version, and GOPROXY")
	}
	return nil
}

// describe reads digest, size and time from the module's files in the store.
func (r *Modules) describe(m module.Version) (*lock.Dependency, error) {
	d := &lock.Dependency{Module: &lock.Module{Path: m.Path, Version: m.Version}}
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return nil, err
	}
	if d.Digest, err = gomod.HashZip(zip); err != nil {
		return nil, err
	}
	if d.Size, err = contentSize(zip); err != nil {
		return nil, fmt.Errorf("reading %q: %w", zip, err)
	}
	if module.IsPseudoVersion(m.Version) {
		// A proxy's .info may say another time, and no sum covers it.
		d.Time, err = module.PseudoVersionTime(m.Version)
		return d, err
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

// vendor finds out which modules building m reads, in a scratch directory.
func (r *Modules) vendor(ctx context.Context, m module.Version, ask *Request, d *lock.Dependency) error {
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return err
	}
	g, done := r.Go(ask.Name)
	defer done()
	dir := filepath.Join(filepath.Dir(g.Cache), "unpacked")
	if err := gomod.Unzip(dir, m, zip); err != nil {
		return fmt.Errorf("unpacking %s: %w", m, err)
	}
	return describeGo(ctx, g, dir, ask, d)
}

// describeGo sets the Go roots and modules of the source in dir, a scratch directory. The
// roots are the wanted directories, or the source's root directory if none is wanted.
func describeGo(ctx context.Context, g *gomod.Go, dir string, ask *Request, d *lock.Dependency) error {
	var err error
	if d.GoRoots, err = gomod.Roots(dir, ask.GoModules); err != nil {
		return err
	}
	d.GoModules, err = g.Listed(func() error {
		for _, root := range d.GoRoots {
			for _, tags := range ask.tagSets() {
				if _, err := g.ListRoot(ctx, dir, root, tags, d.Module != nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return err
}

// Open opens a pinned module.
func (r *Modules) Open(d *lock.Dependency) (*Source, error) {
	m := module.Version{Path: d.Module.Path, Version: d.Module.Version}
	zip, err := r.Store.ModuleFile(m, ".zip")
	if err != nil {
		return nil, err
	}
	return &Source{
		Name:     d.Name,
		Revision: m.String(),
		ReadFile: func(_ context.Context, name string) ([]byte, error) {
			return readZip(zip, m.String()+"/"+name)
		},
	}, nil
}

// contentSize returns the sum of the sizes of a module's files, in bytes.
func contentSize(name string) (int64, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var size int64
	for _, f := range z.File {
		size += int64(f.UncompressedSize64)
	}
	return size, nil
}

// readZip returns one file of a zip, of at most maxSourceFile bytes.
func readZip(name, member string) ([]byte, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSourceFile+1))
	if err == nil && len(data) > maxSourceFile {
		err = fmt.Errorf("%q has more than %d bytes", member, maxSourceFile)
	}
	return data, err
}
