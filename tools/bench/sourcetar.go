package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

const (
	sourceTarGoal  = 1.0 // of git archive's time
	sourceTarFiles = 10_000
)

// sourceTarBench takes the SHA-256 of the canonical tar of a repository's commit,
// and of what git archive makes of it.
type sourceTarBench struct {
	repo string
	size int64 // the sum of the sizes of the files, in bytes
}

func sourceTarBenchmark(files int) Benchmark {
	return Benchmark{Name: "sourcetar", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("git", "sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		t := tree{files: files}
		b := &sourceTarBench{repo: filepath.Join(e.Dir, "repo"), size: t.size()}
		e.Notef("tree: %d files, %.1f MiB, packed", t.files, float64(b.size)/(1<<20))
		if err := makeRepo(ctx, b.repo, t.write); err != nil {
			return nil, err
		}
		times, err := e.Race(ctx,
			Contender{"canonical tar", b.tar},
			Contender{"git archive | sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, b.repo, nil, "sh", "-c", "git archive HEAD | sha256sum")
				return err
			}})
		if err != nil {
			return nil, err
		}
		return []Row{AtMostTimes("tree to SHA-256 of its tar, against git archive", times[0], times[1], sourceTarGoal)}, nil
	}}
}

func (b *sourceTarBench) tar(ctx context.Context) error {
	repo, err := gitsource.OpenLocal(ctx, "", b.repo)
	if err != nil {
		return err
	}
	defer repo.Close()
	packed, err := repo.WriteTar(ctx, sha256.New(), nil)
	if err == nil && packed.Size != b.size {
		err = fmt.Errorf("size of what was packed: got %d bytes, want %d", packed.Size, b.size)
	}
	return err
}
