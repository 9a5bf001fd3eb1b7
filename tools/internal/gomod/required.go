package gomod

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/lock"
)

// Required returns the version of a module that a go.mod requires, with the h1
// sum that go.sum has for its content.
func Required(goMod, goSum, path string) (lock.GoModule, error) {
	data, err := os.ReadFile(goMod)
	if err != nil {
		return lock.GoModule{}, err
	}
	f, err := modfile.ParseLax(goMod, data, nil)
	if err != nil {
		return lock.GoModule{}, fmt.Errorf("reading %q: %w", goMod, err)
	}
	m := lock.GoModule{Path: path}
	for _, r := range f.Require {
		if r.Mod.Path == path {
			m.Version = r.Mod.Version
		}
	}
	if m.Version == "" {
		return lock.GoModule{}, fmt.Errorf("reading %q: module %s is not required", goMod, path)
	}
	sums, err := os.ReadFile(goSum)
	if err != nil {
		return lock.GoModule{}, err
	}
	for line := range strings.Lines(string(sums)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == path {
			switch f[1] {
			case m.Version:
				m.Sum = f[2]
			case m.Version + "/go.mod":
				m.GoModSum = f[2]
			}
		}
	}
	if m.Sum == "" {
		return lock.GoModule{}, fmt.Errorf("reading %q: no h1 sum of %s@%s", goSum, m.Path, m.Version)
	}
	return m, nil
}
