package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// openTags makes the destination of the tags of three repositories.
func openTags(t *testing.T, s *githubtest.Server, tree *release.Tree, edit ...func(*TagsConfig)) *tags {
	t.Helper()
	cfg := TagsConfig{
		Token: s.Token, BaseURL: s.URL, Transport: transport(t), VPrefixed: map[string]bool{"client-go": true},
		TaggerName: "Release Bot", TaggerEmail: "bot@example.com",
	}
	if tree == nil {
		cfg.VPrefixed = nil
	}
	for _, f := range edit {
		f(&cfg)
	}
	d, err := NewTags(t.Context(), cfg, tree)
	if err != nil {
		t.Fatal(err)
	}
	d.(*tags).c.pause = time.Millisecond
	return d.(*tags)
}

func startTags(t *testing.T) *githubtest.Server {
	s := githubtest.New(t)
	addRepos(s)
	return s
}

func addRepos(s *githubtest.Server) {
	for _, name := range []string{"api", "client-go", "proxy"} {
		s.AddRepo("istio", name, commit, other)
	}
}

// tagsTree opens a release that pins three repositories, one of them twice.
func tagsTree(t *testing.T) *release.Tree {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: map[string]string{
		"api": "https://github.com/istio/api@" + commit, "client-go": "https://github.com/istio/client-go@" + commit,
		"proxy": "https://github.com/istio/proxy.git@" + other, "proxy-too": "https://github.com/istio/proxy@" + other,
	}}))
	return tree
}

func checkTags(t *testing.T, s *githubtest.Server) {
	t.Helper()
	for _, w := range [][3]string{{"api", tag, commit}, {"client-go", tag, commit}, {"client-go", "v" + tag, commit}, {"proxy", tag, other}} {
		if object, c := s.Tag("istio", w[0], w[1]); c != w[2] || object == c {
			t.Errorf("tag %s of %s: got %s, %s, want an annotated one on %s", w[1], w[0], object, c, w[2])
		}
	}
}

// TestTags goes through the life of tags.
func TestTags(t *testing.T) {
	s, tree := startTags(t), tagsTree(t)
	d := openTags(t, s, tree)
	items := mustPlan(t, d)
	if len(items) != 8 || len(states(items)) > 0 || items[4].Name != s.URL+"/istio/api tag 1.2.0" || items[4].Kind != "git tag" {
		t.Errorf("got %+v", items)
	}
	if w := s.Writes(); len(w) > 0 {
		t.Errorf("Plan wrote %q", w)
	}
	var r recorder
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), r.report); err != nil {
		t.Fatal(err)
	}
	if object, _ := s.Tag("istio", "api", tag); object != "" {
		t.Errorf("after upload: got tag %s, want none", object)
	}
	if err := openTags(t, s, nil).Verify(t.Context(), r.done, true); err != nil {
		t.Errorf("reading back objects: %v", err)
	}
	if err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), r.report); err != nil {
		t.Fatal(err)
	}
	checkTags(t, s)
	if len(r.done) != 8 {
		t.Errorf("got %d items done, want 8", len(r.done))
	}
	object, _ := s.Tag("istio", "api", tag)

	s.ClearLog()
	d = openTags(t, s, tree)
	items = mustPlan(t, d)
	for _, i := range items {
		if i.State != publish.Equal || len(i.Version) != 40 || (i.URL == "") != (i.Phase == publish.Upload) {
			t.Errorf("got %+v", i)
		}
	}
	if err := apply(t.Context(), d, items, nil); err != nil {
		t.Error(err)
	}
	if err := openTags(t, s, nil).Verify(t.Context(), items, false); err != nil {
		t.Error(err)
	}
	if w := s.Writes(); len(w) > 0 {
		t.Errorf("applied again, it wrote %q", w)
	}
	addRepos(s) // anew: the tags come to be the same objects
	if err := run(t.Context(), openTags(t, s, tree)); err != nil {
		t.Error(err)
	}
	if again, _ := s.Tag("istio", "api", tag); again != object {
		t.Errorf("made again: got object %s, want %s", again, object)
	}
}

