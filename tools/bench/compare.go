package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
)

const (
	compareFiles    = 24
	compareFileSize = 12 << 20 // bytes, on average
	compareGoal     = 1.1
)

// compareBenchmark compares two equal releases, against reading and hashing the
// same files on as many cores.
func compareBenchmark(files int, size int64) Benchmark {
	return Benchmark{Name: "compare", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		old, new := filepath.Join(e.Dir, "old"), filepath.Join(e.Dir, "new")
		total := int64(0)
		for _, dir := range []string{old, new} {
			n, err := compareRelease(dir, files, size)
			if err != nil {
				return nil, err
			}
			total = n
		}
		e.Notef("two equal releases of %d files, %.1f MiB each, in the page cache; both with %d workers", files, float64(total)/(1<<20), runtime.GOMAXPROCS(0))
		if err := hashFolders(ctx, old, new); err != nil { // so that neither is the first to read
			return nil, err
		}
		times, err := e.Race(ctx,
			Contender{"compare", func(ctx context.Context) error {
				r, err := compare.Trees(ctx, release.Dir(old), release.Dir(new))
				if err == nil && !r.Equal() {
					err = fmt.Errorf("comparing equal releases: got differences")
				}
				return err
			}},
			Contender{"crypto/sha256", func(ctx context.Context) error { return hashFolders(ctx, old, new) }})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("comparing two equal releases, against hashing both", times[0], times[1], compareGoal)}, nil
	}}
}

// compareRelease makes a release of files of many sizes, whose mean is given.
func compareRelease(dir string, files int, size int64) (total int64, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return 0, err
	}
	for i := range files {
		n := size * int64(2*i+1) / int64(files)
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("file%03d.bin", i)))
		if err != nil {
			return 0, err
		}
		_, err = io.CopyN(f, rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}), n)
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, sealRelease(dir)
}

// hashFolders hashes the files of directories as one would who has nothing but the
// standard library: largest first, one worker a core.
func hashFolders(ctx context.Context, dirs ...string) error {
	type file struct {
		name string
		size int64
	}
	var files []file
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return err
			}
			files = append(files, file{filepath.Join(dir, e.Name()), info.Size()})
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return int(b.size - a.size) })
	names := make(chan string)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			buf := make([]byte, 256<<10)
			for name := range names {
				if err := hashOne(name, buf); err != nil && errs[i] == nil {
					errs[i] = err
				}
			}
		})
	}
	for _, f := range files {
		names <- f.name
	}
	close(names)
	group.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return err
		}
	}
	return nil
}

func hashOne(name string, buf []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{sha256.New()}, struct{ io.Reader }{f}, buf)
	return err
}
