package gomod

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// CheckFile compares a module's zip or go.mod with the h1 sum that pins it
// (golang.org/x/mod/sumdb/dirhash.Hash1). The name's extension says which it is.
func CheckFile(name, want string) error {
	hash := HashZip
	if filepath.Ext(name) == ".mod" {
		hash = goModSum
	}
	got, err := hash(name)
	switch {
	case err != nil:
		err = fmt.Errorf("h1 sum: got none, want %s: %w", want, err)
	case got != want:
		err = fmt.Errorf("h1 sum of %q: got %s, want %s", name, got, want)
	default:
		return nil
	}
	return hint.With(err, "the file was changed after it was stored: delete it, and it is fetched again")
}

// CheckStored compares the modules' files in the store with their sums. The error joins one
// for each file that was changed. A missing file is not an error. The go command also stops
// at a changed file, but its message says less.
func CheckStored(s *store.Store, modules []lock.GoModule) error {
	var errs []error
	for _, m := range modules {
		v := module.Version{Path: m.Path, Version: m.Version}
		for _, f := range []struct{ ext, sum string }{{".mod", m.GoModSum}, {".zip", m.Sum}} {
			if f.sum == "" || !s.HasModule(v, f.ext) {
				continue
			}
			name, err := s.ModuleFile(v, f.ext)
			if err == nil {
				err = CheckFile(name, f.sum)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s of module %s: %w", f.ext[1:], v, err))
			}
		}
	}
	return errors.Join(errs...)
}

// ByVersion returns modules by path and version.
func ByVersion(modules []lock.GoModule) map[module.Version]lock.GoModule {
	found := make(map[module.Version]lock.GoModule, len(modules))
	for _, m := range modules {
		found[module.Version{Path: m.Path, Version: m.Version}] = m
	}
	return found
}

// ReadSums reads a go.sum file (https://go.dev/ref/mod#go-sum-files).
func ReadSums(name string) (map[module.Version]lock.GoModule, error) {
	data, err := fileio.ReadLimited(name, maxGoSum)
	if err != nil {
		return nil, err
	}
	return ParseSums(data), nil
}

// ParseSums parses the content of a go.sum file. It ignores lines of another form.
func ParseSums(data []byte) map[module.Version]lock.GoModule {
	sums := map[module.Version]lock.GoModule{}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		version, ofGoMod := strings.CutSuffix(f[1], "/go.mod")
		v := module.Version{Path: f[0], Version: version}
		m := sums[v]
		m.Path, m.Version = v.Path, v.Version
		if ofGoMod {
			m.GoModSum = f[2]
		} else {
			m.Sum = f[2]
		}
		sums[v] = m
	}
	return sums
}
