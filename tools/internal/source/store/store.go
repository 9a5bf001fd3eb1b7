// Package store keeps the inputs of builds, so that builds can run without a network.
//
// A store is a directory in formats that its readers know:
//
//	content_addressable/sha256/<hex>/file   Bazel's repository cache, which --repository_cache names
//	goproxy/<module>/@v/<version>.{info,mod,zip}   a Go module proxy, which GOPROXY=file://… names
//	oci/{oci-layout,index.json,blobs/sha256/<hex>} an OCI image layout, which holds base images
//
// An entry is added by renaming a complete, synced file, so that several processes can
// share a store and a crash leaves no partial entry. Package gc removes what nothing needs,
// but not what was added or looked up recently, by an entry's modification time.
package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
)

// Store is the directory of a store. It may be read-only if nothing has to be added.
type Store struct{ dir string }

// Open returns the store in dir, which need not exist yet.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening store %q: %w", dir, err)
	}
	return &Store{abs}, nil
}

// Dir returns the store's directory, an absolute path.
func (s *Store) Dir() string { return s.dir }

// ProxyURL returns the file URL of the store's module proxy, for GOPROXY.
func (s *Store) ProxyURL() string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(s.dir, "goproxy"))}
	return strings.NewReplacer(",", "%2C", "|", "%7C").Replace(u.String())
}

// ModuleFile returns the path of a module's file in the store's proxy, whether or not it
// exists. The extension is ".info", ".mod" or ".zip".
func (s *Store) ModuleFile(m module.Version, ext string) (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", err
	}
	return filepath.Join(s.dir, "goproxy", filepath.FromSlash(path), "@v", version+ext), nil
}

// HasModule reports whether the store has the named file of a module.
func (s *Store) HasModule(m module.Version, ext string) bool {
	name, err := s.ModuleFile(m, ext)
	if err != nil {
		return false
	}
	_, err = s.Stat(name)
	return err == nil
}

// Stat describes a file of the store. It updates the file's time, to record the use.
func (s *Store) Stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < useGrain {
		return info, err
	}
	defer s.hold()()
	if err := os.Chtimes(name, time.Time{}, time.Now()); errors.Is(err, fs.ErrNotExist) {
		return nil, err // removed meanwhile
	} // the store may be read-only
	return info, nil
}

// useGrain is the precision of an entry's time of use.
const useGrain = time.Hour

// Hold locks the store: other processes that add, look up or remove an entry wait until
// unlock is called. Call it soon.
func (s *Store) Hold() (unlock func(), err error) { return filelock.Dir(s.dir) }

// hold is Hold without an error: adding and looking up work without a lock, removing does not.
func (s *Store) hold() (unlock func()) {
	unlock, err := s.Hold()
	if err != nil {
		return func() {}
	}
	return unlock
}

// ImportModules adds the modules in a module cache's download directory
// (GOMODCACHE/cache/download), which has a proxy's layout, and returns the number of new
// files. The go command must have verified them.
func (s *Store) ImportModules(download string) (added int, err error) {
	err = filepath.WalkDir(download, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(download, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == "sumdb" {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Base(filepath.Dir(path)) != "@v" || !d.Type().IsRegular() {
			return nil
		}
		switch filepath.Ext(path) {
		case ".info", ".mod", ".zip":
		default:
			return nil
		}
		fresh, err := s.importFile(path, filepath.Join(s.dir, "goproxy", rel))
		if fresh {
			added++
		}
		return err
	})
	if err != nil {
		return added, fmt.Errorf("importing modules into store %q: %w", s.dir, err)
	}
	return added, nil
}

// importFile copies from to to, unless to exists. It does not link, because the owner may
// still change the file.
func (s *Store) importFile(from, to string) (fresh bool, err error) {
	if _, err := s.Stat(to); err == nil {
		return false, nil
	}
	in, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	err = s.add(to, func(f *os.File) error {
		_, err := io.Copy(f, in)
		return err
	})
	return err == nil, err
}

// PutModule adds a module's file, unless it exists. Write must verify the content: the
// file is added if write returns nil.
func (s *Store) PutModule(m module.Version, ext string, write func(*os.File) error) error {
	to, err := s.ModuleFile(m, ext)
	if err != nil {
		return err
	}
	if _, err := s.Stat(to); err == nil {
		return nil
	}
	return s.add(to, write)
}

// add adds the file to with the content that write writes.
func (s *Store) add(to string, write func(*os.File) error) error {
	f, err := s.temp(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return s.seal(f, to)
}

// temp makes a temporary file in a directory, and the directory if it does not exist.
func (s *Store) temp(dir string) (*os.File, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	defer s.hold()() // without it the empty directory may be removed meanwhile
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, ".tmp-*")
}

// seal syncs, closes and renames f, and makes it readable for all.
func (s *Store) seal(f *os.File, to string) error {
	if err := f.Chmod(0o644); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	defer s.hold()()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

// DefaultDir returns the directory of the store that the launcher and the repository rules
// use: RELEASE_STORE, or "store" in the launcher's cache directory.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("RELEASE_STORE"); dir != "" {
		return dir, nil
	}
	if dir := dirs.Cache(getenv); dir != "" {
		return filepath.Join(dir, "store"), nil
	}
	return "", errors.New("finding the store: none of RELEASE_STORE, RELEASE_CACHE, XDG_CACHE_HOME and HOME is set")
}
