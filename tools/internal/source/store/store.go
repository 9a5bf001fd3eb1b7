// Package store keeps what builds read, so that they can run without a network.
//
// A store is a directory in formats that its readers know already:
//
//	content_addressable/sha256/<hex>/file   Bazel's repository cache, which --repository_cache names
//	goproxy/<module>/@v/<version>.{info,mod,zip}   a Go module proxy, which GOPROXY=file://… names
//	oci/{oci-layout,index.json,blobs/sha256/<hex>} an OCI image layout, which holds base images
//
// Entries are added by a rename of a complete, synced file each, so that several
// processes can share a store and a crash leaves no half of an entry. Package gc
// removes what nothing needs, but not what was added or looked up of late: an
// entry's modification time says when that was.
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

// Store is a store's directory. It may be read-only as long as nothing is added.
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

// ProxyURL returns the file URL of the store's module proxy, to stand in GOPROXY.
func (s *Store) ProxyURL() string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(s.dir, "goproxy"))}
	return strings.NewReplacer(",", "%2C", "|", "%7C").Replace(u.String())
}

// ModuleFile returns the path of a module's file in the store's proxy, present
// or not. The extension is ".info", ".mod" or ".zip".
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

// Stat describes a file of the store. It notes that the file is in use, in its time.
func (s *Store) Stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < useGrain {
		return info, err
	}
	defer s.hold()()
	if err := os.Chtimes(name, time.Time{}, time.Now()); errors.Is(err, fs.ErrNotExist) {
		return nil, err // removed meanwhile
	} // else the store may be one that can only be read
	return info, nil
}

// useGrain is how exactly an entry's time says when it was used.
const useGrain = time.Hour

// Hold waits until no other process adds, finds or removes an entry, and has all
// others wait until unlock is called. That is to be soon.
func (s *Store) Hold() (unlock func(), err error) { return filelock.Dir(s.dir) }

// hold is Hold where there may be no such lock: who removes something insists on it.
func (s *Store) hold() (unlock func()) {
	unlock, err := s.Hold()
	if err != nil {
		return func() {}
	}
	return unlock
}

// ImportModules adds the modules of a module cache's download directory
// (GOMODCACHE/cache/download), which has a proxy's layout, and returns how many
// files were new. The caller has had the go command verify them.
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

// importFile copies from to to, unless to is there. A link would alias a file
// that its owner may still change.
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

// PutModule adds a module's file, unless it is there. What write writes is kept
// if it returns no error: it is to verify that before.
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

// add makes the file to of what write writes.
func (s *Store) add(to string, write func(*os.File) error) error {
	f, err := s.temp(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once the file has its name
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return s.seal(f, to)
}

// temp makes a temporary file in a directory, which is made if need be.
func (s *Store) temp(dir string) (*os.File, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	defer s.hold()() // else the directory, empty still, may be removed in between
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, ".tmp-*")
}

// seal syncs and closes f and gives it the name to, which every reader may read.
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

// DefaultDir returns the directory of the store that the launcher and the
// repository rules use: RELEASE_STORE, or "store" in the launcher's cache.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("RELEASE_STORE"); dir != "" {
		return dir, nil
	}
	if dir := dirs.Cache(getenv); dir != "" {
		return filepath.Join(dir, "store"), nil
	}
	return "", errors.New("finding the store: none of RELEASE_STORE, RELEASE_CACHE, XDG_CACHE_HOME and HOME is set")
}
