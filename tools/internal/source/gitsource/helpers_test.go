package gitsource

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

var testTime = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// client is one that soon gives up, and leaves nothing behind.
func client(t testing.TB) *Client {
	t.Helper()
	scratch := t.TempDir()
	t.Cleanup(func() {
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("scratch directory after the test: got %v, %v, want nothing", left, err)
		}
	})
	return &Client{Scratch: scratch, Timeout: 20 * time.Second, Attempts: 2, Backoff: time.Millisecond}
}

// server is a git server with a repository "app" of one commit.
func server(t testing.TB) (*gittest.Server, *gittest.Repo, string) {
	t.Helper()
	gittest.Env(t)
	s := gittest.New(t)
	r := s.Repo("app")
	commit := r.Commit("main", map[string]gittest.File{
		"README": {Content: "read me\n"}, "bin/run": {Content: "#!/bin/sh\n", Exec: true}, "bin/latest": {Link: "run"},
	}, "first", testTime)
	return s, r, commit
}

// fetch fetches, and closes with the test.
func fetch(t testing.TB, c *Client, w Want) *Repo {
	t.Helper()
	r, err := c.Fetch(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// pack returns the tar of a repository and what it holds.
func pack(t testing.TB, r *Repo, exclude ...string) ([]byte, *Tree) {
	t.Helper()
	var b bytes.Buffer
	tree, err := r.WriteTar(t.Context(), &b, exclude)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), tree
}

// run runs git in a directory.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write makes a file in a directory.
func write(t testing.TB, dir, name, content string, mode os.FileMode) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), mode), os.Chmod(full, mode)); err != nil {
		t.Fatal(err)
	}
}

// status answers every request with an HTTP status.
func status(code int) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
}

// on answers requests of one kind by f, and leaves the others to the server.
func on(service string, f http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kind(r) == service {
				f(w, r)
			} else {
				next.ServeHTTP(w, r)
			}
		})
	}
}

func kind(r *http.Request) string {
	if r.Method == http.MethodGet {
		return gittest.InfoRefs
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte("command=ls-refs")) {
		return gittest.LsRefs
	}
	return gittest.Fetch
}

// drop sends some bytes of an answer, then closes the connection.
func drop(contentType, start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, start)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// hang answers nothing until the client has gone.
func hang(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// random returns bytes that do not compress, always the same.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}
