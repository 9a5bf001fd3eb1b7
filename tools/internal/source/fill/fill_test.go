package fill

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

// lockWorld is a committed lock of a module, a git commit and a file, and the
// servers that have them.
type lockWorld struct {
	t     *testing.T
	lock  *lock.Lock
	git   *gittest.Repo
	proxy *proxytest.Server
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
	w := &lockWorld{t: t, proxy: server, git: gittest.New(t).Repo("src"), goCmd: proxytest.GoCommand(t)}
	commit := w.git.Commit("main", map[string]gittest.File{"README": {Content: "read me"}, "run": {Exec: true}}, "first", stamp)
	source := lock.Dependency{Name: "src", Git: &lock.Git{URL: "file://" + w.git.Dir, Ref: "refs/heads/main", Commit: commit}, Time: stamp, Why: "branch main in manifest"}
	source.Digest = string(storetest.TarDigest(t, w.git.Dir))
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

// fill fills a store.
func (w *lockWorld) fill(dir string, offline bool) error {
	w.t.Helper()
	w.lock.Seal()
	s, err := store.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	f := Filler{Store: s, GoCommand: w.goCmd, Dir: w.t.TempDir(), Offline: offline}
	return f.Lock(w.t.Context(), w.lock)
}

// TestLock: an empty store has everything afterwards, and nothing is asked for twice.
func TestLock(t *testing.T) {
	w := newLockWorld(t)
	dir := t.TempDir()
	if err := w.fill(dir, false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"goproxy/example.com/app/@v/v1.0.0.zip", "goproxy/example.com/lib/@v/v1.0.0.zip",
		"content_addressable/sha256/" + strings.TrimPrefix(w.lock.Dependencies[1].Digest, "sha256:") + "/file",
		"content_addressable/sha256/" + w.lock.Files[0].Digest.Hex() + "/file",
	} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
	w.proxy.Requests()
	if err := os.RemoveAll(w.git.Dir); err != nil {
		t.Fatal(err)
	}
	for _, offline := range []bool{false, true} {
		if err := w.fill(dir, offline); err != nil || len(w.proxy.Requests()) > 0 {
			t.Errorf("with everything there, offline %v: got %v, want nothing and no request", offline, err)
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
		{"tar", func(l *lock.Lock) { l.Dependencies[1].Digest = string(digest.FromBytes(nil)) }, []string{`lock entry "src": digest of fetched file: got sha256:`, "want " + string(digest.FromBytes(nil))}},
		{"commit", func(l *lock.Lock) { l.Dependencies[1].Git.Commit = strings.Repeat("ab", 20) }, []string{`lock entry "src": `, strings.Repeat("ab", 20)}},
		{"file", func(l *lock.Lock) { l.Files[0].Digest = digest.FromBytes(nil) }, []string{`lock entry "tool": digest of "http:`, "want " + string(digest.FromBytes(nil))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLockWorld(t)
			tt.alter(w.lock)
			err := w.fill(t.TempDir(), false)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// TestLockOffline: what an empty store lacks is named, all at once, and nobody is asked.
func TestLockOffline(t *testing.T) {
	w := newLockWorld(t)
	w.proxy.Requests()
	err := w.fill(t.TempDir(), true)
	if !errors.Is(err, store.ErrMissing) || len(w.proxy.Requests()) > 0 {
		t.Fatalf("got %v, want that it is not in the store, and no request", err)
	}
	for _, want := range []string{
		`lock entry "app": zip of example.com/app@v1.0.0, ` + w.lock.Dependencies[0].Digest, `lock entry "app": zip of example.com/lib@v1.0.0, `,
		`lock entry "src": tar of file://` + w.git.Dir, w.lock.Dependencies[1].Digest,
		`lock entry "tool": "` + w.lock.Files[0].URL + `", ` + string(w.lock.Files[0].Digest),
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}
