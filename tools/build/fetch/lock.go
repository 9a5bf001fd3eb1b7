package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// atOnce is how many sources and files are fetched at the same time.
const atOnce = 8

// lock brings everything that a lock names into the store, but for base images.
// Errors name the lock's entries, in its order.
func (f *fetcher) lock(ctx context.Context, p paths) error {
	l, err := lock.Read(p.lock)
	if err != nil {
		return err
	}
	if f.airgap {
		var errs []error
		for i := range l.Dependencies {
			errs = append(errs, f.checkPresent(&l.Dependencies[i]))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp("", "fetch-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	jobs := []func() error{func() error { return f.fillModules(ctx, l, scratch) }}
	for i := range l.Dependencies {
		if d := &l.Dependencies[i]; d.Module == nil {
			jobs = append(jobs, func() error {
				_, err := f.bringTar(ctx, d, p.base)
				return inEntry(d.Name, err)
			})
		}
	}
	for i := range l.Files {
		file := &l.Files[i]
		jobs = append(jobs, func() error {
			want, err := digest.Parse(string(file.Digest))
			if err == nil {
				err = f.bringFile(ctx, file, want)
			}
			return inEntry(file.Title(), err)
		})
	}
	return errors.Join(parallel.Do(len(jobs), atOnce, func(i int) error { return jobs[i]() })...)
}

func inEntry(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lock entry %q: %w", name, err)
}

// fillModules brings the modules of all sources into the store.
func (f *fetcher) fillModules(ctx context.Context, l *lock.Lock, out string) error {
	var modules []lock.GoModule
	for _, d := range l.Dependencies {
		if d.Module != nil {
			modules = append(modules, lock.GoModule{Path: d.Module.Path, Version: d.Module.Version, Sum: d.Digest})
		}
		modules = append(modules, d.GoModules...)
	}
	g, done, err := f.goTool(out)
	if err != nil {
		return err
	}
	defer done()
	return g.Fill(ctx, modules)
}
