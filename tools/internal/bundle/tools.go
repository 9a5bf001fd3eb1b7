package bundle

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
)

const (
	maxGoMod = 1 << 20  // bytes
	maxGoSum = 16 << 20 // bytes; of modules.txt as well
)

// ToolModules returns the modules that the project's own tools, and the rules, are
// built from: those that the go.mod in dir requires, each with the sums in go.sum.
// Of those that the go command vendored no package of, by modulesTxt
// (vendor/modules.txt, https://go.dev/ref/mod#go-mod-vendor), no build reads more
// than the go.mod. But for the modules whose files are used as they are: those count
// as read, by path.
func ToolModules(dir, modulesTxt string, asTheyAre ...string) ([]lock.GoModule, error) {
	goMod := filepath.Join(dir, "go.mod")
	data, err := jsonfile.ReadLimited(goMod, maxGoMod)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(goMod, data, nil)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", goMod, err)
	}
	if len(f.Replace) > 0 {
		return nil, fmt.Errorf("reading %q: it replaces modules, which a bundle cannot know", goMod)
	}
	sums, err := readSums(filepath.Join(dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	read, err := vendored(modulesTxt)
	if err != nil {
		return nil, err
	}
	for _, path := range asTheyAre {
		read[path] = true
	}
	var list []lock.GoModule
	for _, r := range f.Require {
		at := r.Mod.Path + " " + r.Mod.Version
		m := lock.GoModule{Path: r.Mod.Path, Version: r.Mod.Version, GoModSum: sums[at+"/go.mod"]}
		if read[r.Mod.Path] {
			m.Sum = sums[at]
		}
		if m.GoModSum == "" || read[r.Mod.Path] && m.Sum == "" {
			return nil, fmt.Errorf("reading %q: go.sum has no h1 sum of %s", goMod, r.Mod)
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b lock.GoModule) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

// readSums reads a go.sum: "path version" or "path version/go.mod" → h1 sum.
func readSums(name string) (map[string]string, error) {
	data, err := jsonfile.ReadLimited(name, maxGoSum)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 {
			sums[f[0]+" "+f[1]] = f[2]
		}
	}
	return sums, nil
}

// vendored returns the paths of the modules of which a modules.txt has packages.
func vendored(name string) (map[string]bool, error) {
	data, err := jsonfile.ReadLimited(name, maxGoSum)
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
