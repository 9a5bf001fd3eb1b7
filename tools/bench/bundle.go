package main

import (
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

	"github.com/jasonwzm/release-builder/tools/internal/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/store"
)

const (
	bundleGoal    = 1.2       // of the time of tar and sha256sum
	bundleModules = 200       // content of modules; some are large, most are small
	bundleBytes   = 300 << 20 // of the store, in sum
)

// bundleBench packs a store into a bundle, in which the digest of each entry is, and
// which is on the disk when that ends. The peer packs the same files and takes one
// SHA-256 of all, and leaves it to the system when they are on the disk.
type bundleBench struct {
	dir   string
	store *store.Store
	lock  *lock.Lock
	rand  *rand.ChaCha8
}

func bundleBenchmark(modules int, size int64) Benchmark {
	return Benchmark{Name: "bundle", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("tar", "sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		s, err := store.Open(filepath.Join(e.Dir, "store"))
		if err != nil {
			return nil, err
		}
		b := &bundleBench{dir: e.Dir, store: s, rand: rand.NewChaCha8([32]byte{})}
		if err := b.fill(modules, size); err != nil {
			return nil, err
		}
		e.Notef("store: a Go SDK and %d modules, %.0f MiB", modules, float64(size)/(1<<20))
		times, err := e.Race(ctx,
			Contender{"pack", b.pack},
			Contender{"tar -cf && sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, b.dir, nil, "sh", "-c", "tar -cf peer.tar -C store . && sha256sum peer.tar")
				return errors.Join(err, os.Remove(filepath.Join(b.dir, "peer.tar")))
			}})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("store to bundle, against tar -cf and sha256sum", times[0], times[1], bundleGoal)}, nil
	}}
}

// fill makes a store: a quarter is the SDK, half of the rest a tenth of the modules.
func (b *bundleBench) fill(modules int, size int64) error {
	sdk, _, err := b.store.PutBlob(b.noise(size / 4))
	if err != nil {
		return err
	}
	dep := lock.Dependency{Name: "app", Primary: true, Digest: string(sdk), Git: &lock.Git{}}
	rest := size - size/4
	large := max(1, modules/10)
	for i := range modules {
		share := rest / 2 / int64(max(1, modules-large))
		if i < large {
			share = rest / 2 / int64(large)
		}
		m := lock.GoModule{Path: "example.com/m" + strconv.Itoa(i), Version: "v1.0.0", Sum: "h1:none"}
		if err := b.store.PutModule(module.Version{Path: m.Path, Version: m.Version}, ".zip", func(f *os.File) error {
			_, err := io.Copy(f, b.noise(share))
			return err
		}); err != nil {
			return err
		}
		dep.GoModules = append(dep.GoModules, m)
	}
	b.lock = &lock.Lock{Version: "1.0.0", Time: time.Unix(0, 0), Dependencies: []lock.Dependency{dep},
		Toolchain: lock.Toolchain{Go: lock.GoSDK{Archives: map[string]lock.Archive{"linux_amd64": {SHA256: sdk}}}}}
	return nil
}

// noise does not compress, as what is in a store does not.
func (b *bundleBench) noise(size int64) io.Reader { return io.LimitReader(b.rand, size) }

func (b *bundleBench) pack(ctx context.Context) error {
	out := filepath.Join(b.dir, "bundle.tar")
	line := bundle.LockedLine{Name: "bench", Lock: b.lock, Digest: digest.FromBytes(nil)}
	_, err := bundle.Pack(ctx, bundle.Args{Out: out, Store: b.store, Lines: []bundle.LockedLine{line}, Platforms: []string{"linux_amd64"}})
	return errors.Join(err, os.Remove(out))
}
