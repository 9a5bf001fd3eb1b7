package gitsource

import (
	"bytes"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/gittest"
)

var testTime = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func testClient(t testing.TB) *Client {
	return &Client{Scratch: t.TempDir(), Timeout: 10 * time.Second, Attempts: 2, Backoff: 10 * time.Millisecond}
}

func TestFetchSmoke(t *testing.T) {
	gittest.Env(t)
	s := gittest.New(t)
	r := s.Repo("app")
	commit := r.Commit("main", map[string]gittest.File{"a": {Content: "A"}, "b/c": {Exec: true, Content: "C"}, "l": {Link: "a"}}, "one", testTime)
	r.AnnotatedTag("v1", commit, "x")
	for _, w := range []Want{{Branch: "main"}, {Tag: "v1"}, {SHA: commit}, {SHA: commit[:8]}, {Branch: "main", SHA: commit}} {
		w.URL = s.URL("app")
		s.Reset()
		got, err := testClient(t).Fetch(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		tree, err := got.WriteTar(t.Context(), &b, nil)
		t.Log(got.Ref, got.Commit, tree, err, s.Services())
		got.Close()
	}
}
