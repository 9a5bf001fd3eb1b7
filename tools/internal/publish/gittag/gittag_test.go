package gittag_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gittag"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestPublish: from nothing to all there, by each way to a repository.
func TestPublish(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(w *world)
	}{
		{"http", func(*world) {}},
		{"ssh", func(w *world) { overSSH(w, "ssh", w.repos["api"]) }},
		{"file", func(w *world) { w.config.URL = "file://" + filepath.Dir(w.repos["api"].Dir) + "/{name}" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "api", "istio")
			w.config.Prefixed = []string{"api"}
			tt.setup(w)
			d := w.destination()
			items := w.plan(d, publish.Absent)
			var names []string
			for _, item := range items {
				names = append(names, strings.TrimPrefix(item.Name, strings.TrimSuffix(items[0].URL, "api")))
			}
			if want := []string{"api tag 1.2.0", "api tag v1.2.0", "istio tag 1.2.0"}; !slices.Equal(names, want) {
				t.Fatalf("got %q, want %q", names, want)
			}
			w.mustApply(d, items)
			if tt.name == "http" {
				p := w.pushes()
				want := map[string]string{"refs/tags/1.2.0": items[0].Digest, "refs/tags/v1.2.0": items[1].Digest}
				if len(p) != 2 || !maps.Equal(p[0].Refs, want) {
					t.Errorf("pushes: got %v, want both of %v in one", p, want)
				}
			}
			got := w.repos["api"].Git("cat-file", "tag", "refs/tags/v1.2.0")
			want := fmt.Sprintf("object %s\ntype commit\ntag v1.2.0\ntagger Release <release@example.com> %d +0000\n\ndemo 1.2.0", w.commit["api"], releasetest.Time.Unix())
			if got != want {
				t.Errorf("got tag\n%s\nwant\n%s", got, want)
			}
			equal := w.plan(d, publish.Equal)
			for _, item := range equal {
				if item.Version != item.Digest {
					t.Errorf("got %+v, want the object that was made", item)
				}
			}
			w.mustApply(d, items)
			if p := w.pushes(); len(p) > 0 {
				t.Errorf("applying again pushed %v", p)
			}
			verifier, err := gittag.New(t.Context(), w.config, nil)
			if err == nil {
				err = errors.Join(verifier.Verify(t.Context(), equal, false), verifier.Verify(t.Context(), equal, true))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStates: what a repository has, and what the plan makes of it.
func TestStates(t *testing.T) {
	w := newWorld(t, "annotated", "lightweight", "moved", "nested", "other", "tree")
	first := func(name string) string { return w.repos[name].Git("rev-parse", w.commit[name]+"^") }
	mine := w.repos["annotated"].AnnotatedTag("1.2.0", w.commit["annotated"], "by somebody else")
	w.repos["lightweight"].Tag("1.2.0", w.commit["lightweight"])
	w.repos["moved"].Tag("1.2.0", first("moved"))
	w.repos["other"].AnnotatedTag("1.2.0", first("other"), "other")
	w.repos["nested"].AnnotatedTag("inner", w.commit["nested"], "inner")
	nested := w.repos["nested"].AnnotatedTag("1.2.0", "inner", "outer")
	tree := w.repos["tree"].Git("rev-parse", "main^{tree}")
	w.repos["tree"].Tag("1.2.0", tree)
	items, err := w.destination().Plan(t.Context())
	if err != nil || len(items) != 6 {
		t.Fatalf("got %v, %v", items, err)
	}
	for i, want := range []publish.Item{
		{State: publish.Equal, Version: mine},
		{State: publish.Conflict, Found: "lightweight tag on " + w.commit["lightweight"]},
		{State: publish.Conflict, Found: "lightweight tag on " + first("moved")},
		{State: publish.Equal, Version: nested},
		{State: publish.Conflict, Found: "annotated tag on " + first("other")},
		{State: publish.Conflict, Found: "lightweight tag on " + tree},
	} {
		got := items[i]
		if got.State != want.State || got.Version != want.Version || got.Found != want.Found {
			t.Errorf("got %+v, want %+v", got, want)
		}
		// A receipt that is kept with the release has no versions: the digest says which object is there.
		got.Version = ""
		if err := w.destination().Verify(t.Context(), []publish.Item{got}, true); (err == nil) != (want.State == publish.Equal) {
			t.Errorf("verifying %s: got %v", got.Name, err)
		}
	}
}

// TestBytes: what a push sends does not depend on the repository's size.
func TestBytes(t *testing.T) {
	w := newWorld(t, "large", "small")
	history := make([]gittest.Commit, 5000)
	for i := range history {
		history[i] = gittest.Commit{Message: "m", Time: releasetest.Time.Add(time.Duration(i) * time.Second)}
	}
	names := w.repos["large"].Commits("main", history...)
	w.tree = releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: map[string]string{
		"large": w.server.URL("large") + "@" + names[2500], "small": w.server.URL("small") + "@" + w.commit["small"],
	}}))
	d := w.destination()
	w.mustApply(d, w.plan(d, publish.Absent))
	sent, received := map[string]int{}, map[string]int64{}
	for _, r := range w.server.Log() {
		sent[r.Repo] += len(r.Body)
		received[r.Repo] += r.Bytes
	}
	t.Logf("sent %v bytes in all requests, received %v", sent, received)
	for _, p := range w.pushes() {
		t.Logf("the push to %s: %d bytes", p.Repo, len(p.Body))
		if len(p.Body) > 1000 || sent[p.Repo] > 2000 || received[p.Repo] > 5000 {
			t.Errorf("%s: too much", p.Repo)
		}
	}
	if diff := sent["large"] - sent["small"]; diff < -100 || diff > 100 {
		t.Errorf("sent: got %v, want about the same", sent)
	}
	w.plan(d, publish.Equal)
}

