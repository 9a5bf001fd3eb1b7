package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
)

// The chart benchmark's corpus and goal.
const (
	chartBytes    = 120_000_000
	chartGoal     = 1.2     // times the time of the bare compressor
	chartMaxFile  = 5 << 20 // bytes: Helm loads no larger file
	chartMetadata = "name: corpus\nversion: 0.0.0 # replaced\nappVersion: 0.0.0\n"
)

// chartBenchmark returns the benchmark of packing a chart, against compressing the same files.
func chartBenchmark(corpusBytes int64) Benchmark {
	return Benchmark{
		Name: "chart",
		Run: func(ctx context.Context, e *Env) ([]Row, error) {
			b := &chartBench{dir: filepath.Join(e.Dir, "corpus"), out: e.Dir}
			if err := b.prepare(ctx, e, corpusBytes); err != nil {
				return nil, err
			}
			samples, err := e.Race(ctx, Contender{"chart", b.pack}, Contender{"compressor alone", b.compress})
			if err != nil {
				return nil, err
			}
			return []Row{AtMostTimes("time, against the compressor alone", samples[0], samples[1], chartGoal)}, nil
		},
	}
}

type chartBench struct {
	dir, out string
	files    []string // names on disk
}

func (b *chartBench) args() helmchart.PackArgs {
	return helmchart.PackArgs{
		Name: "corpus", Version: "1.2.3", AppVersion: "1.2.3", Files: map[string]string{".": b.dir}, ModTime: time.Unix(1_700_000_000, 0),
		Values: map[string][]yamledit.Edit{"values.yaml": {{Path: "image.hub", Value: "registry.example"}, {Path: "image.tag", Value: "1.2.3"}}},
		Out:    filepath.Join(b.out, "corpus-1.2.3.tgz"),
	}
}

// prepare writes a chart of files that Helm would load, and its tar.
func (b *chartBench) prepare(ctx context.Context, e *Env, corpusBytes int64) error {
	files, _, err := makeCorpus(ctx, b.dir, corpusBytes)
	if err != nil {
		return err
	}
	var total int64
	for _, f := range files {
		name := filepath.Join(b.dir, filepath.FromSlash(f.Path))
		if f.Size > chartMaxFile {
			if err := os.Remove(name); err != nil {
				return err
			}
			continue
		}
		total += f.Size
		b.files = append(b.files, name)
	}
	e.Notef("chart: %d files, %.0f MB", len(b.files), float64(total)/1e6)
	for name, content := range map[string]string{"Chart.yaml": chartMetadata, "values.yaml": "image:\n  hub: \"\"\n  tag: latest # replaced\n"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (b *chartBench) pack(ctx context.Context) error { return helmchart.Pack(ctx, b.args()) }

// compress compresses the files one after the other, with the same compressor.
func (b *chartBench) compress(context.Context) error {
	out, err := os.Create(filepath.Join(b.out, "compressed.gz"))
	if err != nil {
		return err
	}
	z := archive.NewGzipWriter(out)
	for _, name := range b.files {
		if err = copyInto(z, name); err != nil {
			break
		}
	}
	if err := errors.Join(err, z.Close(), out.Close()); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	return nil
}
