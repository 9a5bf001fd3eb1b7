package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// makeRepo makes a packed bare repository whose branch main has one commit, of
// the files that write gives to git fast-import.
func makeRepo(ctx context.Context, dir string, write func(w *bufio.Writer)) error {
	if _, err := runIn(ctx, "", nil, "git", "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return err
	}
	commands, w := io.Pipe()
	go func() {
		out := bufio.NewWriter(w)
		fmt.Fprint(out, "commit refs/heads/main\ncommitter C O Mitter <committer@example.com> 1700000000 +0000\ndata 4\ntree\n")
		write(out)
		fmt.Fprintln(out, "done")
		w.CloseWithError(out.Flush())
	}()
	_, err := runIn(ctx, dir, commands, "git", "fast-import", "--quiet", "--done", "--date-format=raw")
	commands.Close()
	if err != nil {
		return err
	}
	_, err = runIn(ctx, dir, nil, "git", "repack", "-a", "-d", "-q", "-f")
	return err
}

// A tree is files of words. Their sizes are spread as those of sources are, about
// a median of 3 KiB, and git's compression finds in them what it finds in sources.
// Equal numbers give equal files.
type tree struct {
	files int
	seed  uint64
}

// each calls f with every file. The content is good until f returns.
func (t tree) each(f func(name string, content []byte)) {
	random := rand.New(rand.NewPCG(1, t.seed))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("%016x", random.Uint64())[:2+random.IntN(9)]
	}
	var text []byte
	for i := range t.files {
		size := int(min(200<<10, (3<<10)*math.Exp(1.9*random.NormFloat64())))
		text = text[:0]
		for len(text) < size {
			text = append(text, words[int(float64(len(words))*math.Pow(random.Float64(), 3))]...)
			text = append(text, " \n"[min(1, random.IntN(9)/8)])
		}
		f(fmt.Sprintf("pkg%d/sub%d/file%d.txt", i/400, i/20%20, i), text[:size])
	}
}

// size returns the sum of the sizes of the files, in bytes.
func (t tree) size() (sum int64) {
	t.each(func(_ string, content []byte) { sum += int64(len(content)) })
	return sum
}

// write writes the files for makeRepo.
func (t tree) write(w *bufio.Writer) {
	t.each(func(name string, content []byte) { writeFile(w, name, content) })
}

func writeFile(w *bufio.Writer, name string, content []byte) {
	fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
}

// runIn runs a command in a directory and returns what it prints.
func runIn(ctx context.Context, dir string, stdin io.Reader, command ...string) (string, error) {
	cmd := environ.Command(ctx, environ.Git(), command[0], command[1:]...)
	cmd.Dir, cmd.Stdin = dir, stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %q: %w\n%s", command, err, tail(out))
	}
	return strings.TrimSpace(string(out)), nil
}