// TestServers: repositories and servers that are not as most are.
func TestServers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(w *world)
	}{
		{"without atomic pushes and filters", func(w *world) {
			w.repos["app"].Git("config", "receive.advertiseAtomic", "false")
			w.repos["app"].Git("config", "uploadpack.allowFilter", "false")
		}},
		{"protocol v0", func(w *world) {
			w.server.Handle(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					r.Header.Del("Git-Protocol")
					next.ServeHTTP(rw, r)
				})
			})
		}},
		{"protocol v0 by ssh", func(w *world) { overSSH(w, "simple", w.repos["app"]) }},
		{"SHA-256, and a repository that is to be made", func(w *world) {
			w.config.URL = "file://" + filepath.Join(w.TempDir(), "a/b", "{name}.git")
			r := w.server.NewRepo("sha256", "sha256")
			commit := r.Commits("main", gittest.Commit{Message: "a", Time: releasetest.Time}, gittest.Commit{Message: "b", Time: releasetest.Time})[0]
			w.repos["app"] = r
			w.tree = releasetest.Open(w, releasetest.Make(w, releasetest.Args{Git: map[string]string{"app": w.server.URL("sha256") + "@" + commit}}))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "app")
			tt.setup(w)
			w.config.Prefixed = []string{"app"}
			d := w.destination()
			items := w.plan(d, publish.Absent)
			w.mustApply(d, items)
			equal := w.plan(d, publish.Equal)
			if err := d.Verify(t.Context(), equal, true); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	commits := []string{strings.Repeat("a", 40), strings.Repeat("b", 40)}
	git := map[string]string{"a": "https://git.example/a@" + commits[0], "b": "https://git.example/b@" + commits[1]}
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: git}))
	bad := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: git, Version: "1..2"}))
	who := gittag.Tagger{Name: "R", Email: "r@example.com"}
	for _, tt := range []struct {
		name   string
		config gittag.Config
		tree   *release.Tree
		want   string
	}{
		{"one repository for two commits", gittag.Config{Tagger: who, URL: "https://git.example/fork"}, tree, `dependencies "a" and "b" are both to be tagged 1.2.0 in "https://git.example/fork", on commits ` + commits[0]},
		{"password", gittag.Config{Tagger: who, URL: "https://u:hunter2@git.example/{name}"}, tree, "credentials in it"},
		{"token", gittag.Config{Tagger: who, URL: "https://hunter2@git.example/{name}"}, tree, "credentials in it"},
		{"password for ssh", gittag.Config{Tagger: who, URL: "ssh://u:hunter2@git.example/{name}"}, tree, "credentials in it"},
		{"query", gittag.Config{Tagger: who, URL: "https://git.example/{name}?t=hunter2"}, tree, `"?"`},
		{"no URL", gittag.Config{Tagger: who, URL: "https://hunter2%zz/{name}"}, tree, "cannot be parsed"},
		{"scheme", gittag.Config{Tagger: who, URL: "ext::hunter2 {name}"}, tree, "scheme"},
		{"file without a path", gittag.Config{Tagger: who, URL: "file://host/{name}"}, tree, "absolute path"},
		{"unknown name", gittag.Config{Tagger: who, Prefixed: []string{"c"}}, tree, `tag v1.2.0 is for dependency "c"`},
		{"no tagger", gittag.Config{}, tree, `tagger: got name "", address ""`},
		{"odd tagger", gittag.Config{Tagger: gittag.Tagger{Name: "R\n", Email: "x"}}, tree, `tagger: got name "R\n"`},
		{"message", gittag.Config{Tagger: who, Message: "\x00"}, tree, "zero byte"},
		{"version", gittag.Config{Tagger: who}, bad, `version "1..2" cannot be the name of a git tag`},
	} {
		d, err := gittag.New(t.Context(), tt.config, tt.tree)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, %v, want %q", tt.name, d, err, tt.want)
		}
	}
}

// TestNoGit plans the first tags of a directory where there is no git: that ends before anything
// is published.
func TestNoGit(t *testing.T) {
	w := newWorld(t, "api")
	w.config.URL, w.config.Client.Command = "file://"+t.TempDir()+"/{name}.git", filepath.Join(t.TempDir(), "git")
	items, err := w.destination().Plan(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "looking for the git command, which tags: ") {
		t.Errorf("got %v, %v, want that there is no git", items, err)
	}
}
