package lock

import (
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// Each entry of a lock has a digest of its other fields, its seal. Repository rules see one
// entry and not the whole lock; the seal shows them an entry that was edited or damaged.

// Seal sets the entries' digests. A later change to an entry breaks its seal.
func (l *Lock) Seal() {
	for i := range l.Dependencies {
		l.Dependencies[i].Seal()
	}
	for i := range l.Images {
		l.Images[i].Seal()
	}
	for i := range l.Files {
		l.Files[i].Seal()
	}
}

// Seal sets the entry's digest.
func (d *Dependency) Seal() { d.EntryDigest = d.sum() }

// Seal sets the entry's digest.
func (i *Image) Seal() { i.EntryDigest = i.sum() }

// Seal sets the entry's digest.
func (f *File) Seal() { f.EntryDigest = f.sum() }

// CheckSeal compares the entry with its digest.
func (d *Dependency) CheckSeal() error { return checkSeal(d.Name, d.sum(), d.EntryDigest) }

// CheckSeal compares the entry with its digest.
func (i *Image) CheckSeal() error { return checkSeal(i.Name, i.sum(), i.EntryDigest) }

// CheckSeal compares the entry with its digest.
func (f *File) CheckSeal() error { return checkSeal(f.Title(), f.sum(), f.EntryDigest) }

// Title names the entry for people: its name, and its platform if it has one.
func (f *File) Title() string {
	if f.Platform == "" {
		return f.Name
	}
	return f.Name + " " + f.Platform
}

func (d Dependency) sum() digest.Digest {
	d.EntryDigest = ""
	return sum(d)
}

func (i Image) sum() digest.Digest {
	i.EntryDigest = ""
	return sum(i)
}

func (f File) sum() digest.Digest {
	f.EntryDigest = ""
	return sum(f)
}

// sum returns the digest of an entry's canonical JSON.
func sum(entry any) digest.Digest {
	data, err := jsonfile.Marshal(entry)
	if err != nil {
		return "" // every entry can be encoded
	}
	return digest.FromBytes(data)
}

func checkSeal(name string, got, want digest.Digest) error {
	if got == want && want != "" {
		return nil
	}
	err := fmt.Errorf("lock entry %q: digest of the entry: got %s, want %s", name, got, orNone(want))
	return hint.With(err, "the lock was changed after it was resolved: restore it, or run tools/bazel run //release:resolve")
}

func orNone(d digest.Digest) string {
	if d == "" {
		return "none"
	}
	return string(d)
}

// checkSeals compares all entries with their digests.
func (l *Lock) checkSeals() error {
	var errs []error
	for i := range l.Dependencies {
		errs = append(errs, l.Dependencies[i].CheckSeal())
	}
	for i := range l.Images {
		errs = append(errs, l.Images[i].CheckSeal())
	}
	for i := range l.Files {
		errs = append(errs, l.Files[i].CheckSeal())
	}
	return errors.Join(errs...)
}
