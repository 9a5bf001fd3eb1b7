package gitsource

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// TestFetcher: the stream is what WriteTar writes, and closing it, early too, ends
// git and deletes the scratch repository, which client(t) checks.
func TestFetcher(t *testing.T) {
	s, _, _ := server(t)
	large := s.Repo("large").Commit("main", map[string]gittest.File{
		"a": {Content: strings.Repeat("0123456789abcdef", 1<<18)}, "b": {Content: "b"},
	}, "large", testTime)
	f := Fetcher{Client: client(t), Want: Want{URL: s.URL("large"), SHA: large}, Exclude: []string{"b"}}
	r, err := f.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	repo, err := f.Client.Fetch(t.Context(), f.Want)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	_, err = repo.WriteTar(t.Context(), &want, f.Exclude)
	if err := errors.Join(err, repo.Close()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d bytes, want the %d of WriteTar", len(got), want.Len())
	}

	if r, err = f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closed early: %v", err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("closed early: got more to read")
	}
	f.Want.SHA = strings.Repeat("0", 40)
	if r, err := f.Fetch(t.Context()); err == nil {
		t.Errorf("a commit that is not there: got %v, want an error", r)
	}
}
