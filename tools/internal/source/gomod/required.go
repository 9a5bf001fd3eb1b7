package gomod

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Limits on files of a source that are read into memory, in bytes. A parsed go.mod file
// takes about 60 times its size.
const (
	maxGoMod = 1 << 20
	maxGoSum = 16 << 20
)

// Required returns the version of a module that a go.mod requires, and the h1 sum of its
// content in go.sum.
func Required(goMod, goSum []byte, path string) (lock.GoModule, error) {
	f, err := modfile.ParseLax("go.mod", goMod, nil)
	if err != nil {
		return lock.GoModule{}, fmt.Errorf("reading go.mod: %w", err)
	}
	m := lock.GoModule{Path: path}
	for _, r := range f.Require {
		if r.Mod.Path == path {
			m.Version = r.Mod.Version
		}
	}
	if m.Version == "" {
		return lock.GoModule{}, fmt.Errorf("reading go.mod: module %s is not required", path)
	}
	summed := ParseSums(goSum)[module.Version{Path: m.Path, Version: m.Version}]
	if summed.Sum == "" {
		return lock.GoModule{}, fmt.Errorf("reading go.sum: no h1 sum of %s@%s", m.Path, m.Version)
	}
	return summed, nil
}

// Unzip unpacks a module zip into dir, which must be empty or missing, and checks it as
// https://go.dev/ref/mod#zip-files requires. A module without go.mod gets the one that a
// proxy serves for it.
func Unzip(dir string, m module.Version, zip string) error {
	err := checkZip(zip)
	if err == nil {
		err = modzip.Unzip(dir, m, zip)
	}
	if err != nil {
		return fmt.Errorf("unpacking %q: %w", zip, err)
	}
	if isModule(dir) {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), fmt.Appendf(nil, "module %s\n", m.Path), 0o644)
}
