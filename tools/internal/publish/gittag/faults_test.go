package gittag_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gittag"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestFaults breaks each request in turn; running again finishes the work.
func TestFaults(t *testing.T) {
	w := newWorld(t, "app")
	d := w.destination()
	items := w.plan(d, publish.Absent)
	w.mustApply(d, items)
	requests := w.server.Services()
	if want := []string{
		gittest.InfoRefs, gittest.LsRefs, gittest.InfoRefs, gittest.Fetch, gittest.InfoRefs, gittest.InfoRefs, gittest.Fetch, gittest.Push,
	}; !slices.Equal(requests, want) {
		t.Errorf("requests: got %q, want %q", requests, want)
	}
	drop := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	late := func(_ http.ResponseWriter, r *http.Request, next http.Handler) { // the answer gets lost
		next.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	for i, service := range requests {
		faults := []func(http.ResponseWriter, *http.Request, http.Handler){drop}
		if service == gittest.Push {
			faults = append(faults, late)
		}
		for _, fault := range faults {
			w.repos["app"].SetRef("refs/tags/1.2.0", "")
			var n atomic.Int32
			w.server.Handle(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if int(n.Add(1)) == i+1 {
						fault(rw, r, next)
					} else {
						next.ServeHTTP(rw, r)
					}
				})
			})
			_, err := w.apply(d, items)
			w.server.Handle(nil)
			if err != nil {
				t.Logf("%s %d: %v", service, i, err)
				w.mustApply(d, items)
			}
			if got := w.repos["app"].Git("rev-parse", "refs/tags/1.2.0"); got != items[0].Digest {
				t.Errorf("%s %d: got %s, want %s", service, i, got, items[0].Digest)
			}
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestChanged: somebody else tags after the plan, or while we push.
func TestChanged(t *testing.T) {
	w := newWorld(t, "app")
	w.config.Prefixed = []string{"app"}
	d := w.destination()
	app := w.repos["app"]
	first := app.Git("rev-parse", w.commit["app"]+"^")
	items := w.plan(d, publish.Absent)
	same := app.AnnotatedTag("x", w.commit["app"], "the same for us")
	for _, tt := range []struct {
		name    string
		racing  bool
		to      string
		changed bool
	}{
		{"before", false, first, true},
		{"lightweight before", false, w.commit["app"], true},
		{"while pushing", true, first, true},
		{"the same while pushing", true, same, false},
	} {
		app.SetRef("refs/tags/1.2.0", "")
		app.SetRef("refs/tags/v1.2.0", "")
		object := tt.to
		if tt.racing {
			var once sync.Once
			w.server.Handle(on(gittest.Push, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				once.Do(func() { app.SetRef("refs/tags/1.2.0", object) })
				next.ServeHTTP(rw, r)
			}))
		} else {
			app.SetRef("refs/tags/1.2.0", object)
		}
		done, err := w.apply(d, items)
		w.server.Handle(nil)
		if errors.Is(err, publish.ErrChanged) != tt.changed {
			t.Errorf("%s: got %q, %v, want changed: %v", tt.name, done, err, tt.changed)
		}
		if got := app.Git("rev-parse", "refs/tags/1.2.0"); got != object {
			t.Errorf("%s: it was overwritten: got %s, want %s", tt.name, got, object)
		}
		if app.Has("refs/tags/v1.2.0") == tt.changed {
			t.Errorf("%s: the other tag: got that it was made: %v", tt.name, !tt.changed)
		}
		if err != nil {
			t.Log(err)
		}
	}
}

