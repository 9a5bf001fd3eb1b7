package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/gosource"
)

// source lays out one dependency of a lock.
func (f *fetcher) source(ctx context.Context, p paths) error {
	var dep lock.Dependency
	if err := jsonfile.Read(p.entry, &dep); err != nil {
		return fmt.Errorf("reading lock entry: %w", err)
	}
	if err := dep.CheckSeal(); err != nil {
		return err
	}
	if f.airgap {
		if err := f.checkPresent(&dep); err != nil {
			return err
		}
	}
	if err := f.layOut(ctx, &dep, p); err != nil {
		return inEntry(dep.Name, f.blame(&dep, err))
	}
	return nil
}

// blame returns what is altered in the store of the modules of a lock's entry; if
// nothing is, err.
func (f *fetcher) blame(dep *lock.Dependency, err error) error {
	modules := dep.GoModules
	if m := dep.Module; m != nil {
		modules = append([]lock.GoModule{{Path: m.Path, Version: m.Version, Sum: dep.Digest}}, modules...)
	}
	if altered := gomod.CheckStored(f.store, modules); altered != nil {
		return altered
	}
	return err
}

func (f *fetcher) layOut(ctx context.Context, dep *lock.Dependency, p paths) error {
	tags, ok := dep.GoTags[p.variant]
	if p.variant != "" && !ok {
		return fmt.Errorf("variant %q: want one of %q", p.variant, slices.Sorted(maps.Keys(dep.GoTags)))
	}
	g, done, err := f.goTool(p.out)
	if err != nil {
		return err
	}
	defer done()
	if err := f.unpack(ctx, g, dep, p); err != nil {
		return err
	}
	folders := goRoots(dep)
	if len(folders) > 0 {
		if folders, err = gomod.Roots(p.out, folders); err != nil {
			return err
		}
	}
	roots, err := mainModules(dep, p.out, folders)
	if err != nil {
		return err
	}
	// What a release is made of is in its lock: the go command gets no more than that.
	if err := g.Fill(ctx, dep.GoModules); err != nil {
		return err
	}
	g.Offline = true
	return f.generate(ctx, g, done, gosource.Args{Dir: p.out, Name: dep.Name, Repo: p.repository, Roots: roots, Tags: tags,
		Sums: gomod.ByVersion(dep.GoModules), Stdlib: strings.FieldsFunc(p.stdlib, func(r rune) bool { return r == ',' })})
}

// goRoots returns the folders with the modules to build, sorted. A module from a proxy
// is one itself, and has no other in it.
func goRoots(dep *lock.Dependency) []string {
	if dep.Module != nil {
		return []string{"."}
	}
	return slices.Sorted(slices.Values(dep.GoRoots))
}

// mainModules returns the modules in the given folders as `go build` names them.
func mainModules(dep *lock.Dependency, dir string, folders []string) ([]gosource.Root, error) {
	var roots []gosource.Root
	for _, folder := range folders {
		r := gosource.Root{Dir: folder}
		path, err := gosource.ModulePath(filepath.Join(dir, filepath.FromSlash(folder)))
		if err != nil {
			return nil, err
		}
		switch {
		case dep.Module != nil:
			r.Main = gosource.Module{Path: dep.Module.Path, Version: dep.Module.Version, Sum: dep.Digest}
		case dep.Git != nil:
			r.VCS = gosource.VCS{Revision: dep.Git.Commit, Time: dep.Time}
			r.Main = gosource.Module{Path: path, Version: strings.TrimPrefix(dep.Git.Versions[folder], gomod.Devel)}
		default:
			r.Main.Path = path
		}
		roots = append(roots, r)
	}
	return roots, nil
}

// generate makes a Bazel repository of a.Dir by what the go command says of the roots. It
// calls done before it writes, for nothing but the source may be in there. A module
// that has a sum is built as `go install` does, any other as `go build` in its directory.
func (f *fetcher) generate(ctx context.Context, g *gomod.Go, done func(), a gosource.Args) error {
	for i := range a.Roots {
		r := &a.Roots[i]
		listing, err := g.ListRoot(ctx, a.Dir, r.Dir, a.Tags, r.Main.Sum != "")
		if err != nil {
			return err
		}
		r.Packages = listing
	}
	if err := gosource.Vendor(a); err != nil {
		return err
	}
	done()
	return gosource.Generate(a)
}

const missingHint = "run the same build once without --config=airgap, or unpack a bundle into the store"

// checkPresent names everything of the entry that the store lacks and that only
// a network has.
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
	if dep.Git != nil {
		if d, err := digest.Parse(dep.Digest); err != nil {
			errs = append(errs, fmt.Errorf("lock entry %q: %w", dep.Name, err))
		} else if _, err := os.Stat(f.store.BlobPath(d)); err != nil {
			errs = append(errs, fmt.Errorf("lock entry %q: tar of %s@%s, %s, is not in the store %q", dep.Name, dep.Git.URL, dep.Git.Commit, dep.Digest, f.store.Dir()))
		}
	}
	for _, m := range dep.GoModules {
		missing(m, ".zip", m.Sum)
		missing(m, ".mod", m.GoModSum)
	}
	return cli.WithHint(errors.Join(errs...), missingHint)
}

// unpack unpacks the source into p.out.
func (f *fetcher) unpack(ctx context.Context, g *gomod.Go, dep *lock.Dependency, p paths) error {
	if m := dep.Module; m != nil {
		zip, err := f.moduleZip(ctx, g, lock.GoModule{Path: m.Path, Version: m.Version, Sum: dep.Digest})
		if err != nil {
			return err
		}
		return unpackZip(module.Version{Path: m.Path, Version: m.Version}, zip, p.out)
	}
	if dep.Git == nil && dep.Local == nil {
		return errors.New("no source that this version knows")
	}
	tmp := filepath.Join(p.out, scratch, "unpacked")
	if err := f.unpackTar(ctx, dep, p.base, tmp); err != nil {
		return err
	}
	return moveUp(tmp, p.out)
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
	if err := gomod.CheckFile(zip, want.Sum); err != nil {
		return "", err
	}
	return zip, nil
}

// unpackZip unpacks a module zip into out, which may have files already.
func unpackZip(m module.Version, zip, out string) error {
	tmp := filepath.Join(out, scratch, "unpacked")
	if err := gomod.Unzip(tmp, m, zip); err != nil {
		return err
	}
	return moveUp(tmp, out)
}

// moveUp moves everything in tmp to out, but what would be in the place of our
// own files.
func moveUp(tmp, out string) error {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == scratch || e.Name() == gosource.Meta {
			continue
		}
		if err := os.Rename(filepath.Join(tmp, e.Name()), filepath.Join(out, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
