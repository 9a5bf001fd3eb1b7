package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/check/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

const (
	bundleGoal  = 1.2       // of the time of tar and sha256sum
	bundleBytes = 600 << 20 // of store and root, in sum
)

// bundleBench packs files in the proportions of toolbox's bundle: 5/6 root, 1/24 Go SDK, 1/8
// modules. The bundle has the digest of each entry and is synced to disk; modules are also
// unpacked and checked against their h1 sums. The peer packs the same files, takes one SHA-256
// of everything, checks nothing, and does not sync.
// the system when they are on the disk.
type bundleBench struct {
	dir   string
	store *store.Store
	root  string
	files []corpusFile // of the root; the modules consist of them too
	lock  *lock.Lock
}

func bundleBenchmark(size int64) Benchmark {
	return Benchmark{Name: "bundle", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("tar", "sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		s, err := store.Open(filepath.Join(e.Dir, "store"))
		if err != nil {
			return nil, err
		}
		b := &bundleBench{dir: e.Dir, store: s, root: filepath.Join(e.Dir, "bazel-0-0000000000000000")}
		if err := os.MkdirAll(filepath.Join(b.root, "etc"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(b.root, bundle.PackagesName), []byte("{}\n"), 0o644); err != nil {
			return nil, err
		}
		if b.files, _, err = makeCorpus(ctx, filepath.Join(b.root, "usr"), size/6*5); err != nil {
			return nil, err
		}
		if err := b.fillStore(size / 6); err != nil {
			return nil, err
		}
		e.Notef("%.0f MiB: a root of %d files, a Go SDK, %d modules", float64(size)/(1<<20), len(b.files), len(b.lock.Dependencies[0].GoModules))
		times, err := e.Race(ctx,
			Contender{"pack", b.pack},
			Contender{"tar -cf && sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, b.dir, "sh", "-c", "tar -cf peer.tar store bazel-0-* && sha256sum peer.tar && rm peer.tar")
				return err
			}})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("store and root to bundle, against tar -cf and sha256sum", times[0], times[1], bundleGoal)}, nil
	}}
}

// fillStore makes a store. A quarter of it is the SDK, which does not compress.
func (b *bundleBench) fillStore(size int64) error {
	const mean = 400 << 10 // bytes of a module's zip
	sdk, _, err := b.store.PutBlob(io.LimitReader(rand.NewChaCha8([32]byte{}), size/4))
	if err != nil {
		return err
	}
	dep := lock.Dependency{Name: "app", Primary: true, Digest: string(sdk), Git: &lock.Git{}}
	for i := range max(1, (size-size/4)/mean) {
		m, err := b.module("example.com/m"+strconv.FormatInt(i, 10), mean)
		if err != nil {
			return err
		}
		dep.GoModules = append(dep.GoModules, m)
	}
	b.lock = &lock.Lock{Version: "1.0.0", Time: time.Unix(0, 0), Dependencies: []lock.Dependency{dep},
		Toolchain: lock.Toolchain{Go: lock.GoSDK{Archives: map[string]lock.Archive{"linux_amd64": {SHA256: sdk}}}}}
	return nil
}

// module adds a module to the store. Its zip has at least size bytes, from the last files of
// the root, which are sources.
func (b *bundleBench) module(path string, size int64) (lock.GoModule, error) {
	m := lock.GoModule{Path: path, Version: "v1.0.0"}
	v := module.Version{Path: m.Path, Version: m.Version}
	err := b.store.PutModule(v, ".zip", func(f *os.File) error {
		z := zip.NewWriter(f)
		for i, left := len(b.files)-1, 3*size; left > 0 && i >= 0; i-- {
			data, err := os.ReadFile(filepath.Join(b.root, "usr", filepath.FromSlash(b.files[i].Path)))
			if err != nil {
				return err
			}
			w, err := z.Create(v.String() + "/f" + strconv.Itoa(i) + ".go")
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				return err
			}
			left -= int64(len(data))
		}
		return z.Close()
	})
	if err != nil {
		return m, err
	}
	name, err := b.store.ModuleFile(v, ".zip")
	if err == nil {
		m.Sum, err = gomod.HashZip(name)
	}
	return m, err
}

func (b *bundleBench) pack(ctx context.Context) error {
	out := filepath.Join(b.dir, "bundle.tar")
	line := needs.Line{Name: "bench", Lock: b.lock, Digest: digest.FromBytes(nil)}
	_, err := bundle.Pack(ctx, bundle.Args{Out: out, Store: b.store, Lines: []needs.Line{line}, Platforms: []string{"linux_amd64"}, Root: b.root})
	return errors.Join(err, os.Remove(out))
}
