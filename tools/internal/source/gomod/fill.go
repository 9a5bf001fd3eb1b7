package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Fill fetches the modules that a lock names into the store, and verifies each by the lock's
// sums. It fetches only files that the lock has sums for and the store lacks.
func (g *Go) Fill(ctx context.Context, modules []lock.GoModule) error {
	modules, err := merge(modules)
	if err != nil {
		return err
	}
	var missing []lock.GoModule
	for _, m := range modules {
		v := module.Version{Path: m.Path, Version: m.Version}
		if m.Sum != "" && !g.Store.HasModule(v, ".zip") || m.Sum == "" && m.GoModSum != "" && !g.Store.HasModule(v, ".mod") {
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if g.Offline {
		zips, mods, _ := split(missing)
		return fmt.Errorf("not in the store: %s", strings.Join(slices.Concat(zips, mods), ", "))
	}
	if missing, err = g.fillDirectly(ctx, missing); err != nil || len(missing) == 0 {
		return err
	}
	dir, err := os.MkdirTemp("", "gomod-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	zips, mods, sums := split(missing)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module lock\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "go.sum"), []byte(sums), 0o644))
	if err != nil {
		return err
	}
	return g.fill(ctx, dir, zips, mods)
}

// merge returns the modules sorted, each once, with all its known sums.
func merge(modules []lock.GoModule) ([]lock.GoModule, error) {
	known := map[module.Version]*lock.GoModule{}
	var merged []lock.GoModule
	for _, m := range modules {
		v := module.Version{Path: m.Path, Version: m.Version}
		if known[v] == nil {
			known[v] = &lock.GoModule{Path: m.Path, Version: m.Version}
		}
		for _, s := range []struct{ to, from *string }{{&known[v].Sum, &m.Sum}, {&known[v].GoModSum, &m.GoModSum}} {
			switch {
			case *s.to == "":
				*s.to = *s.from
			case *s.from != "" && *s.from != *s.to:
				return nil, fmt.Errorf("module %s has two sums: %s, %s", v, *s.to, *s.from)
			}
		}
	}
	for _, m := range known {
		merged = append(merged, *m)
	}
	slices.SortFunc(merged, func(a, b lock.GoModule) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Version, b.Version))
	})
	return merged, nil
}

// split returns the modules whose content is wanted and those of which only go.mod is, as
// PATH@VERSION, and the go.sum of all.
func split(modules []lock.GoModule) (zips, mods []string, goSum string) {
	var sums strings.Builder
	for _, m := range modules {
		if at := m.Path + "@" + m.Version; m.Sum != "" {
			zips = append(zips, at)
		} else {
			mods = append(mods, at)
		}
		for suffix, sum := range map[string]string{"": m.Sum, "/go.mod": m.GoModSum} {
			if sum != "" {
				fmt.Fprintf(&sums, "%s %s%s %s\n", m.Path, m.Version, suffix, sum)
			}
		}
	}
	return zips, mods, sums.String()
}

// fill runs the go command with dir as the main module to download content and go.mod files
// into its cache, then copies them to the store.
func (g *Go) fill(ctx context.Context, dir string, zips, mods []string) error {
	user, err := environ.GoDownloads(ctx, g.Command)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		args []string
		what []string
	}{{[]string{"mod", "download"}, zips}, {[]string{"list", "-m", "-mod=mod"}, mods}} {
		if len(step.what) == 0 {
			continue
		}
		proxies := user["GOPROXY"]
		err := g.forwarded(proxies, func(goproxy string) error {
			user["GOPROXY"] = goproxy
			_, err := g.exec(ctx, dir, g.environ(environ.List(user)...), append(step.args, step.what...))
			return err
		})
		if user["GOPROXY"] = proxies; err != nil {
			return fmt.Errorf("downloading modules: %w", err)
		}
	}
	_, err = g.Store.ImportModules(g.downloads())
	return err
}
