package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

const (
	maxGoMod      = 1 << 20  // bytes
	maxModulesTxt = 16 << 20 // bytes
)

// ToolModules returns the modules that the project's own tools and the rules are built
// from: those that the go.mod in dir requires, with their sums in go.sum. A build reads
// only the go.mod of a module that has no package in modulesTxt
// (vendor/modules.txt, https://go.dev/ref/mod#go-mod-vendor). The modules at the given
// paths are read whole all the same: their files are used unchanged.
func ToolModules(goMod, goSum []byte, modulesTxt string, asTheyAre ...string) ([]lock.GoModule, error) {
	f, err := modfile.Parse("go.mod", goMod, nil)
	if err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	if len(f.Replace) > 0 {
		return nil, errors.New("reading go.mod: it has replace lines, which a bundle does not support")
	}
	sums := gomod.ParseSums(goSum)
	read, err := vendored(modulesTxt)
	if err != nil {
		return nil, err
	}
	for _, path := range asTheyAre {
		read[path] = true
	}
	var list []lock.GoModule
	for _, r := range f.Require {
		m := sums[r.Mod]
		if m.GoModSum == "" || read[r.Mod.Path] && m.Sum == "" {
			return nil, fmt.Errorf("reading go.sum: it has no h1 sum of %s", r.Mod)
		}
		if !read[r.Mod.Path] {
			m.Sum = ""
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b lock.GoModule) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

// vendored returns the paths of the modules that have packages in a modules.txt.
func vendored(name string) (map[string]bool, error) {
	data, err := fileio.ReadLimited(name, maxModulesTxt)
	if err != nil {
		return nil, err
	}
	read := map[string]bool{}
	current := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "# "); ok {
			current, _, _ = strings.Cut(header, " ")
		} else if line != "" && !strings.HasPrefix(line, "##") {
			if current == "" {
				return nil, fmt.Errorf("reading %q: package %q before any module", name, line)
			}
			read[current] = true
		}
	}
	return read, nil
}
