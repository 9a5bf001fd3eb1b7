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

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/gosource"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
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
	if f.Offline {
		if err := f.Check(&dep); err != nil {
			return err
		}
	}
	if err := f.layOut(ctx, &dep, p); err != nil {
		return fill.InEntry(dep.Name, f.blame(&dep, err))
	}
	return nil
}

// blame returns which modules of a lock's entry were changed in the store, or err if
// none were.
func (f *fetcher) blame(dep *lock.Dependency, err error) error {
	if altered := gomod.CheckStored(f.Store, dep.Modules()); altered != nil {
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
	if g.Platforms, err = platform.Targets(strings.FieldsFunc(p.platforms, comma)...); err != nil {
		return err
	}
	archive, err := f.unpack(ctx, g, dep, p)
	if err != nil {
		return err
	}
	unbuilt := dep.Unbuilt && p.variant == "" || dep.Unbuilt && len(dep.GoRoots) == 0
	directories := goRoots(dep)
	if len(directories) > 0 && !unbuilt {
		if directories, err = gomod.Roots(p.out, directories); err != nil {
			return err
		}
	}
	roots, err := mainModules(dep, p.out, directories)
	if err != nil {
		return err
	}
	// The go command may read only the modules that the lock names.
	if err := g.Fill(ctx, dep.GoModules); err != nil {
		return err
	}
	g.Offline = true
	a := gosource.Args{Dir: p.out, Name: dep.Name, Repo: p.repository, Roots: roots, Unbuilt: unbuilt, Tags: tags,
		Sums: gomod.ByVersion(dep.GoModules), Stdlib: strings.FieldsFunc(p.stdlib, comma)}
	if p.variant == "" { // one repository of a source is enough
		a.Archive, a.Digest = "source.tar", dep.Digest
		if dep.Module != nil {
			a.Archive = "source.zip"
		}
	}
	if err := f.generate(ctx, g, done, a); err != nil || a.Archive == "" {
		return err
	}
	return place(archive, filepath.Join(p.out, gosource.Meta, a.Archive))
}

func comma(r rune) bool { return r == ',' }

// goRoots returns the directories of the modules to build, sorted. A module from a proxy
// has no other module in it.
func goRoots(dep *lock.Dependency) []string {
	if dep.Module != nil {
		return []string{"."}
	}
	return slices.Sorted(slices.Values(dep.GoRoots))
}

// mainModules returns the modules in the given directories as `go build` names them.
func mainModules(dep *lock.Dependency, dir string, directories []string) ([]gosource.Root, error) {
	var roots []gosource.Root
	for _, directory := range directories {
		r := gosource.Root{Dir: directory}
		path, err := gosource.ModulePath(filepath.Join(dir, filepath.FromSlash(directory)))
		if err != nil {
			return nil, err
		}
		switch {
		case dep.Module != nil:
			r.Main = gosource.Module{Path: dep.Module.Path, Version: dep.Module.Version, Sum: dep.Digest}
		case dep.Git != nil:
			r.VCS = gosource.VCS{Revision: dep.Git.Commit, Time: dep.Time}
			r.Main = gosource.Module{Path: path, Version: strings.TrimPrefix(dep.Git.Versions[directory], gomod.Devel)}
		default:
			r.Main.Path = path
		}
		roots = append(roots, r)
	}
	return roots, nil
}

// generate makes a Bazel repository of a.Dir from what the go command says about the roots.
// It calls done before it writes, to remove everything but the source. A module that has a
// sum is built as by `go install`, any other as by `go build` in its directory.
func (f *fetcher) generate(ctx context.Context, g *gomod.Go, done func(), a gosource.Args) error {
	for i := range a.Roots {
		r := &a.Roots[i]
		if a.Unbuilt {
			continue
		}
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

// unpack unpacks the source into p.out, and returns its archive in the store.
func (f *fetcher) unpack(ctx context.Context, g *gomod.Go, dep *lock.Dependency, p paths) (archive string, err error) {
	if m := dep.Module; m != nil {
		zip, err := f.moduleZip(ctx, g, lock.GoModule{Path: m.Path, Version: m.Version, Sum: dep.Digest})
		if err != nil {
			return "", err
		}
		return zip, unpackZip(module.Version{Path: m.Path, Version: m.Version}, zip, p.out)
	}
	if dep.Git == nil && dep.Local == nil {
		return "", errors.New("unknown kind of source")
	}
	tmp := filepath.Join(p.out, scratch, "unpacked")
	if archive, err = f.unpackTar(ctx, dep, tmp); err != nil {
		return "", err
	}
	return archive, moveUp(tmp, p.out)
}

// unpackTar unpacks the canonical tar of a source, and returns its path.
func (f *fetcher) unpackTar(ctx context.Context, dep *lock.Dependency, to string) (string, error) {
	want, err := f.Tar(ctx, dep)
	if err != nil {
		return "", err
	}
	if err := f.Store.VerifyBlob(want); err != nil {
		return "", hint.With(err, "the file was changed after it was stored: delete it, and it is made again")
	}
	tar, err := os.Open(f.Store.BlobPath(want))
	if err != nil {
		return "", err
	}
	defer tar.Close()
	if err := os.Mkdir(to, 0o755); err != nil {
		return "", err
	}
	return tar.Name(), sourcetar.Extract(tar, to)
}

// moduleZip returns the path of a module's zip in the store, verified.
func (f *fetcher) moduleZip(ctx context.Context, g *gomod.Go, want lock.GoModule) (string, error) {
	m := module.Version{Path: want.Path, Version: want.Version}
	if !f.Store.HasModule(m, ".zip") {
		if f.Offline {
			return "", fmt.Errorf("module %s, %s, is not in the store %q", m, want.Sum, f.Store.Dir())
		}
		if _, err := g.Download(ctx, m.Path, m.Version); err != nil {
			return "", err
		}
	}
	zip, err := f.Store.ModuleFile(m, ".zip")
	if err != nil {
		return "", err
	}
	if err := gomod.CheckFile(zip, want.Sum); err != nil {
		return "", err
	}
	return zip, nil
}

// unpackZip unpacks a module zip into out, which may already have files.
func unpackZip(m module.Version, zip, out string) error {
	tmp := filepath.Join(out, scratch, "unpacked")
	if err := gomod.Unzip(tmp, m, zip); err != nil {
		return err
	}
	return moveUp(tmp, out)
}

// moveUp moves everything in tmp to out, except what would replace a file of ours.
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
