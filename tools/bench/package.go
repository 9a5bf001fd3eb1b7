package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/linuxpkg"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// The package benchmark's corpus and goals.
const (
	packageCorpusBytes = 100_000_000 // mostly programs
	packageGoal        = 1.2         // of the compressor's time
	packagePeerGoal    = 1.0         // of nfpm's time
	packageCommand     = "github.com/jasonwzm/release-builder/tools/build/package"
)

// packageBench packs the corpus into a package with the package command, compresses the same
// files with the same compressor and nothing else, and packs them with nfpm's own command, which
// has the code with which goreleaser writes packages, and takes no SHA-256 of them. An apk has
// gzip, not zstd, and is compared with nfpm alone.
type packageBench struct {
	format  linuxpkg.Format
	dir     string
	command string
	alone   compressor
	peer    string // nfpm
	files   []corpusFile
}

// packageBenchmark returns the benchmark for deb, rpm or apk.
func packageBenchmark(format linuxpkg.Format, corpusBytes int64) Benchmark {
	return Benchmark{
		Name: "package/" + string(format),
		Run: func(ctx context.Context, e *Env) ([]Row, error) {
			b := &packageBench{format: format, dir: e.Dir}
			if err := b.prepare(ctx, e, corpusBytes); err != nil {
				return nil, err
			}
			contenders := []Contender{{"package " + string(format), b.pack}}
			if format != linuxpkg.APK {
				contenders = append(contenders, Contender{"zstd alone", b.alone.run})
			}
			if b.peer = findPeer("nfpm"); b.peer == "" {
				e.Notef("not measured: nfpm, which is not installed: go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2")
			} else {
				contenders = append(contenders, Contender{"nfpm", b.nfpm})
			}
			samples, err := e.Race(ctx, contenders...)
			if err != nil {
				return nil, err
			}
			var rows []Row
			for i, c := range contenders[1:] {
				row := AtMostTimes("time, against the compressor alone", samples[0], samples[i+1], packageGoal)
				if c.Name == "nfpm" {
					row = AtMostTimes("time, against nfpm", samples[0], samples[i+1], packagePeerGoal)
				}
				rows = append(rows, row)
			}
			return rows, nil
		},
	}
}

// prepare makes the corpus and what the two commands read.
func (b *packageBench) prepare(ctx context.Context, e *Env, size int64) (err error) {
	e.Logf("building the package command and the corpus")
	if b.command, err = goBuild(ctx, e.Dir, packageCommand); err != nil {
		return err
	}
	if b.files, _, err = makeCorpus(ctx, b.file("corpus"), size); err != nil {
		return err
	}
	spec := linuxpkg.Spec{
		Format: b.format, Name: "corpus", Version: "1.0.0", Architecture: "amd64", SourceDateEpoch: 1700000000,
		Maintainer: "Bench <bench@example.com>", Summary: "Files of Go", License: "BSD-3-Clause",
	}
	if b.format != linuxpkg.Deb {
		spec.Release, spec.Architecture = "1", "x86_64"
	}
	config := "name: corpus\narch: amd64\nversion: 1.0.0\nmaintainer: Bench <bench@example.com>\ndescription: Files of Go\n" +
		"mtime: 2023-11-14T22:13:20Z\nrpm: {buildhost: localhost, compression: 'zstd:3'}\ndeb: {compression: 'zstd:3'}\ncontents:\n"
	var names []string
	for i, c := range b.files {
		// Their own names may have characters that packages do not have.
		to, from := fmt.Sprintf("/usr/lib/corpus/%06d", i), b.source(c)
		spec.Files = append(spec.Files, linuxpkg.File{Path: to, Source: from})
		names = append(names, from)
		config += fmt.Sprintf("- {src: %q, dst: %q}\n", from, to)
	}
	if b.alone, err = newCompressor(ctx, e.Dir, "zstd", names); err != nil {
		return err
	}
	return errors.Join(jsonfile.Write(b.file("spec.json"), spec), os.WriteFile(b.file("nfpm.yaml"), []byte(config), 0o644))
}

func (b *packageBench) file(name string) string { return filepath.Join(b.dir, name) }

func (b *packageBench) source(c corpusFile) string {
	return filepath.Join(b.dir, "corpus", filepath.FromSlash(c.Path))
}

// pack runs the package command. Nobody has a file of before, which a rename would flush.
func (b *packageBench) pack(ctx context.Context) error {
	if err := os.RemoveAll(b.file("ours")); err != nil {
		return err
	}
	_, err := runIn(ctx, "", b.command, "-spec", b.file("spec.json"), "-out", b.file("ours"), "-sha256", b.file("ours.sha256"))
	return err
}

// nfpm runs nfpm's own command.
func (b *packageBench) nfpm(ctx context.Context) error {
	out := b.file("nfpm." + string(b.format))
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	_, err := runIn(ctx, "", b.peer, "package", "-f", b.file("nfpm.yaml"), "-p", string(b.format), "-t", out)
	return err
}

func copyInto(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
