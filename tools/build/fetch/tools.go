package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/gosource"
)

// tools lays out the modules that the project's own packages import, as a module
// without packages of its own.
func (f *fetcher) tools(ctx context.Context, p paths) error {
	g, done, err := f.goTool(p.out)
	if err != nil {
		return err
	}
	defer done()
	for from, to := range map[string]string{p.goMod: "go.mod", p.goSum: "go.sum"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(p.out, to), data, 0o644); err != nil {
			return err
		}
	}
	packages, err := imported(p.imports)
	if err != nil {
		return err
	}
	path, err := gosource.ModulePath(p.out)
	if err != nil {
		return err
	}
	root := gosource.Root{Dir: ".", Main: gosource.Module{Path: path}}
	if root.Packages, err = g.ListPackages(ctx, p.out, packages...); err == nil {
		err = broken(root.Packages)
	}
	if err != nil {
		return f.blameTools(p, err)
	}
	a := gosource.Args{Dir: p.out, Repo: p.repository, Roots: []gosource.Root{root}}
	if a.Sums, err = gomod.ReadSums(p.goSum); err != nil {
		return err
	}
	if err := gosource.Vendor(a); err != nil {
		return err
	}
	done()
	if err := gosource.Generate(a); err != nil {
		return err
	}
	return export(filepath.Join(p.out, "BUILD.bazel"), "vendor/modules.txt")
}

// imported returns the paths that a Go file imports.
func imported(name string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// broken returns the errors of packages that cannot be built for this machine.
func broken(listing gomod.Listing) error {
	var errs []error
	for _, p := range listing[runtime.GOOS+"_"+runtime.GOARCH] {
		if p.Error != nil {
			errs = append(errs, fmt.Errorf("package %s: %s", p.ImportPath, p.Error.Err))
		}
	}
	return errors.Join(errs...)
}

// blameTools returns which modules in the project's own go.sum are missing from the store
// or were changed in it, or err if none are.
func (f *fetcher) blameTools(p paths, err error) error {
	sums, sumErr := gomod.ReadSums(p.goSum)
	if sumErr != nil {
		return err
	}
	modules := slices.SortedFunc(maps.Values(sums), func(a, b lock.GoModule) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Version, b.Version))
	})
	if altered := gomod.CheckStored(f.Store, modules); altered != nil {
		err = altered
	} else if missing := f.named(modules, err); f.Offline && missing != nil {
		err = hint.With(missing, fill.MissingHint)
	}
	return fmt.Errorf("modules of the tools: %w", err)
}

// named returns the modules that the go command names in err and that the store lacks.
func (f *fetcher) named(modules []lock.GoModule, err error) error {
	var errs []error
	for _, m := range modules {
		for _, file := range []struct{ ext, sum string }{{".mod", m.GoModSum}, {".zip", m.Sum}} {
			v := module.Version{Path: m.Path, Version: m.Version}
			if strings.Contains(err.Error(), "/@v/"+m.Version+file.ext) && strings.Contains(err.Error(), v.String()+":") && file.sum != "" && !f.Store.HasModule(v, file.ext) {
				errs = append(errs, fmt.Errorf("%s of %s, %s, is not in the store %q", file.ext[1:], v, file.sum, f.Store.Dir()))
			}
		}
	}
	return errors.Join(errs...)
}

// export makes a file visible to other repositories: tools/bundle reads from this one
// which modules the tools are built from.
func export(build, file string) error {
	f, err := os.OpenFile(build, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\nexports_files([%q])\n", file)
	return errors.Join(err, f.Close())
}

// module unpacks the version of a module that a go.mod requires. The go.sum verifies it.
func (f *fetcher) module(ctx context.Context, p paths) error {
	g, done, err := f.goTool(p.out)
	if err != nil {
		return err
	}
	defer done()
	goMod, err := os.ReadFile(p.goMod)
	if err != nil {
		return err
	}
	goSum, err := os.ReadFile(p.goSum)
	if err != nil {
		return err
	}
	m, err := gomod.Required(goMod, goSum, p.path)
	if err != nil {
		return fmt.Errorf("%q, %q: %w", p.goMod, p.goSum, err)
	}
	zip, err := f.moduleZip(ctx, g, m)
	if err != nil {
		return err
	}
	if err := unpackZip(module.Version{Path: m.Path, Version: m.Version}, zip, p.out); err != nil {
		return err
	}
	return makeScriptsExecutable(p.out)
}

// makeScriptsExecutable makes shell scripts executable: a module zip has no modes.
func makeScriptsExecutable(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) == ".sh" {
			errs = append(errs, os.Chmod(path, 0o755))
		}
		return err
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("making scripts executable: %w", err)
	}
	return nil
}
