package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// The pack benchmark's corpus and goals.
const (
	packCorpusBytes = 500_000_000
	packSpeedGoal   = 2.5       // times as fast as the peer, on 2 CPUs
	packZipGoal     = 2.0       // the same for a zip: level 6 searches less in files that fit into its window
	packSizeGoal    = 1.03      // of the standard library's size at level 6
	packMemoryGoal  = 256 << 20 // bytes of resident memory
	packCommand     = "github.com/jasonwzm/release-builder/tools/build/pack"
)

// packBench packs the corpus into an archive and takes its SHA-256: with the pack
// command, in a process of its own, and with the peers.
type packBench struct {
	format  string
	dir     string
	corpus  string
	entries string // file
	command string // the pack command
	files   []corpusFile

	peaks Sample // bytes of resident memory of each run of the command
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
	root, err := goroot(ctx)
	if err != nil {
		return nil, err
	}
	b := &packBench{format: format, dir: e.Dir, corpus: filepath.Join(e.Dir, "corpus"), entries: filepath.Join(e.Dir, "entries.json")}
	e.Logf("building the pack command and the corpus")
	if b.command, err = goBuild(ctx, e.Dir, packCommand); err != nil {
		return nil, err
	}
	if b.files, err = makeCorpus(ctx, corpusArgs{Dir: b.corpus, GOROOT: root, Bytes: corpusBytes}); err != nil {
		return nil, err
	}
	type entry struct {
		Path   string `json:"path"`
		Source string `json:"source"`
		Mode   string `json:"mode"`
	}
	var entries []entry
	var total int64
	for _, f := range b.files {
		entries = append(entries, entry{f.Path, filepath.Join(b.corpus, filepath.FromSlash(f.Path)), fmt.Sprintf("%04o", f.Mode)})
		total += f.Size
	}
	last, _, _ := strings.Cut(b.files[len(b.files)-1].Path, "/")
	e.Notef("corpus: %d files, %.0f MB: bin, pkg/tool and src of Go, repeated up to %s (the last one in part)",
		len(b.files), float64(total)/1e6, last)
	return b, jsonfile.Write(b.entries, entries)
}

func (b *packBench) run(ctx context.Context, e *Env) ([]Row, error) {
	ours := Contender{"pack " + b.format, func(ctx context.Context) error { return b.pack(ctx, "ours", 0) }}
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
	rows = append(rows, Smaller("size, against the standard library, level 6", oursSize, stdSize, packSizeGoal))
	procs := []int{1, 2, 8, 64}
	outputs, err := b.outputs(ctx, e, procs)
	if err != nil {
		return nil, err
	}
	rows = append(rows, AtMost(fmt.Sprintf("outputs with GOMAXPROCS %v", procs), distinct, Sample{outputs}, 1))
	if len(b.peaks) == 0 {
		e.Notef("not measured: resident memory, which this system does not report")
		return rows, nil
	}
	return append(rows, AtMost("resident memory, peak, all runs", bytes, b.peaks, packMemoryGoal)), nil
}

// pack runs the command. With procs 0 it takes the GOMAXPROCS that it finds.
func (b *packBench) pack(ctx context.Context, out string, procs int) error {
	env := environ.Tool()
	if procs > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(procs))
	}
	cmd := environ.Command(ctx, env, b.command, "-format", b.format, "-entries", b.entries, "-mtime", "1700000000",
		"-out", b.file(out), "-sha256", b.file(out)+".sha256")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	if peak, ok := peakMemory(cmd.ProcessState); ok {
		b.peaks = append(b.peaks, float64(peak))
	}
	return nil
}

// outputs returns how many different checksums the command gives for the numbers
// of CPUs, and in the race before.
func (b *packBench) outputs(ctx context.Context, e *Env, procs []int) (float64, error) {
	seen := map[string]bool{}
	read := func(out string) error {
		line, err := os.ReadFile(b.file(out) + ".sha256")
		sum, _, _ := strings.Cut(string(line), " ")
		seen[sum] = true
		return err
	}
	if err := read("ours"); err != nil {
		return 0, err
	}
	for _, n := range procs {
		e.Logf("GOMAXPROCS=%d", n)
		if err := b.pack(ctx, "procs", n); err != nil {
			return 0, err
		}
		if err := read("procs"); err != nil {
			return 0, err
		}
	}
	return float64(len(seen)), nil
}

// tar does it with the programs that everybody has.
func (b *packBench) tar(ctx context.Context) error {
	out := b.file("tar")
	for _, args := range [][]string{{"tar", "-C", b.corpus, "-czf", out, "."}, {"sha256sum", out}} {
		cmd := environ.Command(ctx, environ.Tool(), args[0], args[1:]...)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args[0], err, text)
		}
	}
	return nil
}

func (b *packBench) file(name string) string { return filepath.Join(b.dir, name+"."+b.format) }

func (b *packBench) size(name string) (float64, error) {
	info, err := os.Stat(b.file(name))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// missingPrograms returns those of the programs that this machine does not have.
func missingPrograms(programs ...string) string {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return strings.Join(missing, ", ")
}
