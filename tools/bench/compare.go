package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
)

const (
	compareBytes = 300_000_000
	compareGoal  = 1.1
)

// compareBenchmark compares two equal releases. The peer reads and hashes the same files on as
// many cores.
func compareBenchmark(size int64) Benchmark {
	return Benchmark{Name: "compare", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		old, new := filepath.Join(e.Dir, "old"), filepath.Join(e.Dir, "new")
		files, total, err := makeCorpus(ctx, old, size)
		if err == nil {
			err = sealRelease(old)
		}
		if err == nil {
			err = os.CopyFS(new, os.DirFS(old))
		}
		if err != nil {
			return nil, err
		}
		e.Notef("two equal releases of %d files, %.1f MiB each, in the page cache; both with %d workers", len(files), float64(total)/(1<<20), runtime.GOMAXPROCS(0))
		if err := hashTrees(ctx, old, new); err != nil { // so that both find the files in the page cache
			return nil, err
		}
		times, err := e.Race(ctx,
			Contender{"compare", func(ctx context.Context) error {
				r, err := compare.Trees(ctx, release.Dir(old), release.Dir(new))
				if err == nil && !r.Equal() {
					err = errors.New("comparing equal releases: got differences")
				}
				return err
			}},
			Contender{"crypto/sha256", func(ctx context.Context) error { return hashTrees(ctx, old, new) }})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("comparing two equal releases, against hashing both", times[0], times[1], compareGoal)}, nil
	}}
}

// hashTrees hashes the files of directories, with one worker for each core.
func hashTrees(ctx context.Context, dirs ...string) error {
	var files []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("listing %q: %w", dir, err)
		}
	}
	return parallel.DoAll(ctx, len(files), runtime.GOMAXPROCS(0), func(_ context.Context, i int) error {
		_, _, err := digest.FromFile(files[i])
		return err
	})
}
