package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// Uses says of which sources a product uses Go packages. From the others nothing is built:
// they are licensed, packed and tagged.
type Uses struct {
	product string
	named   map[string]bool // the repositories that the product's files name; nil for all
}

// label matches a repository at the beginning of a label, and the package after it.
var label = regexp.MustCompile(`@@?([A-Za-z0-9_.+~-]+)(?://([^":]*))?`)

// ReadUses reads which repositories the BUILD and .bzl files below dir, the directory of a
// product, name. The package .release, which every source has, does not count. A directory
// that does not exist names none.
func ReadUses(dir, product string) (Uses, error) {
	u := Uses{product, map[string]bool{}}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isBuildFile(d.Name()) {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range label.FindAllSubmatch(text, -1) {
			if string(m[2]) != ".release" {
				u.named[string(m[1])] = true
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return u, fmt.Errorf("reading which sources product %s uses: %w", product, err)
	}
	return u, nil
}

func isBuildFile(name string) bool {
	return name == "BUILD" || name == "BUILD.bazel" || filepath.Ext(name) == ".bzl"
}

// builds reports whether a dependency's Go packages are built as they are, and whether those
// of its variants are: those that the manifest names, or else those that the product uses.
func (u Uses) builds(d *manifest.Dependency) (plain, variants bool) {
	if d.GoModules != nil || u.named == nil {
		all := d.GoModules == nil || len(d.GoModules) > 0
		return all, all
	}
	repositories := d.Repositories(u.product)
	return u.named[repositories[0]], slices.ContainsFunc(repositories[1:], func(r string) bool { return u.named[r] })
}
