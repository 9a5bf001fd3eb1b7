package gitsource

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// BenchmarkWriteTar compares with "git archive COMMIT | sha256sum" on 10,000
// files: ratio is the median of our times over the median of its.
//
//	go test -run - -bench WriteTar -benchtime 5x ./tools/internal/source/gitsource
func BenchmarkWriteTar(b *testing.B) {
	for _, size := range []int{1_000, 8_000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			gittest.Env(b)
			r := gittest.New(b).Repo("app")
			r.Commit("main", corpus(10_000, size), "corpus", testTime)
			r.Git("repack", "-a", "-d", "-q")
			local, err := OpenLocal(b.Context(), "git", r.Dir)
			if err != nil {
				b.Fatal(err)
			}
			var ours, theirs []time.Duration
			for b.Loop() {
				start := time.Now()
				if _, err := local.WriteTar(b.Context(), sha256.New(), nil); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				archive(b, r.Dir, local.Commit)
				ours, theirs = append(ours, middle.Sub(start)), append(theirs, time.Since(middle))
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			o, t := ours[len(ours)/2], theirs[len(theirs)/2]
			b.ReportMetric(float64(o.Milliseconds()), "ours-ms")
			b.ReportMetric(float64(t.Milliseconds()), "archive-ms")
			b.ReportMetric(float64(o)/float64(t), "ratio")
		})
	}
}

// archive runs git archive COMMIT | sha256sum.
func archive(b *testing.B, dir, commit string) {
	b.Helper()
	git := exec.CommandContext(b.Context(), "git", "archive", commit)
	git.Dir = dir
	sum := exec.CommandContext(b.Context(), "sha256sum")
	r, err := git.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	sum.Stdin, sum.Stdout = r, io.Discard
	if err := git.Start(); err != nil {
		b.Fatal(err)
	}
	if err := sum.Run(); err != nil {
		b.Fatal(err)
	}
	if err := git.Wait(); err != nil {
		b.Fatal(err)
	}
}

// corpus is so many files of words, of about so many bytes each.
func corpus(n, size int) map[string]gittest.File {
	random := rand.New(rand.NewPCG(1, 2))
	files := map[string]gittest.File{}
	for i := range n {
		var text []byte
		for want := random.IntN(2 * size); len(text) < want; {
			text = fmt.Appendf(text, "word%x ", random.IntN(3000))
		}
		files[fmt.Sprintf("d%d/e%d/file%d.go", i%37, i%11, i)] = gittest.File{Content: string(text)}
	}
	return files
}
