package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/gitsource"
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
		b := &sourceTarBench{repo: filepath.Join(e.Dir, "repo")}
		e.Logf("making the repository")
		if err := b.commit(ctx, files); err != nil {
			return nil, err
		}
		e.Notef("tree: %d files, %.1f MiB, packed", files, float64(b.size)/(1<<20))
		times, err := e.Race(ctx,
			Contender{"canonical tar", b.tar},
			Contender{"git archive | sha256sum", func(ctx context.Context) error {
				return runIn(ctx, b.repo, nil, "sh", "-c", "git archive HEAD | sha256sum")
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
	tree, err := repo.WriteTar(ctx, sha256.New(), nil)
	if err == nil && tree.Size != b.size {
		err = fmt.Errorf("size of what was packed: got %d bytes, want %d", tree.Size, b.size)
	}
	return err
}

// commit makes a packed repository with a commit of so many files.
func (b *sourceTarBench) commit(ctx context.Context, files int) error {
	if err := runIn(ctx, "", nil, "git", "init", "--quiet", "--bare", "--initial-branch=main", b.repo); err != nil {
		return err
	}
	commands, w := io.Pipe()
	size := make(chan int64, 1)
	go func() {
		out := bufio.NewWriter(w)
		size <- writeTree(out, files)
		w.CloseWithError(out.Flush())
	}()
	err := runIn(ctx, b.repo, commands, "git", "fast-import", "--quiet", "--done", "--date-format=raw")
	commands.Close()
	b.size = <-size
	if err != nil {
		return err
	}
	return runIn(ctx, b.repo, nil, "git", "repack", "-a", "-d", "-q", "-f")
}

// writeTree writes a commit for git fast-import. The sizes of the files are
// spread as those of sources are, about a median of 3 KiB, and the lines are made
// of few words, so that git's compression finds what it finds in sources. Each
// run gives the same.
func writeTree(w *bufio.Writer, files int) (total int64) {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", random.Uint64())[:2+random.IntN(9)]
	}
	fmt.Fprint(w, "commit refs/heads/main\ncommitter C O Mitter <committer@example.com> 1700000000 +0000\ndata 4\ntree\n")
	var text []byte
	for i := range files {
		size := int(min(200<<10, (3<<10)*math.Exp(1.9*random.NormFloat64())))
		text = text[:0]
		for len(text) < size {
			text = append(text, words[int(float64(len(words))*math.Pow(random.Float64(), 3))]...)
			text = append(text, " \n"[min(1, random.IntN(9)/8)])
		}
		text = text[:size]
		total += int64(size)
		fmt.Fprintf(w, "M 100644 inline pkg%d/sub%d/file%d.go\ndata %d\n", i/400, i/20%20, i, size)
		w.Write(text)
		w.WriteByte('\n')
	}
	fmt.Fprintln(w, "done")
	return total
}

// runIn runs a command in a folder.
func runIn(ctx context.Context, dir string, stdin io.Reader, command ...string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, gitEnv(), stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %q: %w\n%s", command, err, tail(out))
	}
	return nil
}

// gitEnv is the environment with a git that no configuration of the user's reaches.
func gitEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GIT_") })
	return append(env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
}
