package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// The layer benchmark's input and goals.
const (
	layerBytes      = 300_000_000
	layerSpeedGoal  = 0.85 // of the compressor's throughput
	layerMemoryGoal = 256 << 20
	layerCommand    = "github.com/jasonwzm/release-builder/tools/build/image"
)

// layerBench writes an image layer with the image command: a tar, gzip, the digests of both, and the
// descriptor. The peer only compresses the same files. Each is a process of its own.
type layerBench struct {
	dir     string
	command string
	entries string // file
	peer    compressor
}

func layerBenchmark(size int64) Benchmark {
	return Benchmark{Name: "layer", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b, err := newLayerBench(ctx, e, size)
		if err != nil {
			return nil, err
		}
		layer := func(ctx context.Context) error {
			return b.layer(ctx, func(cmd *exec.Cmd) error { return cmd.Run() })
		}
		times, err := e.Race(ctx, Contender{"image layer", layer}, Contender{"the compressor alone", b.peer.run})
		if err != nil {
			return nil, err
		}
		rows := []Row{Faster("time, against the compressor alone", times[0], times[1], layerSpeedGoal)}
		// Not in the race: looking at the memory of a process takes time from it.
		var memory Sample
		for range e.Count {
			err := b.layer(ctx, func(cmd *exec.Cmd) error {
				peak, err := runPeak(cmd)
				if peak > 0 {
					memory = append(memory, peak)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		if len(memory) == 0 {
			e.Notef("not measured: memory, as %s does not tell", runtime.GOOS)
			return rows, nil
		}
		peak := slices.Max(memory)
		return append(rows, Row{What: "peak memory", Unit: bytes, Ours: memory, Peer: Sample{layerMemoryGoal}, Ratio: peak / layerMemoryGoal,
			Goal: "at most the 256 MiB", Pass: peak <= layerMemoryGoal}), nil
	}}
}

func newLayerBench(ctx context.Context, e *Env, size int64) (*layerBench, error) {
	b := &layerBench{dir: e.Dir, entries: filepath.Join(e.Dir, "entries.json")}
	e.Logf("building the image command and the files")
	var err error
	if b.command, err = goBuild(ctx, e.Dir, layerCommand); err != nil {
		return nil, err
	}
	corpus := filepath.Join(e.Dir, "corpus")
	files, total, err := makeCorpus(ctx, corpus, size/2)
	if err != nil {
		return nil, err
	}
	noise := corpusFile{Path: "noise", Mode: 0o644, Size: size - total}
	if err := writeNoise(filepath.Join(corpus, noise.Path), noise.Size); err != nil {
		return nil, err
	}
	type entry struct {
		Path   string `json:"path"`
		Source string `json:"source"`
		Mode   string `json:"mode"`
	}
	var entries []entry
	var names []string // in the order of the layer
	files = append(files, noise)
	slices.SortFunc(files, func(a, b corpusFile) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		name := filepath.Join(corpus, filepath.FromSlash(f.Path))
		names = append(names, name)
		entries = append(entries, entry{f.Path, name, fmt.Sprintf("%04o", f.Mode)})
	}
	e.Notef("%d files, %.0f MB: half of it of Go, half of it random", len(files), float64(size)/1e6)
	if b.peer, err = newCompressor(ctx, e.Dir, "gzip", names); err != nil {
		return nil, err
	}
	return b, jsonfile.Write(b.entries, entries)
}

// writeNoise writes a file that cannot be compressed.
func writeNoise(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Close())
}

// layer makes a layer with the image command, which run runs.
func (b *layerBench) layer(ctx context.Context, run func(*exec.Cmd) error) error {
	out := filepath.Join(b.dir, "layer.tar.gz")
	if err := os.RemoveAll(out); err != nil { // a build has no output of before, which a rename would flush
		return err
	}
	cmd := environ.Command(ctx, environ.User(), b.command, "layer", "--entries", b.entries, "--mtime", "1700000000", "--out", out, "--descriptor", out+".json")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := run(cmd); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(said.String()))
	}
	return nil
}