// TestRefused: errors say what is wrong and what to do, and a run after that is mended converges.
func TestRefused(t *testing.T) {
	w := newWorld(t, "app", "fork", "gone")
	w.repos["gone"].ForceBranch("main", w.repos["gone"].Git("rev-parse", w.commit["gone"]+"^"))
	only := func(name, url string) { // the release of one dependency
		w.tree = releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: map[string]string{name: w.server.URL(name) + "@" + w.commit[name]}}))
		w.config.URL = url
	}
	hook := filepath.Join(w.repos["app"].Dir, "hooks", "pre-receive")
	for _, tt := range []struct {
		name       string
		setup      func()
		mend       func()
		want, hint string
	}{
		{"hook", func() {
			only("app", "")
			script(t, hook, "echo 'no \"tags\" on Sundays' >&2; printf '%0999d\n' 1 >&2; exit 1\n")
		}, func() { _ = os.Remove(hook) }, `pre-receive hook declined)"; the server says "no \"tags\" on Sundays\n000`, ""},
		{"wrong credentials", func() {
			only("app", "")
			w.repos["app"].SetRef("refs/tags/1.2.0", "")
			w.server.Handle(basic("hunter2"))
			credentials(t, "hunter3")
		}, func() { credentials(t, "hunter2") }, "the server denies access", "credential helper"},
		{"repository missing", func() { w.server.Handle(nil); only("app", w.server.URL("new")) }, func() {
			w.server.Repo("new").Git("fetch", "-q", "--no-tags", w.repos["app"].Dir, "main:main")
		}, "the repository does not exist", "check the URL"},
		{"commit gone", func() { only("gone", "") }, nil, "the commit does not exist", "must have the commit"},
		{"commit gone from both", func() { only("gone", w.server.URL("fork")) }, nil, `fork" lacks the commit`, "fetched from its source"},
		{"a fork without the commit", func() { only("app", w.server.URL("fork")) }, func() {
			w.repos["fork"].Git("config", "receive.shallowUpdate", "true")
		}, "shallow update not allowed", "receive.shallowUpdate"},
		{"source not there", func() {
			only("app", "file://"+filepath.Join(t.TempDir(), "{name}.git"))
			w.server.Handle(func(http.Handler) http.Handler {
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			})
		}, func() { w.server.Handle(nil) }, "lacks the commit", "fetched from its source"},
	} {
		tt.setup()
		d := w.destination()
		items, err := d.Plan(t.Context())
		if err == nil {
			_, err = w.apply(d, items)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(hints(err), tt.hint) || len(err.Error()) > 900 || strings.Contains(hints(err), "hunter") {
			t.Errorf("%s: got %v, want %q and hint %q", tt.name, err, tt.want, tt.hint)
		}
		t.Logf("%s: %s", tt.name, hints(err))
		if tt.mend == nil {
			continue
		}
		tt.mend()
		w.mustApply(d, w.plan(d, publish.Absent))
		w.plan(d, publish.Equal)
	}
}

// TestCancel: a server that does not answer until we have gone does not hold us up.
func TestCancel(t *testing.T) {
	w := newWorld(t, "app")
	d := w.destination()
	items := w.plan(d, publish.Absent)
	ctx, cancel := context.WithCancel(t.Context())
	w.server.Handle(on(gittest.Push, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		<-r.Context().Done()
	}))
	if err := d.Apply(ctx, publish.Reveal, items, nil); err == nil {
		t.Error("got no error")
	}
	w.server.Handle(nil)
	w.mustApply(d, items)
}

// TestApplyItems: only what was planned.
func TestApplyItems(t *testing.T) {
	w := newWorld(t, "app")
	d := w.destination()
	items := w.plan(d, publish.Absent)
	if err := d.Apply(t.Context(), publish.Upload, items, nil); err == nil {
		t.Error("upload: got no error")
	}
	if err := d.Apply(t.Context(), publish.Upload, nil, nil); err != nil {
		t.Errorf("nothing to upload: got %v", err)
	}
	items[0].Digest = strings.Repeat("0", 40)
	if err := d.Apply(t.Context(), publish.Reveal, items, nil); err == nil {
		t.Error("another object: got no error")
	}
	verifier, err := gittag.New(t.Context(), gittag.Config{Name: "git"}, nil)
	if err != nil || verifier.Name() != "git" {
		t.Fatal(err)
	}
	if _, err := verifier.Plan(t.Context()); err == nil {
		t.Error("plan without a release: got no error")
	}
	if err := verifier.Apply(t.Context(), publish.Reveal, items, nil); err == nil {
		t.Error("apply without a release: got no error")
	}
}

// TestVerify finds each change.
func TestVerify(t *testing.T) {
	w := newWorld(t, "app")
	d := w.destination()
	w.mustApply(d, w.plan(d, publish.Absent))
	items := w.plan(d, publish.Equal)
	app := w.repos["app"]
	for name, to := range map[string]string{
		"no tag": "", "lightweight tag on " + w.commit["app"]: w.commit["app"],
		"annotated tag on " + w.commit["app"]: app.AnnotatedTag("x", w.commit["app"], "other"),
		"annotated tag on ":                   app.AnnotatedTag("y", "main", "other"),
	} {
		app.SetRef("refs/tags/1.2.0", to)
		for _, deep := range []bool{false, true} {
			if err := d.Verify(t.Context(), items, deep); err == nil || !strings.Contains(err.Error(), "tag 1.2.0: got "+name) || !strings.Contains(err.Error(), items[0].Digest) {
				t.Errorf("%s, deep %v: got %v", name, deep, err)
			}
		}
	}
	items[0].Name = "https://u:hunter2@git.example/app tag 1.2.0"
	if err := d.Verify(t.Context(), items, false); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("credentials in a receipt: got %v", err)
	}
}
