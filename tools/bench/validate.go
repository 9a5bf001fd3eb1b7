package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/check/validate"
)

// The validate benchmark's input and goals.
const (
	validateBytes     = 300_000_000 // before they are packed
	validateArchives  = 12
	validateHashGoal  = 1.5 // of sha256sum's time
	validateFloorGoal = 1.3 // of the time to hash and decompress
)

// validateBenchmark checks a release of archives. One peer is sha256sum of its files. It is a
// goal that a machine with two CPUs does not reach: what is in an archive can be checked only
// when it is decompressed, and that alone takes some three times as long as hashing. The
// other peer is what no such check can do without: on as many CPUs, it hashes each file and
// decompresses each archive once, and looks at nothing.
func validateBenchmark(size int64) Benchmark {
	return Benchmark{Name: "validate", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		dir := filepath.Join(e.Dir, "release")
		archives, err := makeArchives(ctx, e, dir, size)
		if err != nil {
			return nil, err
		}
		times, err := e.Race(ctx,
			Contender{"validate", func(ctx context.Context) error {
				r, err := validate.Run(ctx, validate.Args{Dir: dir, Secrets: map[string]string{"builder.example": "host name", "/home/builder": "home directory"}})
				if err != nil {
					return err
				}
				// The archives have the files of Go, in which the check for leaks finds something.
				if checked := r.Checks[slices.Index(validate.Names(), validate.Contents)]; checked.Checked != len(archives) || len(checked.Findings) > 0 {
					return fmt.Errorf("checking %d archives: got %+v", len(archives), checked)
				}
				return nil
			}},
			Contender{"hash and decompress", func(ctx context.Context) error { return hashAndDecompress(ctx, archives) }},
			Contender{"sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, dir, "sh", "-c", "find . -type f -print0 | xargs -0 sha256sum")
				return err
			}})
		if err != nil {
			return nil, err
		}
		return []Row{
			AtMostTimes("checking a release, against sha256sum of it", times[0], times[2], validateHashGoal),
			AtMostTimes("the same, against hashing and decompressing each file", times[0], times[1], validateFloorGoal),
		}, nil
	}}
}

// makeArchives makes a release of archives and returns their names.
func makeArchives(ctx context.Context, e *Env, dir string, size int64) (names []string, err error) {
	corpus := filepath.Join(e.Dir, "corpus")
	files, total, err := makeCorpus(ctx, corpus, size)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	doc := release.Document{Schema: release.DocumentSchema, Product: "bench", Version: releaseVersion}
	var entries []archive.Entry
	var packed, written int64
	for i, f := range files {
		entries = append(entries, archive.Entry{Path: f.Path, Source: filepath.Join(corpus, filepath.FromSlash(f.Path)), Mode: f.Mode})
		if packed += f.Size; packed < total*int64(len(names)+1)/validateArchives && i < len(files)-1 {
			continue
		}
		base := fmt.Sprintf("bench%02d-%s.tar.gz", len(names), releaseVersion)
		name := filepath.Join(dir, base)
		r, err := archive.WriteFile(ctx, archive.WriteFileArgs{Name: name, Format: archive.TarGzip, Entries: entries, Options: archive.Options{ModTime: time.Unix(1_700_000_000, 0)}})
		if err != nil {
			return nil, err
		}
		doc.Artifacts = append(doc.Artifacts, release.Artifact{Path: base, Kind: "archive", MediaType: "application/gzip", Size: r.Size, Digest: r.Digest})
		names, entries, written = append(names, name), nil, written+r.Size
	}
	slices.SortFunc(doc.Artifacts, func(a, b release.Artifact) int { return strings.Compare(a.Path, b.Path) })
	if err := jsonfile.Write(filepath.Join(dir, release.DocumentFile), doc); err != nil {
		return nil, err
	}
	e.Notef("release: %d archives, %.1f MiB of %.1f MiB; validate and its second peer with %d workers",
		len(names), float64(written)/(1<<20), float64(total)/(1<<20), runtime.GOMAXPROCS(0))
	return names, sealRelease(dir)
}

// hashAndDecompress hashes and decompresses files, with one worker for each CPU.
func hashAndDecompress(ctx context.Context, names []string) error {
	return parallel.DoAll(ctx, len(names), runtime.GOMAXPROCS(0), func(_ context.Context, i int) error {
		if _, _, err := digest.FromFile(names[i]); err != nil {
			return err
		}
		f, err := os.Open(names[i])
		if err != nil {
			return err
		}
		defer f.Close()
		z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{z}, make([]byte, 1<<20))
		return err
	})
}
