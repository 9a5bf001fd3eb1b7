package resolve

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

const twoManifest = `version: 1.0.0
platforms: [linux-amd64]
dependencies:
  app: {git: "{server}/app", branch: main}
  lib: {git: "{server}/lib", branch: main}
`

// newTwo returns a world with two resolved repositories.
func newTwo(t *testing.T) (w *gitWorld, app, lib *gittest.Repo) {
	t.Helper()
	w = newGitWorld(t)
	app, lib = w.server.Repo("app"), w.server.Repo("lib")
	for _, r := range []*gittest.Repo{app, lib} {
		r.Commit("main", map[string]gittest.File{"README": {Content: r.Name}}, "first", commitTime)
	}
	w.manifest(twoManifest)
	w.mustResolve()
	return w, app, lib
}

func advance(r *gittest.Repo) string {
	return r.Commit("main", map[string]gittest.File{"more": {Content: "more"}}, "second", commitTime)
}

// TestUpdate: a locked branch stays until an update names it, and --check says that it has moved.
func TestUpdate(t *testing.T) {
	w, app, lib := newTwo(t)
	if !regexp.MustCompile(`(?m)^resolve: app: \d+ B in \d+\.\d s$`).MatchString(w.stderr.String()) {
		t.Errorf("progress: got %q, want how much came from app", w.stderr.String())
	}
	before := w.lockBytes()
	newApp, newLib := advance(app), advance(lib)
	w.server.Reset()
	w.mustResolve()
	if !bytes.Equal(w.lockBytes(), before) || len(w.server.Log()) > 0 {
		t.Errorf("without --update: got requests %q and the lock\n%s", w.server.Services(), w.lockBytes())
	}
	w.mustResolve("--check")
	for _, want := range []string{"behind: dependency app: branch main is at " + newApp[:12] + ", the lock has ", "behind: dependency lib: branch main is at " + newLib[:12], "lock.json is up to date\n"} {
		if !strings.Contains(w.stdout.String(), want) {
			t.Errorf("--check: got %q, want %q", w.stdout.String(), want)
		}
	}
	w.server.Reset()
	w.mustResolve("--update", "lib")
	if l := w.lock(); l.Dependencies[0].Git.Commit == newApp || l.Dependencies[1].Git.Commit != newLib {
		t.Errorf("--update lib: got %s and %s, want the new commit of lib alone", l.Dependencies[0].Git.Commit, l.Dependencies[1].Git.Commit)
	}
	w.server.Reset()
	w.mustResolve("--update", "lib")
	if got := w.server.Services(); slices.Contains(got, gittest.Fetch) || !slices.Contains(got, gittest.LsRefs) {
		t.Errorf("--update of what has not moved: got requests %q, want one look and no fetch", got)
	}
	w.mustResolve("--update", "all", "--json")
	if l := w.lock(); l.Dependencies[0].Git.Commit != newApp {
		t.Errorf("--update all: got %s, want %s", l.Dependencies[0].Git.Commit, newApp)
	}
}

// TestManifestChanged: another branch, tag or exclude makes the locked commit stale.
func TestManifestChanged(t *testing.T) {
	w, app, _ := newTwo(t)
	app.Tag("v1", advance(app))
	w.manifest(strings.Replace(twoManifest, `app", branch: main`, `app", tag: v1`, 1))
	if status := w.resolve("--check"); status != cli.Failure || !strings.Contains(w.stdout.String(), "(tag v1 in manifest)") {
		t.Errorf("--check: got exit status %d and %q", status, w.stdout.String())
	}
	w.mustResolve()
	if d := w.lock().Dependencies[0]; d.Git.Ref != "refs/tags/v1" || d.Size != 7 {
		t.Errorf("got %+v of %d bytes, want the tag, 7 bytes", d.Git, d.Size)
	}
	w.manifest(strings.Replace(twoManifest, `app", branch: main`, `app", tag: v1, exclude: [more]`, 1))
	w.mustResolve()
	if d := w.lock().Dependencies[0]; d.Size != 3 || !slices.Equal(d.Exclude, []string{"more"}) {
		t.Errorf("got %d bytes without %q, want 3 without more", d.Size, d.Exclude)
	}
}

// TestInsteadOf: a mirror may stand in; the lock names the origin.
func TestInsteadOf(t *testing.T) {
	w := newGitWorld(t)
	w.server.Repo("mirror/app").Commit("main", map[string]gittest.File{"README": {}}, "first", commitTime)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url."+w.server.URL("mirror")+"/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "https://git.example/org/")
	w.manifest("version: 1.0.0\ndependencies:\n  app: {git: https://git.example/org/app, branch: main}\n")
	w.mustResolve()
	if got := w.lock().Dependencies[0].Git.URL; got != "https://git.example/org/app" {
		t.Errorf("got %q, want the origin", got)
	}
	if strings.Contains(string(w.lockBytes()), "127.0.0.1") {
		t.Errorf("the lock names the mirror:\n%s", w.lockBytes())
	}
}

