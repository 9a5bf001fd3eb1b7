package fill

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Need is a file of the store that builds read.
type Need struct {
	// Path is slash-separated, relative to the store's directory.
	Path string
	// What describes it, such as "zip of example.com/m@v1.0.0".
	What string
	// Digest is the digest in the file's name or in a lock; empty for the file of a module.
	Digest digest.Digest
	// Module is the module of a module's file, as path@version, and Sum the h1 sum
	// that pins its content (golang.org/x/mod/sumdb/dirhash.Hash1).
	Module string
	Sum    string
}

// Pin returns the digest or the h1 sum that pins the content of the file.
func (n *Need) Pin() string { return cmp.Or(string(n.Digest), n.Sum, "no digest") }

// Check returns an error that wraps [store.ErrMissing] if the store lacks the file.
func (n *Need) Check(s *store.Store) error {
	info, err := s.Stat(filepath.Join(s.Dir(), filepath.FromSlash(n.Path)))
	if err == nil && info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s, %s, %w %q", n.What, n.Pin(), store.ErrMissing, s.Dir())
}

// Blob returns the need for a file with a digest.
func Blob(s *store.Store, d digest.Digest, what string) Need {
	return Need{Path: relative(s, s.BlobPath(d)), What: what, Digest: d}
}

// OCIBlob returns the need for a blob of a base image.
func OCIBlob(s *store.Store, d digest.Digest) Need {
	return Need{Path: relative(s, s.OCIBlobPath(d)), What: "blob of a base image", Digest: d}
}

// relative returns a path in the store relative to the store.
func relative(s *store.Store, name string) string {
	rel, err := filepath.Rel(s.Dir(), name)
	if err != nil {
		rel = name // cannot happen: both begin the same
	}
	return filepath.ToSlash(rel)
}

// Module returns the files of a module that have sums. Its .info has none, and no build
// reads it.
func Module(s *store.Store, m lock.GoModule) ([]Need, error) {
	v := module.Version{Path: m.Path, Version: m.Version}
	var list []Need
	for _, f := range []struct{ ext, sum string }{{".zip", m.Sum}, {".mod", m.GoModSum}} {
		if f.sum == "" {
			continue
		}
		name, err := s.ModuleFile(v, f.ext)
		if err != nil {
			return nil, err
		}
		list = append(list, Need{Path: relative(s, name), What: f.ext[1:] + " of " + v.String(), Module: v.String(), Sum: f.sum})
	}
	return list, nil
}

// Dependency returns what a build of an entry of a lock reads.
func Dependency(s *store.Store, d *lock.Dependency) ([]Need, error) {
	var list []Need
	if d.Module == nil {
		want, err := digest.Parse(d.Digest)
		if err != nil {
			return nil, err
		}
		what := "tar of " + d.Name
		if d.Git != nil {
			what = "tar of " + d.Git.URL + "@" + d.Git.Commit
		}
		list = append(list, Blob(s, want, what))
	}
	for _, m := range d.Modules() {
		files, err := Module(s, m)
		if err != nil {
			return nil, err
		}
		list = append(list, files...)
	}
	return list, nil
}

// Check returns an error for each file of an entry that the store lacks and that can only
// be fetched from the network.
func (f *Filler) Check(d *lock.Dependency) error {
	list, err := Dependency(f.Store, d)
	errs := []error{InEntry(d.Name, err)}
	for _, n := range list {
		if d.Local == nil || n.Module != "" {
			errs = append(errs, InEntry(d.Name, n.Check(f.Store)))
		}
	}
	return hint.With(errors.Join(errs...), MissingHint)
}