// TestNewTags refuses what cannot be tagged.
func TestNewTags(t *testing.T) {
	for _, tt := range []struct {
		name string
		git  map[string]string
		edit func(*TagsConfig)
		want string
	}{
		{"two commits", map[string]string{"a": "https://github.com/istio/api@" + commit, "b": "https://github.com/istio/api.git@" + other}, nil,
			"istio/api tag 1.2.0: dependencies pin commits " + commit + " and " + other},
		{"no repository", map[string]string{"a": "https://git.example.com/a/b/c@" + commit}, nil, `dependency "a": GitHub repository "a/b/c": want OWNER/REPO`},
		{"a file", map[string]string{"a": "file:///srv/a@" + commit}, nil, `dependency "a": GitHub repository "/"`},
		{"v for none", nil, func(c *TagsConfig) { c.VPrefixed = map[string]bool{"x": true} }, `tag v1.2.0 is for "x"`},
		{"no tagger", nil, func(c *TagsConfig) { c.TaggerEmail = "" }, "the tagger has no name or no email address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := TagsConfig{TaggerName: "a", TaggerEmail: "a@example.com"}
			if tt.edit != nil {
				tt.edit(&cfg)
			}
			_, err := NewTags(t.Context(), cfg, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Git: tt.git})))
			contains(t, err, tt.want)
		})
	}
	for s, want := range map[string]string{
		"https://github.com/istio/api": "istio/api", "https://github.com/istio/api.git/": "istio/api", "ssh://git@github.com/istio/api.git": "istio/api",
		"git@github.com:istio/api.git": "istio/api", "/srv/istio/api": "/", "": "/",
	} {
		owner, repo, err := splitURL(s)
		if got := owner + "/" + repo; got != want || (err == nil) != (len(want) > 3) {
			t.Errorf("%q: got %q, %v, want %q", s, got, err, want)
		}
	}
}

