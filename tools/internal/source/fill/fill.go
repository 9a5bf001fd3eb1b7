// Package fill knows what the entries of a lock need, and fetches it into the store.
// Repository rules compile it before anything else, so it imports the standard library and
// golang.org/x/mod only. Package baseimage fetches base images.
package fill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

// Filler fetches what a store lacks from the origins in a lock.
type Filler struct {
	Store     *store.Store
	GoCommand string // path of the go command
	Dir       string // the manifest's directory: paths are relative to it
	Offline   bool   // use no network: an error names what the store lacks
	// Log prints a line for each request to a module proxy that is repeated. It may be nil.
	Log func(format string, args ...any)
}

// atOnce is the number of sources and files that are fetched at the same time.
const atOnce = 8

// MissingHint says what to do if the store lacks something and there is no network.
const MissingHint = "run the build once without --config=airgap, or unpack a bundle into the store"

// Lock fetches everything that a lock names and the store lacks, except base images. Errors
// name the lock's entries, in its order.
func (f *Filler) Lock(ctx context.Context, l *lock.Lock) error {
	if f.Offline {
		return f.check(ctx, l)
	}
	scratch, err := os.MkdirTemp("", "fill-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	jobs := []func() error{func() error { return f.modules(ctx, l, scratch) }}
	for i := range l.Dependencies {
		if d := &l.Dependencies[i]; d.Module == nil {
			jobs = append(jobs, func() error {
				_, err := f.Tar(ctx, d)
				return InEntry(d.Name, err)
			})
		}
	}
	for i := range l.Files {
		file := &l.Files[i]
		jobs = append(jobs, func() error {
			_, err := f.File(ctx, file)
			return InEntry(file.Title(), err)
		})
	}
	return errors.Join(parallel.Do(len(jobs), atOnce, func(i int) error { return jobs[i]() })...)
}

// check returns an error for each file that the store lacks.
func (f *Filler) check(ctx context.Context, l *lock.Lock) error {
	var errs []error
	for i := range l.Dependencies {
		errs = append(errs, f.Check(&l.Dependencies[i]))
	}
	for i := range l.Files {
		file := &l.Files[i]
		_, err := f.File(ctx, file)
		errs = append(errs, InEntry(file.Title(), err))
	}
	return errors.Join(errs...)
}

// InEntry adds to an error which entry of a lock it is about.
func InEntry(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lock entry %q: %w", name, err)
}

// Go returns a go command that uses an empty directory as its module cache.
func (f *Filler) Go(cache string) *gomod.Go {
	return &gomod.Go{Command: f.GoCommand, Store: f.Store, Cache: cache, Offline: f.Offline, Log: f.Log}
}

// modules fetches the modules of all sources.
func (f *Filler) modules(ctx context.Context, l *lock.Lock, scratch string) error {
	var modules []lock.GoModule
	for i := range l.Dependencies {
		modules = append(modules, l.Dependencies[i].Modules()...)
	}
	return f.Go(filepath.Join(scratch, "modcache")).Fill(ctx, modules)
}

// File fetches a file that a lock pins, if the store lacks it, and returns its digest.
func (f *Filler) File(ctx context.Context, entry *lock.File) (digest.Digest, error) {
	want, err := digest.Parse(string(entry.Digest))
	if err != nil {
		return "", err
	}
	if f.Offline && !f.Store.HasBlob(want) {
		return "", hint.With(fmt.Errorf("%q, %s, %w %q", entry.URL, want, store.ErrMissing, f.Store.Dir()), MissingHint)
	}
	err = f.Store.Bring(ctx, want, download.Args{URL: entry.URL})
	if wrong := (*store.MismatchError)(nil); errors.As(err, &wrong) {
		err := fmt.Errorf("digest of %q: got %s, want %s", entry.URL, wrong.Got, wrong.Want)
		return "", hint.With(err, "the file changed after it was pinned: run tools/bazel run //release:resolve")
	}
	return want, err
}
