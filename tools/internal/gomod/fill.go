package gomod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/lock"
)

// Fill brings the modules that a lock names into the store, each verified by the
// lock's sums, and no more of them than the lock has sums for. What the store
// has already is left alone.
func (g *Go) Fill(ctx context.Context, modules []lock.GoModule) error {
	var zips, mods []string
	var sums strings.Builder
	for _, m := range modules {
		v := module.Version{Path: m.Path, Version: m.Version}
		at := m.Path + "@" + m.Version
		switch {
		case m.Sum != "" && !g.Store.HasModule(v, ".zip"):
			zips = append(zips, at)
		case m.GoModSum != "" && !g.Store.HasModule(v, ".mod"):
			mods = append(mods, at)
		default:
			continue
		}
		for suffix, sum := range map[string]string{"": m.Sum, "/go.mod": m.GoModSum} {
			if sum != "" {
				fmt.Fprintf(&sums, "%s %s%s %s\n", m.Path, m.Version, suffix, sum)
			}
		}
	}
	if len(zips)+len(mods) == 0 {
		return nil
	}
	if g.Offline {
		return fmt.Errorf("not in the store: %s", strings.Join(slices.Concat(zips, mods), ", "))
	}
	dir, err := os.MkdirTemp("", "gomod-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module lock\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "go.sum"), []byte(sums.String()), 0o644))
	if err != nil {
		return err
	}
	return g.fill(ctx, dir, zips, mods)
}

// fill has the go command, to which dir is the main module, bring content and
// go.mod files into its cache, then keeps them.
func (g *Go) fill(ctx context.Context, dir string, zips, mods []string) error {
	for _, step := range []struct {
		args []string
		what []string
	}{{[]string{"mod", "download"}, zips}, {[]string{"list", "-m", "-mod=mod"}, mods}} {
		if len(step.what) == 0 {
			continue
		}
		if _, err := g.exec(ctx, dir, g.environ(), append(step.args, step.what...)); err != nil {
			return fmt.Errorf("downloading modules: %w", err)
		}
	}
	_, err := g.Store.ImportModules(g.downloads())
	return err
}