// TestTagConflicts has other tags in place.
func TestTagConflicts(t *testing.T) {
	tree := tagsTree(t)
	for _, tt := range []struct {
		name string
		add  func(*githubtest.Server)
		want string // of api's tag
	}{
		{"another commit", func(s *githubtest.Server) { s.AddTag("istio", "api", tag, other, true) }, "conflict tag on " + other},
		{"lightweight", func(s *githubtest.Server) { s.AddTag("istio", "api", tag, commit, false) }, "conflict lightweight tag on " + commit},
		{"lightweight elsewhere", func(s *githubtest.Server) { s.AddTag("istio", "api", tag, other, false) }, "conflict lightweight tag on " + other},
		{"of another person", func(s *githubtest.Server) { s.AddTag("istio", "api", tag, commit, true) }, "equal"},
		{"a tag of a tag", func(s *githubtest.Server) {
			s.AddTag("istio", "api", tag, s.AddTag("istio", "api", "x", commit, true), true)
		}, "equal"},
		{"a longer name", func(s *githubtest.Server) { s.AddTag("istio", "api", tag+"0", other, true) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startTags(t)
			tt.add(s)
			var want []string
			if tt.want != "" {
				want = []string{"object api tag object 1.2.0: " + tt.want, "git tag api tag 1.2.0: " + tt.want}
			}
			if got := states(mustPlan(t, openTags(t, s, tree))); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	s := startTags(t)
	s.AddRepo("istio", "api", other)
	s.AddRepo("istio", "client-go", other)
	_, err := openTags(t, s, tree).Plan(t.Context())
	contains(t, err, "repository istio/api has no commit "+commit+"\nrepository istio/client-go has no commit "+commit)
	for _, name := range []string{"api", "client-go", "proxy"} {
		s.AddRepo("fork", name, commit, other)
	}
	if err := run(t.Context(), openTags(t, s, tree, func(c *TagsConfig) { c.Owner = "fork" })); err != nil {
		t.Error(err)
	}
	if _, c := s.Tag("fork", "proxy", tag); c != other {
		t.Errorf("fork: got %s", c)
	}
}

// TestTagChanged has somebody else make the tag between plan and reveal.
func TestTagChanged(t *testing.T) {
	tree := tagsTree(t)
	for _, tt := range []struct {
		name      string
		target    string
		annotated bool
		want      string
	}{
		{"another commit", other, true, "got tag on " + other},
		{"lightweight", commit, false, "got lightweight tag on " + commit},
		{"as it is to be", commit, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startTags(t)
			d := openTags(t, s, tree)
			items := mustPlan(t, d)
			object := s.AddTag("istio", "api", tag, tt.target, tt.annotated)
			err := apply(t.Context(), d, items, nil)
			if tt.want != "" {
				contains(t, err, tt.want)
			}
			if errors.Is(err, publish.ErrChanged) != (tt.want != "") {
				t.Errorf("got %v, want it to wrap ErrChanged: %v", err, tt.want != "")
			}
			if got, _ := s.Tag("istio", "api", tag); got != object {
				t.Errorf("got %s, want %s", got, object)
			}
		})
	}
}

// TestTagFaults breaks each request in each way, once and for good.
func TestTagFaults(t *testing.T) {
	s, tree, tr := startTags(t), tagsTree(t), transport(t)
	for _, mode := range []string{"cut", "lost", "half", "500"} {
		for _, crash := range []bool{false, true} {
			for n := 1; ; n++ {
				addRepos(s)
				f := &faulty{base: tr, at: n, crash: crash, mode: mode}
				err := run(t.Context(), openTags(t, s, tree, func(c *TagsConfig) { c.Transport, c.Jobs = f, 1 }))
				if f.n < n {
					break
				}
				if err := run(t.Context(), openTags(t, s, tree, func(c *TagsConfig) { c.Transport = tr })); err != nil {
					t.Errorf("running again: %v", err)
				}
				checkTags(t, s)
				if t.Failed() {
					t.Fatalf("%s of request %d, crash %v: %v", mode, n, crash, err)
				}
			}
		}
	}
	for n := 1; ; n++ {
		addRepos(s)
		ctx, cancel := context.WithCancel(t.Context())
		f := &faulty{base: tr, at: n, mode: "call", onNth: cancel}
		err := run(ctx, openTags(t, s, tree, func(c *TagsConfig) { c.Transport, c.Jobs = f, 1 }))
		cancel()
		if f.n < n {
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at request %d: got %v", n, err)
		}
	}
}

// TestVerifyTags alters tags.
func TestVerifyTags(t *testing.T) {
	s, tree := startTags(t), tagsTree(t)
	if err := run(t.Context(), openTags(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	items := mustPlan(t, openTags(t, s, tree))
	var kept []publish.Item // as a receipt that is kept with the release has them
	for _, i := range items {
		i.Version = ""
		kept = append(kept, i)
	}
	if err := openTags(t, s, nil).Verify(t.Context(), kept, false); err != nil {
		t.Errorf("without the names of objects: got %v", err)
	}
	s.RemoveTag("istio", "api", tag)
	contains(t, openTags(t, s, nil).Verify(t.Context(), kept, false), "api tag 1.2.0\": got none, want a tag on "+commit)
	s.AddTag("istio", "client-go", tag, other, true)
	s.AddTag("istio", "client-go", "v"+tag, commit, false)
	items[3].Version = strings.Repeat("0", 40)
	s.ClearLog()
	err := openTags(t, s, nil).Verify(t.Context(), items, false)
	want := []string{
		"api tag 1.2.0\": got none, want a tag on " + commit,
		"client-go tag 1.2.0\": got tag on " + other + ", want an annotated tag on " + commit,
		"client-go tag v1.2.0\": got lightweight tag on " + commit + ", want an annotated",
		"proxy tag object 1.2.0\": got none, want 0000",
	}
	for _, w := range want {
		contains(t, err, w)
	}
	if got := len(strings.Split(fmt.Sprint(err), "\n")); got != len(want) {
		t.Errorf("got %d errors, want %d: %v", got, len(want), err)
	}
	for _, r := range s.Log() {
		if r.Method != http.MethodGet {
			t.Errorf("Verify sent %s %s", r.Method, r.URL)
		}
	}
	contains(t, openTags(t, s, nil).Verify(t.Context(), []publish.Item{{Kind: "git tag", Name: "x"}}, false), `item "x": want`)
}
