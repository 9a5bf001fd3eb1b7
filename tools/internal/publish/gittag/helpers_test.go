package gittag_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gittag"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A world is a git server and a release of its repositories.
type world struct {
	*testing.T
	server *gittest.Server
	repos  map[string]*gittest.Repo
	commit map[string]string // what is pinned: not the tip
	tree   *release.Tree
	config gittag.Config
}

func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	gittest.Env(t)
	w := &world{T: t, server: gittest.New(t), repos: map[string]*gittest.Repo{}, commit: map[string]string{}}
	pinned := map[string]string{}
	for _, name := range names {
		r := w.server.Repo(name)
		commits := r.Commits("main",
			gittest.Commit{Files: map[string]gittest.File{"README": {Content: name}}, Message: "first", Time: releasetest.Time},
			gittest.Commit{Files: map[string]gittest.File{"README": {Content: "pinned"}}, Message: "second", Time: releasetest.Time},
			gittest.Commit{Files: map[string]gittest.File{"README": {Content: "tip"}}, Message: "third", Time: releasetest.Time})
		w.repos[name], w.commit[name] = r, commits[1]
		pinned[name] = w.server.URL(name) + "@" + commits[1]
	}
	w.tree = releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: pinned}))
	w.config = gittag.Config{
		Name: "git", Tagger: gittag.Tagger{Name: "Release", Email: "release@example.com"},
		Client: gitsource.Client{Scratch: t.TempDir(), Timeout: 20 * time.Second, Attempts: 1, Backoff: time.Millisecond},
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(w.config.Client.Scratch); err != nil || len(left) > 0 {
			t.Errorf("scratch directory after the test: got %v, %v, want nothing", left, err)
		}
	})
	return w
}

func (w *world) destination() publish.Destination {
	w.Helper()
	d, err := gittag.New(w.Context(), w.config, w.tree)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// plan returns the items, each of which has to be in the state.
func (w *world) plan(d publish.Destination, want publish.State) []publish.Item {
	w.Helper()
	w.server.Reset()
	items, err := d.Plan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, item := range items {
		if item.State != want || item.Kind != "git tag" || item.Phase != publish.Reveal || (item.Version != "") != (want == publish.Equal) || item.URL == "" {
			w.Errorf("got %+v, want it %s", item, want)
		}
	}
	for _, r := range w.server.Log() {
		if r.Service != gittest.InfoRefs && r.Service != gittest.LsRefs {
			w.Errorf("planning asked for %s of %s", r.Service, r.Repo)
		}
	}
	return items
}

// apply applies items and returns the names of those that were done.
func (w *world) apply(d publish.Destination, items []publish.Item) (done []string, err error) {
	w.server.Reset()
	err = d.Apply(w.Context(), publish.Reveal, items, func(p publish.Progress) { done = append(done, p.Done.Name) })
	return done, err
}

func (w *world) mustApply(d publish.Destination, items []publish.Item) {
	w.Helper()
	if done, err := w.apply(d, items); err != nil || len(done) != len(items) {
		w.Fatalf("applying %d items: got %q, %v", len(items), done, err)
	}
}

// pushes are the pushes since the last reset.
func (w *world) pushes() (all []gittest.Request) {
	for _, r := range w.server.Log() {
		if r.Service == gittest.Push {
			all = append(all, r)
		}
	}
	return all
}

func hints(err error) string {
	var b strings.Builder
	cli.Fail(&b, "x", err)
	return b.String()
}

// on answers one kind of request by f.
func on(service string, f func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if is(r, service) {
				f(w, r, next)
			} else {
				next.ServeHTTP(w, r)
			}
		})
	}
}

func is(r *http.Request, service string) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case err != nil:
		return false
	case r.Method == http.MethodGet:
		return service == gittest.InfoRefs
	case strings.HasSuffix(r.URL.Path, "/git-receive-pack"):
		return service == gittest.Push
	case bytes.Contains(body, []byte("command=ls-refs")):
		return service == gittest.LsRefs
	}
	return service == gittest.Fetch
}

// basic lets in who has the password.
func basic(password string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, got, _ := r.BasicAuth(); got != password {
				w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// credentials has git take a password from a helper, as a user configures it.
func credentials(t *testing.T, password string) {
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "credential.helper")
	t.Setenv("GIT_CONFIG_VALUE_0", fmt.Sprintf("!echo username=bot; echo password=%s; :", password))
}

// script makes a program.
func script(t *testing.T, name, text string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o755)); err != nil {
		t.Fatal(err)
	}
	return name
}

// overSSH has repositories reached by a command that runs on this machine what it
// is to run on another. The variant simple cannot ask for protocol v2.
func overSSH(w *world, variant string, r *gittest.Repo) {
	w.Setenv("GIT_SSH", script(w.T, filepath.Join(w.TempDir(), "ssh"), `for command; do :; done; exec sh -c "$command"`+"\n"))
	w.Setenv("GIT_SSH_VARIANT", variant)
	w.config.URL = "ssh://git@git.example" + filepath.Dir(r.Dir) + "/{name}"
}
