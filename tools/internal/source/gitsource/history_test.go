package gitsource

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// TestTagHistory: a commit has its own tags at first, and those of the commits before it
// once its history is there; never those of others. The history comes without files.
func TestTagHistory(t *testing.T) {
	s, r, first := server(t)
	second := r.Commit("main", map[string]gittest.File{"second.txt": {Content: "second"}}, "second", testTime)
	third := r.Commit("main", map[string]gittest.File{"third.txt": {Content: "third"}}, "third", testTime)
	r.Tag("v1.0.0", first)
	r.AnnotatedTag("sub/v1.0.0", second, "annotated")
	r.Tag("v1.1.0", third)
	r.SetRef("refs/heads/v1.2.0", second)
	for _, w := range []Want{{URL: s.URL("app"), Branch: "v1.2.0"}, {URL: s.URL("app"), SHA: second}} {
		c := client(t)
		repo, err := c.Fetch(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			do   func() error
			want string
		}{
			{func() error { return c.TagCommit(t.Context(), w, repo) }, "refs/tags/sub/v1.0.0\n"},
			{func() error { return c.TagHistory(t.Context(), w, repo) }, "refs/tags/sub/v1.0.0\nrefs/tags/v1.0.0\n"},
			{func() error { return c.TagHistory(t.Context(), w, repo) }, "refs/tags/sub/v1.0.0\nrefs/tags/v1.0.0\n"},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			out, err := repo.local(t.Context(), "for-each-ref", "--format=%(refname)", "refs/tags")
			if err != nil || string(out) != step.want {
				t.Errorf("%+v: got tags %q, %v, want %q", w, out, err, step.want)
			}
		}
		if _, err := repo.local(t.Context(), "cat-file", "-e", first+":"); err == nil {
			t.Errorf("%+v: the files of an earlier commit came", w)
		}
		dir := t.TempDir()
		if err := repo.Worktree(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if head, err := os.ReadFile(filepath.Join(dir, ".git", "HEAD")); strings.TrimSpace(string(head)) != second || err != nil {
			t.Errorf("%+v: got HEAD %s, %v, want %s", w, head, err, second)
		}
		if err := repo.Close(); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), SHA: first})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if err := client(t).TagHistory(t.Context(), Want{URL: s.URL("none")}, repo); err == nil || !errors.Is(err, ErrNoRepository) {
		t.Errorf("no repository: got %v, want %v", err, ErrNoRepository)
	}
}
