package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

const (
	sourceTarGoal  = 1.0         // of git archive's time
	sourceTarBytes = 100_000_000 // some 10,000 files
)

// sourceTarBenchmark takes the SHA-256 of the canonical tar of a commit. The peer is the
// output of git archive.
func sourceTarBenchmark(size int64) Benchmark {
	return Benchmark{Name: "sourcetar", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("git", "sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		repo := filepath.Join(e.Dir, "repo")
		files, total, err := makeCorpus(ctx, repo, size)
		if err != nil {
			return nil, err
		}
		e.Notef("tree: %d files, %.1f MiB, packed", len(files), float64(total)/(1<<20))
		const commit = "git init -q && git add -f . && git -c user.name=x -c user.email=x@example.com commit -qm tree && git repack -adqf"
		if _, err := runIn(ctx, repo, "sh", "-c", commit); err != nil {
			return nil, err
		}
		times, err := e.Race(ctx,
			Contender{"canonical tar", func(ctx context.Context) error {
				r, err := gitsource.OpenLocal(ctx, "", repo)
				if err != nil {
					return err
				}
				defer r.Close()
				packed, err := r.WriteTar(ctx, sha256.New(), nil)
				if err == nil && packed.Size != total {
					err = fmt.Errorf("size of what was packed: got %d bytes, want %d", packed.Size, total)
				}
				return err
			}},
			Contender{"git archive | sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, repo, "sh", "-c", "git archive HEAD | sha256sum")
				return err
			}})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("tree to SHA-256 of its tar, against git archive", times[0], times[1], sourceTarGoal)}, nil
	}}
}
