package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// The pack benchmark's corpus and goals.
const (
	packCorpusBytes = 500_000_000
	packSpeedGoal   = 2.5  // times as fast as the peer, on 2 CPUs
	packZipGoal     = 2.0  // the same for zip: level 6 searches less in files smaller than its window
	packSizeGoal    = 1.03 // of the standard library's size at level 6
	packCommand     = "github.com/jasonwzm/release-builder/tools/build/pack"
)

// packBench packs the corpus into an archive and takes its SHA-256: with the pack command, in
// its own process, and with the peers.
type packBench struct {
	format  string
	dir     string
	corpus  string
	entries string // file
	command string // the pack command
	files   []corpusFile
}

// packBenchmark returns the benchmark for tar.gz or zip.
func packBenchmark(format string, corpusBytes int64) Benchmark {
	return Benchmark{
		Name: "pack/" + format,
		Run: func(ctx context.Context, e *Env) ([]Row, error) {
			b, err := newPackBench(ctx, e, format, corpusBytes)
			if err != nil {
				return nil, err
			}
			return b.run(ctx, e)
		},
	}
}

func newPackBench(ctx context.Context, e *Env, format string, corpusBytes int64) (*packBench, error) {
	b := &packBench{format: format, dir: e.Dir, corpus: filepath.Join(e.Dir, "corpus"), entries: filepath.Join(e.Dir, "entries.json")}
	e.Logf("building the pack command and the corpus")
	var total int64
	var err error
	if b.command, err = goBuild(ctx, e.Dir, packCommand); err != nil {
		return nil, err
	}
	if b.files, total, err = makeCorpus(ctx, b.corpus, corpusBytes); err != nil {
		return nil, err
	}
	type entry struct {
		Path   string `json:"path"`
		Source string `json:"source"`
		Mode   string `json:"mode"`
	}
	var entries []entry
	for _, f := range b.files {
		entries = append(entries, entry{f.Path, filepath.Join(b.corpus, filepath.FromSlash(f.Path)), fmt.Sprintf("%04o", f.Mode)})
	}
	last, _, _ := strings.Cut(b.files[len(b.files)-1].Path, "/")
	e.Notef("corpus: %d files, %.0f MB: bin, pkg/tool and src of Go, repeated up to %s (the last one in part)",
		len(b.files), float64(total)/1e6, last)
	return b, jsonfile.Write(b.entries, entries)
}

func (b *packBench) run(ctx context.Context, e *Env) ([]Row, error) {
	ours := Contender{"pack " + b.format, b.pack}
	std := Contender{"standard library " + b.format, b.standard}
	contenders := []Contender{ours, std}
	if b.format == "tar.gz" {
		if missing := missingPrograms("tar", "gzip", "sha256sum"); missing != "" {
			e.Notef("not measured: tar -czf, as this machine has no %s", missing)
		} else {
			contenders = append(contenders, Contender{"tar -czf && sha256sum", b.tar})
		}
	}
	samples, err := e.Race(ctx, contenders...)
	if err != nil {
		return nil, err
	}
	goal := packSpeedGoal
	if b.format == "zip" {
		goal = packZipGoal
	}
	rows := []Row{Faster("time, against the standard library, level 6", samples[0], samples[1], goal)}
	if len(samples) > 2 {
		rows = append(rows, Faster("time, against tar -czf and sha256sum", samples[0], samples[2], packSpeedGoal))
	}
	oursSize, err := b.size("ours")
	if err != nil {
		return nil, err
	}
	stdSize, err := b.size("standard")
	if err != nil {
		return nil, err
	}
	return append(rows, Smaller("size, against the standard library, level 6", oursSize, stdSize, packSizeGoal)), nil
}

// pack runs the pack command.
func (b *packBench) pack(ctx context.Context) error {
	out := b.file("ours")
	_, err := runIn(ctx, "", b.command, "-format", b.format, "-entries", b.entries, "-mtime", "1700000000", "-out", out, "-sha256", out+".sha256")
	return err
}

// tar does the same with tar, gzip and sha256sum.
func (b *packBench) tar(ctx context.Context) error {
	_, err := runIn(ctx, b.dir, "sh", "-c", "tar -C corpus -czf tar.tar.gz . && sha256sum tar.tar.gz")
	return err
}

func (b *packBench) file(name string) string { return filepath.Join(b.dir, name+"."+b.format) }

func (b *packBench) size(name string) (float64, error) {
	info, err := os.Stat(b.file(name))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// findPeer returns the path of a peer's program, on PATH or in the directory RELEASE_READERS, or
// "" if it is not installed.
func findPeer(name string) string {
	path, err := exec.LookPath(name)
	if dir := os.Getenv("RELEASE_READERS"); err != nil && dir != "" {
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	if err != nil {
		return ""
	}
	return path
}

// missingPrograms returns the programs that this machine lacks.
func missingPrograms(programs ...string) string {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return strings.Join(missing, ", ")
}
