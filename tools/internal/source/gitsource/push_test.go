package gitsource

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestCreate pushes a commit into a repository that is made for it, and never over a ref.
func TestCreate(t *testing.T) {
	s, _, commit := server(t)
	c := client(t)
	dir := filepath.Join(t.TempDir(), "a", "b.git")
	if err := c.MakeBare(t.Context(), dir, commit, ""); err != nil {
		t.Fatal(err)
	}
	url := "file://" + filepath.ToSlash(dir)
	if refs, err := c.Refs(t.Context(), url, "refs/tags/a"); len(refs) > 0 || err != nil {
		t.Errorf("a new repository: got %v, %v", refs, err)
	}
	repo := fetch(t, c, Want{URL: s.URL("app"), SHA: commit})
	p := Push{URL: url, Refs: map[string]string{"refs/tags/a": commit}}
	for range 2 { // the second finds it as it is to be
		if err := c.Create(t.Context(), repo, p); err != nil {
			t.Fatal(err)
		}
	}
	if refs, err := c.Refs(t.Context(), url, "refs/tags/a"); refs["refs/tags/a"] != commit || err != nil {
		t.Errorf("got %v, %v, want %s", refs, err, commit)
	}
	tag, err := repo.Add(t.Context(), "tag", []byte("object "+commit+"\ntype commit\ntag a\ntagger A <a@example.com> 0 +0000\n\na\n"))
	if err != nil {
		t.Fatal(err)
	}
	p.Refs["refs/tags/a"] = tag
	if err := c.Create(t.Context(), repo, p); !errors.Is(err, ErrRejected) || !strings.HasPrefix(err.Error(), `pushing refs/tags/a to "`+url) {
		t.Errorf("over a ref: got %v, want %v", err, ErrRejected)
	}
	if err := c.MakeBare(t.Context(), dir, commit, ""); err == nil || !strings.HasPrefix(err.Error(), "making repository") {
		t.Errorf("making it where it is: got %v", err)
	}
	for _, p := range []Push{
		{URL: "--receive-pack=evil", Refs: p.Refs}, {URL: "ext::evil", Refs: p.Refs},
		{URL: url, Refs: map[string]string{"a": commit}}, {URL: url, Refs: map[string]string{"refs/tags/a:b": commit}}, {URL: url, Refs: map[string]string{"refs/tags/b": "--evil"}},
	} {
		if err := c.Create(t.Context(), repo, p); err == nil || !strings.Contains(err.Error(), "want ") {
			t.Errorf("%+v: got %v, want an error", p, err)
		}
	}
	for _, ref := range []string{"a", "refs/*", "--upload-pack=evil"} {
		if refs, err := c.Refs(t.Context(), url, ref); err == nil {
			t.Errorf("refs %q: got %v, want an error", ref, refs)
		}
	}
}
