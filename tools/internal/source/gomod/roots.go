package gomod

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Roots returns the directories of the modules to build in the source in dir, sorted: the
// wanted ones, slash-separated and relative to dir, or, if wanted is empty, "." if dir has a
// go.mod. If a wanted directory has no go.mod, the error's hint names those that have one.
func Roots(dir string, wanted []string) ([]string, error) {
	if len(wanted) == 0 {
		if isModule(dir) {
			return []string{"."}, nil
		}
		return nil, nil
	}
	for _, root := range wanted {
		if err := checkRoot(dir, root); err != nil {
			return nil, hint.With(err, "%s", modulesHint(dir))
		}
	}
	roots := slices.Clone(wanted)
	slices.Sort(roots)
	return slices.Compact(roots), nil
}

func checkRoot(dir, root string) error {
	if !fs.ValidPath(root) {
		return fmt.Errorf("module directory %q: want a path inside the source, such as tools/cmd", root)
	}
	at := dir
	for elem := range strings.SplitSeq(root, "/") {
		if elem == "vendor" {
			return fmt.Errorf("module directory %q: a vendored package is not a module of the source", root)
		}
		at = filepath.Join(at, elem)
		if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("module directory %q: its path has a symbolic link", root)
		}
	}
	if !isModule(at) {
		return fmt.Errorf("module directory %q has no go.mod", root)
	}
	return nil
}

func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && info.Mode().IsRegular()
}

// modulesHint names the first ten directories below dir that have a go.mod.
func modulesHint(dir string) string {
	var found []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !isModule(p) {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		found = append(found, filepath.ToSlash(rel))
		return err
	})
	switch {
	case err != nil || len(found) == 0:
		return "the source has no go.mod"
	case len(found) > 10:
		return fmt.Sprintf("go.mod is in %s and %d more", strings.Join(found[:10], ", "), len(found)-10)
	}
	return "go.mod is in " + strings.Join(found, ", ")
}

// ListRoot is List for the module in directory root of the source in dir. The directories in
// its replace lines have to be in the source.
func (g *Go) ListRoot(ctx context.Context, dir, root string, tags []string, installed bool) (Listing, error) {
	if err := checkRoot(dir, root); err != nil {
		return nil, err
	}
	if err := checkReplacements(dir, root); err != nil {
		return nil, err
	}
	listing, err := g.List(ctx, filepath.Join(dir, filepath.FromSlash(root)), tags, installed)
	return listing, inRoot(root, err)
}

func inRoot(root string, err error) error {
	if root == "." || err == nil {
		return err
	}
	return fmt.Errorf("module in directory %q: %w", root, err)
}

// checkReplacements refuses replace lines that name directories outside the source.
func checkReplacements(dir, root string) error {
	name := path.Join(root, "go.mod")
	data, err := fileio.ReadLimited(filepath.Join(dir, filepath.FromSlash(name)), maxGoMod)
	if err != nil {
		return err
	}
	f, err := modfile.Parse(name, data, nil) // ParseLax leaves out replace
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	for _, r := range f.Replace {
		if r.New.Version != "" {
			continue
		}
		to := filepath.ToSlash(r.New.Path)
		if path.IsAbs(to) || filepath.IsAbs(r.New.Path) || !filepath.IsLocal(filepath.FromSlash(path.Join(root, to))) {
			return fmt.Errorf("reading %q: it replaces %s by the directory %q, which is outside the source", name, r.Old.Path, r.New.Path)
		}
	}
	return nil
}
