package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// lockWorld is a committed lock of a module, a git commit and a file, and the
// servers that have them.
type lockWorld struct {
	t     *testing.T
	lock  *lock.Lock
	git   *gittest.Repo
	proxy *proxytest.Server
	file  string // the lock's
	goCmd string
}

func newLockWorld(t *testing.T) *lockWorld {
	t.Helper()
	gittest.Env(t)
	proxy := proxytest.New(t, map[string]string{
		"example.com/app@v1.0.0/app.go": "package app\n", "example.com/lib@v1.0.0/lib.go": "package lib\n",
	})
	server := proxy.Serve()
	proxytest.Setenv(t, server.URL)
	stamp := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	w := &lockWorld{t: t, proxy: server, git: gittest.New(t).Repo("src"), file: filepath.Join(t.TempDir(), "lock.json"), goCmd: proxytest.GoCommand(t)}
	commit := w.git.Commit("main", map[string]gittest.File{"README": {Content: "read me"}, "run": {Exec: true}}, "first", stamp)
	source := lock.Dependency{Name: "src", Git: &lock.Git{URL: "file://" + w.git.Dir, Ref: "refs/heads/main", Commit: commit}, Time: stamp, Why: "branch main in manifest"}
	source.Digest = string(tarDigest(t, w.git.Dir))
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a file") }))
	t.Cleanup(files.Close)
	modules := proxy.Closure("module x\nrequire (\nexample.com/app v1.0.0\nexample.com/lib v1.0.0\n)\n")
	if len(modules) != 2 {
		t.Fatalf("got modules %v, want 2", modules)
	}
	app, lib := modules[0], modules[1]
	w.lock = &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1", Time: stamp,
		Dependencies: []lock.Dependency{
			{
				Name: "app", Primary: true, Module: &lock.Module{Path: app.Path, Version: app.Version}, Digest: app.Sum, Time: stamp,
				GoModules: []lock.GoModule{{Path: lib.Path, Version: lib.Version, Sum: lib.Sum, GoModSum: lib.GoModSum}},
			},
			source,
		},
		Files: []lock.File{{Name: "tool", URL: files.URL + "/tool", Digest: digest.FromBytes([]byte("a file")), Size: 6}},
	}
	return w
}

// tarDigest returns the digest of the canonical tar of a repository's HEAD.
func tarDigest(t *testing.T, dir string) digest.Digest {
	t.Helper()
	repo, err := gitsource.OpenLocal(t.Context(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	r := repo.Tar(t.Context(), nil)
	d, _, err := digest.FromReader(r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fetch writes the lock, runs `fetch lock` into a store and returns what it said.
func (w *lockWorld) fetch(store string, flags ...string) (int, string) {
	w.t.Helper()
	w.lock.Seal()
	if err := jsonfile.Write(w.file, w.lock); err != nil {
		w.t.Fatal(err)
	}
	var stderr strings.Builder
	args := append([]string{"--store", store, "--go", w.goCmd}, flags...)
	status := run(w.t.Context(), append(args, "lock", "--lock", w.file, "--base", filepath.Dir(w.file)), &strings.Builder{}, &stderr)
	return status, stderr.String()
}

// TestLock: an empty store has everything afterwards, and nothing is asked for twice.
func TestLock(t *testing.T) {
	w := newLockWorld(t)
	store := t.TempDir()
	if status, out := w.fetch(store); status != cli.OK {
		t.Fatalf("got exit status %d: %s", status, out)
	}
	for _, name := range []string{
		"goproxy/example.com/app/@v/v1.0.0.zip", "goproxy/example.com/lib/@v/v1.0.0.zip",
		"content_addressable/sha256/" + strings.TrimPrefix(w.lock.Dependencies[1].Digest, "sha256:") + "/file",
		"content_addressable/sha256/" + w.lock.Files[0].Digest.Hex() + "/file",
	} {
		if _, err := os.Stat(filepath.Join(store, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
	w.proxy.Requests()
	if err := os.RemoveAll(w.git.Dir); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--airgap"}} {
		if status, out := w.fetch(store, flags...); status != cli.OK || len(w.proxy.Requests()) > 0 {
			t.Errorf("%q, with everything there: got exit status %d: %s", flags, status, out)
		}
	}
}

// TestLockAltered: an entry that says another digest, or another commit, stops,
// with its name and both sides.
func TestLockAltered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(*lock.Lock)
		want  []string
	}{
		{"module", func(l *lock.Lock) { l.Dependencies[0].Digest = "h1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG=" }, []string{"example.com/app@v1.0.0", "checksum mismatch"}},
		{"module that is imported", func(l *lock.Lock) {
			l.Dependencies[0].GoModules[0].Sum = "h1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG="
		}, []string{"example.com/lib@v1.0.0", "checksum mismatch"}},
		{"tar", func(l *lock.Lock) { l.Dependencies[1].Digest = string(digest.FromBytes(nil)) }, []string{`lock entry "src": digest of what was fetched: got sha256:`, "want " + string(digest.FromBytes(nil))}},
		{"commit", func(l *lock.Lock) { l.Dependencies[1].Git.Commit = strings.Repeat("ab", 20) }, []string{`lock entry "src": `, strings.Repeat("ab", 20)}},
		{"file", func(l *lock.Lock) { l.Files[0].Digest = digest.FromBytes(nil) }, []string{`lock entry "tool": digest of "http:`, "want " + string(digest.FromBytes(nil))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLockWorld(t)
			tt.alter(w.lock)
			status, out := w.fetch(t.TempDir())
			if status != cli.Failure {
				t.Errorf("got exit status %d, want %d", status, cli.Failure)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("got %q, want %q", out, want)
				}
			}
		})
	}
}

// TestLockAirgap: what an empty store lacks is named, all at once, and nobody is asked.
func TestLockAirgap(t *testing.T) {
	w := newLockWorld(t)
	w.proxy.Requests()
	status, out := w.fetch(t.TempDir(), "--airgap")
	if status != cli.Failure || len(w.proxy.Requests()) > 0 {
		t.Errorf("got exit status %d, want %d and no request", status, cli.Failure)
	}
	for _, want := range []string{
		`lock entry "app": zip of example.com/app@v1.0.0, ` + w.lock.Dependencies[0].Digest, `lock entry "app": zip of example.com/lib@v1.0.0, `,
		`lock entry "src": tar of file://` + w.git.Dir, w.lock.Dependencies[1].Digest,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %q, want %q", out, want)
		}
	}
}