// TestGitErrors: each thing that goes wrong is said with the dependency's name
// and a hint, and nothing is written.
func TestGitErrors(t *testing.T) {
	commit := strings.Repeat("0123456789", 4)
	for _, tt := range []struct {
		name, dependency string
		handle           func(http.Handler) http.Handler
		want, hint       string
	}{
		{"branch", `{git: "{server}/app", branch: mian}`, nil, `branch "mian" of "`, "hint: "},
		{"tag", `{git: "{server}/app", tag: v2}`, nil, `tag "v2" of "`, "hint: "},
		{"commit", `{git: "{server}/app", sha: "` + commit + `"}`, nil, "commit " + commit + " of ", "hint: "},
		{"prefix", `{git: "{server}/app", sha: "0123456789ab"}`, nil, "commit 0123456789ab of ", "hint: "},
		{"not on the branch", `{git: "{server}/app", branch: main, sha: "{other}"}`, nil, `is not on the branch`, "hint: "},
		{"repository", `{git: "{server}/none", branch: main}`, nil, "the repository does not exist", "hint: "},
		{"directory", `{git: ../../none, branch: main}`, nil, "the repository does not exist", "hint: "},
		{"credentials", `{git: "{server}/app", branch: main}`, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
		}, "the server denies access", "credential"},
		{"garbage", `{git: "{server}/app", branch: main}`, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
				w.Write([]byte("<html>welcome</html>"))
			})
		}, "does not speak git's protocol", "hint: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newGitWorld(t)
			app := w.server.Repo("app")
			app.Tag("v1", app.Commit("main", map[string]gittest.File{"README": {}}, "first", commitTime))
			other := app.Commit("other", map[string]gittest.File{"README": {Content: "x"}}, "other", commitTime)
			w.server.Handle(tt.handle)
			w.manifest("version: 1.0.0\ndependencies:\n  app: " + strings.ReplaceAll(tt.dependency, "{other}", other) + "\n")
			if status := w.resolve(); status != cli.Failure || w.stdout.Len() > 0 {
				t.Errorf("got exit status %d and %q, want %d", status, w.stdout.String(), cli.Failure)
			}
			for _, want := range []string{`resolve: error: dependency "app": `, tt.want, "resolve: hint: ", tt.hint} {
				if !strings.Contains(w.stderr.String(), want) {
					t.Errorf("got %q, want %q", w.stderr.String(), want)
				}
			}
			if _, err := os.Stat(filepath.Join(w.dir, "manifests", "demo", "lock.json")); err == nil {
				t.Error("a lock was written")
			}
		})
	}
}

// TestCommitGone: a branch was forced, the locked commit is gone, and so is the store.
func TestCommitGone(t *testing.T) {
	w, app, _ := newTwo(t)
	app.Git("update-ref", "-d", "refs/heads/main")
	app.Git("gc", "--quiet", "--prune=now")
	forced := app.Commit("main", map[string]gittest.File{"README": {Content: "forced"}}, "forced", commitTime)
	w.flags = append(w.flags, "--store", t.TempDir())
	before := w.lockBytes()
	if status := w.resolve(); status != cli.Failure {
		t.Errorf("got exit status %d, want %d", status, cli.Failure)
	}
	for _, want := range []string{`dependency "app": `, "the commit does not exist", "hint: to pin the current commit, run tools/bazel run //release:resolve -- --update app\n"} {
		if !strings.Contains(w.stderr.String(), want) {
			t.Errorf("got %q, want %q", w.stderr.String(), want)
		}
	}
	if !bytes.Equal(before, w.lockBytes()) {
		t.Error("the lock changed")
	}
	w.mustResolve("--update", "app")
	if got := w.lock().Dependencies[0].Git.Commit; got != forced {
		t.Errorf("--update: got %s, want %s", got, forced)
	}
}

// TestLocalRepository: of a repository's directory, HEAD is pinned, or with
// --allow-dirty what is there.
func TestLocalRepository(t *testing.T) {
	w := newGitWorld(t)
	r := w.server.Repo("src")
	first := r.Commit("main", map[string]gittest.File{"README": {Content: "one"}, ".gitignore": {Content: "ignored\n"}}, "first", commitTime)
	src := filepath.Join(w.dir, "src")
	r.Git("clone", "--quiet", r.Dir, src)
	w.manifest("version: 1.0.0\ndependencies:\n  src: {localpath: ../../src}\n")
	proxytest.Plant(t, src, map[string]string{"ignored": "x"})
	w.mustResolve()
	clean := w.lock().Dependencies[0]
	if clean.Local.Commit != first || clean.Local.Dirty || clean.Why != "HEAD of localpath" || !clean.Time.Equal(commitTime) {
		t.Errorf("got %+v, %q at %v, want %s", clean.Local, clean.Why, clean.Time, first)
	}
	proxytest.Plant(t, src, map[string]string{"README": "two", "new": "three"})
	if status := w.resolve(); status != cli.Failure || !strings.Contains(w.stderr.String(), `has uncommitted changes: "README", "new"`) {
		t.Errorf("dirty: got exit status %d: %s", status, w.stderr.String())
	}
	w.mustResolve("--allow-dirty")
	dirty := w.lock().Dependencies[0]
	if dirty.Local.Commit != first || !dirty.Local.Dirty || dirty.Digest == clean.Digest || dirty.Size != int64(len("two")+len("three")+len("ignored\n")) {
		t.Errorf("--allow-dirty: got %+v of %d bytes", dirty.Local, dirty.Size)
	}
}
