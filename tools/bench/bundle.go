package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// bundleBench packs what a real bundle has, in the proportions of toolbox's: 5/6 root,
// 1/24 Go SDK, 1/8 modules. The bundle has the digest of each entry, and is on the disk
// when that ends; modules are unpacked too, and compared with their h1 sums. The peer
// packs the same files, takes one SHA-256 of all, compares nothing, and leaves it to
// the system when they are on the disk.
type bundleBench struct {
	dir    string
	store  *store.Store
	root   string
	lock   *lock.Lock
	rand   *rand.ChaCha8
	source *source
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
		b := &bundleBench{dir: e.Dir, store: s, root: filepath.Join(e.Dir, "bazel-0-0000000000000000"), rand: rand.NewChaCha8([32]byte{})}
		if b.source, err = newSource(b.rand); err != nil {
			return nil, err
		}
		files, err := b.fillRoot(size / 6 * 5)
		if err == nil {
			err = b.fillStore(size / 6)
		}
		if err != nil {
			return nil, err
		}
		e.Notef("%.0f MiB: a root of %d files, a Go SDK, %d modules", float64(size)/(1<<20), files, len(b.lock.Dependencies[0].GoModules))
		times, err := e.Race(ctx,
			Contender{"pack", b.pack},
			Contender{"tar -cf && sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, b.dir, nil, "sh", "-c", "tar -cf peer.tar store bazel-0-* && sha256sum peer.tar")
				return errors.Join(err, os.Remove(filepath.Join(b.dir, "peer.tar")))
			}})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("store and root to bundle, against tar -cf and sha256sum", times[0], times[1], bundleGoal)}, nil
	}}
}

// fillRoot makes a root. One in a hundred of its files has half of the bytes.
func (b *bundleBench) fillRoot(size int64) (files int, err error) {
	const mean = 50 << 10 // bytes, about what a real one has
	files = int(max(100, size/mean))
	for i := range files {
		share := size / 2 / int64(files)
		if i%100 == 0 {
			share *= 100
		}
		name := filepath.Join(b.root, "usr", "lib", strconv.Itoa(i%97), strconv.Itoa(i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return 0, err
		}
		data, err := io.ReadAll(b.noise(share))
		if err == nil {
			err = os.WriteFile(name, data, 0o644)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := os.Mkdir(filepath.Join(b.root, "etc"), 0o755); err != nil {
		return 0, err
	}
	return files, os.WriteFile(filepath.Join(b.root, bundle.PackagesName), []byte("{}\n"), 0o644)
}

// fillStore makes a store: a quarter is the SDK, and half of the rest a tenth of the
// modules.
func (b *bundleBench) fillStore(size int64) error {
	const mean = 400 << 10 // bytes of a module's zip
	sdk, _, err := b.store.PutBlob(b.noise(size / 4))
	if err != nil {
		return err
	}
	dep := lock.Dependency{Name: "app", Primary: true, Digest: string(sdk), Git: &lock.Git{}}
	rest := size - size/4
	modules := max(20, rest/mean)
	large := modules / 10
	for i := range modules {
		share := rest / 2 / (modules - large)
		if i < large {
			share = rest / 2 / large
		}
		m, err := b.module("example.com/m"+strconv.FormatInt(i, 10), share)
		if err != nil {
			return err
		}
		dep.GoModules = append(dep.GoModules, m)
	}
	b.lock = &lock.Lock{Version: "1.0.0", Time: time.Unix(0, 0), Dependencies: []lock.Dependency{dep},
		Toolchain: lock.Toolchain{Go: lock.GoSDK{Archives: map[string]lock.Archive{"linux_amd64": {SHA256: sdk}}}}}
	return nil
}

// source is a Go file of which the zips are made: compressed once, it is in them many
// times. Text of words compresses about as well as sources do.
type source struct {
	header zip.FileHeader
	data   []byte
}

func newSource(seed *rand.ChaCha8) (*source, error) {
	r := rand.New(seed)
	words := make([]string, 2000)
	for i := range words {
		words[i] = strconv.FormatUint(r.Uint64N(1<<40), 36)
	}
	var text, packed strings.Builder
	for text.Len() < 64<<10 {
		fmt.Fprint(&text, words[int(math.Pow(float64(len(words)), r.Float64()))-1], " ")
	}
	w, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err == nil {
		_, err = io.WriteString(w, text.String())
	}
	if err == nil {
		err = w.Close()
	}
	return &source{zip.FileHeader{
		Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(text.String())),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(text.Len()),
	}, []byte(packed.String())}, err
}

// module puts a module into the store whose zip has about size bytes.
func (b *bundleBench) module(path string, size int64) (lock.GoModule, error) {
	m := lock.GoModule{Path: path, Version: "v1.0.0"}
	v := module.Version{Path: m.Path, Version: m.Version}
	err := b.store.PutModule(v, ".zip", func(f *os.File) error {
		z := zip.NewWriter(f)
		for i := 0; i == 0 || int64(i*len(b.source.data)) < size; i++ {
			h := b.source.header
			h.Name = v.String() + "/f" + strconv.Itoa(i) + ".go"
			w, err := z.CreateRaw(&h)
			if err == nil {
				_, err = w.Write(b.source.data)
			}
			if err != nil {
				return err
			}
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

// noise does not compress, as an SDK's archive does not.
func (b *bundleBench) noise(size int64) io.Reader { return io.LimitReader(b.rand, size) }

func (b *bundleBench) pack(ctx context.Context) error {
	out := filepath.Join(b.dir, "bundle.tar")
	line := needs.Line{Name: "bench", Lock: b.lock, Digest: digest.FromBytes(nil)}
	_, err := bundle.Pack(ctx, bundle.Args{Out: out, Store: b.store, Lines: []needs.Line{line}, Platforms: []string{"linux_amd64"}, Root: b.root})
	return errors.Join(err, os.Remove(out))
}
