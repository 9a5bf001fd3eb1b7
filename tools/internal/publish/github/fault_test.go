package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// visible returns an error unless what people see is nothing or all of the release.
func visible(s *githubtest.Server) error {
	for _, r := range s.Releases(owner, repo) {
		if r.Draft {
			continue
		}
		for _, name := range names {
			if !slices.ContainsFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == name && a.State == "uploaded" }) {
				return fmt.Errorf("published without %s", name)
			}
		}
	}
	return nil
}

// TestFaults breaks each request of a run in each way: once, and for good. Running
// again has to bring all of it.
func TestFaults(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	tr := transport(t)
	s := start(t)
	requests := 0
	for _, mode := range []string{"cut", "lost", "half", "500"} {
		for _, crash := range []bool{false, true} {
			for n := 1; ; n++ {
				s.AddRepo(owner, repo, commit, other)
				f := &faulty{base: tr, at: n, crash: crash, mode: mode}
				err := run(t.Context(), open(t, s, tree, func(c *Config) { c.Transport, c.Jobs = f, 1 }))
				name := fmt.Sprintf("%s of request %d, crash %v", mode, n, crash)
				if err := visible(s); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if f.n < n {
					requests = n - 1
					break
				}
				if crash && err == nil && n > 1 && f.n > n {
					t.Errorf("%s: got no error", name)
				}
				if err := run(t.Context(), open(t, s, tree, func(c *Config) { c.Transport = tr })); err != nil {
					t.Errorf("%s: running again: %v", name, err)
				}
				checkPublished(t, s)
				if t.Failed() {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
	if requests < 15 {
		t.Errorf("got %d requests in a run, want more", requests)
	}
	t.Logf("%d requests in a run", requests)
}

// TestBlip has each write break once: the same run goes on.
func TestBlip(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	for _, mode := range []string{"cut", "lost", "half", "500"} {
		t.Run(mode, func(t *testing.T) {
			s := start(t)
			d := open(t, s, tree, func(c *Config) { c.Transport = &eachWrite{base: transport(t), mode: mode, seen: map[string]bool{}} })
			var r recorder
			if err := apply(t.Context(), d, mustPlan(t, d), r.report); err != nil {
				t.Fatal(err)
			}
			checkPublished(t, s)
			var want int64
			for _, a := range d.assets {
				want += a.Size
			}
			// Of an upload whose answer was lost nothing has to be sent again.
			if r.bytes != want && !(mode == "lost" && r.bytes == 0) || len(r.done) != 7 {
				t.Errorf("reported: got %d bytes and %d items, want %d and 7", r.bytes, len(r.done), want)
			}
		})
	}
}

// eachWrite breaks the first attempt at each write.
type eachWrite struct {
	base http.RoundTripper
	mode string
	f    faulty
	seen map[string]bool
}

func (e *eachWrite) RoundTrip(req *http.Request) (*http.Response, error) {
	key := req.Method + req.URL.String()
	e.f.mu.Lock()
	first := req.Method != http.MethodGet && req.Method != http.MethodDelete && !e.seen[key]
	e.seen[key] = true
	e.f.mu.Unlock()
	if !first {
		return e.base.RoundTrip(req)
	}
	return (&faulty{base: e.base, at: 1, mode: e.mode}).RoundTrip(req)
}

// TestStarter finds what a broken upload left, and no finished asset is deleted.
func TestStarter(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	manifest, err := tree.ReadFile(t.Context(), "manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true, Assets: []githubtest.Asset{
		{Name: "lock.json", State: "starter"}, {Name: "manifest.yaml", Content: manifest, ContentType: "application/yaml"},
	}})
	items := mustPlan(t, open(t, s, tree))
	if got, want := states(items), []string{"asset manifest.yaml: equal", "release 1.2.0: behind draft 1 with another title or other notes"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	checkPublished(t, s)
	deleted := slices.DeleteFunc(s.Writes(), func(w string) bool { return !strings.HasPrefix(w, "DELETE") })
	if want := []string{"DELETE /repos/istio/istio/releases/assets/2"}; !slices.Equal(deleted, want) {
		t.Errorf("got %q, want %q", deleted, want)
	}
}

// TestChanged has somebody else change something between plan and apply, or right
// before the request that publishes. Nothing of it is overwritten.
func TestChanged(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	edit := func(f func(*githubtest.Release) bool) func(*githubtest.Server) {
		return func(s *githubtest.Server) { s.EditRelease(owner, repo, tag, f) }
	}
	strange := githubtest.Asset{Name: "lock.json", Content: []byte("x")}
	for _, tt := range []struct {
		name   string
		phase  publish.Phase // before which it happens
		change func(*githubtest.Server)
		want   string // in the error; empty for none
	}{
		{"another asset in a draft", publish.Upload, func(s *githubtest.Server) {
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true, Assets: []githubtest.Asset{strange}})
		}, `uploading asset "lock.json" of istio/istio: got sha256:`},
		{"another release", publish.Upload, func(s *githubtest.Server) {
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag})
		}, "the release was published without it"},
		{"two drafts", publish.Upload, func(s *githubtest.Server) {
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true})
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true})
		}, "2 drafts of this tag"},
		{"another draft", publish.Reveal, func(s *githubtest.Server) {
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true})
		}, "2 drafts of this tag"},
		{"draft removed", publish.Reveal, edit(func(*githubtest.Release) bool { return false }), "no draft"},
		{"other notes", publish.Reveal, edit(func(r *githubtest.Release) bool { r.Notes = "mine"; return true }), "draft: got "},
		{"one asset more", publish.Reveal, edit(func(r *githubtest.Release) bool {
			r.Assets = append(r.Assets, githubtest.Asset{Name: "strange.txt", Content: []byte("x")})
			return true
		}), "with extra strange.txt"},
		{"one asset less", publish.Reveal, edit(func(r *githubtest.Release) bool { r.Assets = r.Assets[1:]; return true }), "without the release's "},
		{"published", publish.Reveal, func(s *githubtest.Server) {
			s.AddTag(owner, repo, tag, commit, false)
			s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Draft = false; return true })
		}, ""},
		{"published under another title", publish.Reveal, func(s *githubtest.Server) {
			s.AddTag(owner, repo, tag, commit, false)
			s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Draft, r.Title = false, "mine"; return true })
		}, `got it published with title "mine"`},
		{"published without an asset", publish.Reveal, edit(func(r *githubtest.Release) bool { r.Draft, r.Assets = false, r.Assets[1:]; return true }), "without the release's "},
		{"another release published", publish.Reveal, func(s *githubtest.Server) {
			s.AddRelease(owner, repo, githubtest.Release{Tag: tag})
		}, "without the release's SHA256SUMS, "},
		{"tag elsewhere", publish.Reveal, func(s *githubtest.Server) { s.AddTag(owner, repo, tag, other, true) }, "got tag on " + other},
		{"tag there", publish.Reveal, func(s *githubtest.Server) { s.AddTag(owner, repo, tag, commit, true) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			d := open(t, s, tree)
			items := mustPlan(t, d)
			if tt.phase == publish.Upload {
				tt.change(s)
			}
			err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil)
			before := fmt.Sprint(s.Releases(owner, repo))
			if tt.phase == publish.Reveal {
				if err != nil {
					t.Fatal(err)
				}
				tt.change(s)
				before = fmt.Sprint(s.Releases(owner, repo))
				err = d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
			}
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			contains(t, err, tt.want)
			if !errors.Is(err, publish.ErrChanged) {
				t.Errorf("got %v, want it to wrap ErrChanged", err)
			}
			if after := fmt.Sprint(s.Releases(owner, repo)); after != before && tt.phase == publish.Reveal {
				t.Errorf("got\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// TestResumed has a plan that saw a draft, which then is another one.
func TestResumed(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	d := open(t, s, tree)
	if err := d.Apply(t.Context(), publish.Upload, todo(mustPlan(t, d), publish.Upload), nil); err != nil {
		t.Fatal(err)
	}
	d = open(t, s, tree)
	items := mustPlan(t, d)
	if last := items[len(names)]; last.State != publish.Behind || last.Found != "draft 1" || last.Guard == "" {
		t.Errorf("got %+v, want the draft", last)
	}
	var old githubtest.Release
	s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { old = *r; return false })
	s.AddRelease(owner, repo, old)
	err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
	if contains(t, err, "draft: got "); !errors.Is(err, publish.ErrChanged) {
		t.Errorf("got %v, want it to wrap ErrChanged", err)
	}
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Error(err)
	}
	checkPublished(t, s)
}

// TestCancel cancels at each request: it is the last.
func TestCancel(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	tr := transport(t)
	for n := 1; ; n++ {
		s.AddRepo(owner, repo, commit, other)
		ctx, cancel := context.WithCancel(t.Context())
		f := &faulty{base: tr, at: n, mode: "call", onNth: cancel}
		err := run(ctx, open(t, s, tree, func(c *Config) { c.Transport, c.Jobs = f, 1 }))
		cancel()
		if f.n < n {
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at request %d: got %v", n, err)
		}
		if f.n > n {
			t.Errorf("cancelled at request %d: got %d more", n, f.n-n)
		}
		if err := visible(s); err != nil {
			t.Error(err)
		}
	}
}

// lagging has a list of releases that is behind, as GitHub's may be, and sees no tags.
type lagging struct{ base http.RoundTripper }

func (l *lagging) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/releases") {
		return response(200, "[]"), nil
	}
	if strings.Contains(req.URL.Path, "/git/ref/") {
		return response(404, `{"message":"Not Found"}`), nil
	}
	return l.base.RoundTrip(req)
}

// TestLag does not make a second draft because the list lacks the first.
func TestLag(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	d := open(t, s, tree, func(c *Config) { c.Transport = &lagging{transport(t)} })
	if err := run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got := states(mustPlan(t, d)); strings.Count(strings.Join(got, "\n"), ": equal") != 7 {
		t.Errorf("got %q, want all equal", got)
	}
	if n := len(s.Releases(owner, repo)); n != 1 {
		t.Errorf("got %d releases, want 1", n)
	}
	checkPublished(t, s)
}

// TestShared has two destinations share one budget.
func TestShared(t *testing.T) {
	shared := Limits(nil, nil)
	for range 2 {
		c, err := newClient(clientArgs{Transport: shared})
		if err != nil || c.auth.base != shared {
			t.Errorf("got %v, %v, want no other limits around it", c.auth.base, err)
		}
	}
}

// hooked calls functions around each request.
type hooked struct {
	base          http.RoundTripper
	before, after func(*http.Request)
}

func (h *hooked) RoundTrip(req *http.Request) (*http.Response, error) {
	h.before(req)
	resp, err := h.base.RoundTrip(req)
	h.after(req)
	return resp, err
}

// TestMeanwhile has another publisher at work on the same draft.
func TestMeanwhile(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	content, err := tree.ReadFile(t.Context(), "lock.json")
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(*http.Request) {}
	t.Run("it finishes a starter", func(t *testing.T) {
		s := start(t)
		s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true, Assets: []githubtest.Asset{{Name: "lock.json", State: "starter"}}})
		finish := func(req *http.Request) {
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/releases/assets/") {
				s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool {
					r.Assets[0].State, r.Assets[0].Content, r.Assets[0].ContentType = "uploaded", content, "application/json"
					return true
				})
			}
		}
		if err := run(t.Context(), open(t, s, tree, func(c *Config) { c.Transport, c.Jobs = &hooked{transport(t), finish, nothing}, 1 })); err != nil {
			t.Fatal(err)
		}
		checkPublished(t, s)
		if w := strings.Join(s.Writes(), "\n"); strings.Contains(w, "DELETE") {
			t.Errorf("a finished asset was deleted:\n%s", w)
		}
	})
	t.Run("it replaces an asset", func(t *testing.T) {
		s := start(t)
		replace := func(req *http.Request) {
			if req.URL.RawQuery == "name=manifest.yaml" {
				s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool {
					r.Assets[0].Content = []byte("x")
					return true
				})
			}
		}
		d := open(t, s, tree, func(c *Config) { c.Transport, c.Jobs = &hooked{transport(t), nothing, replace}, 1 })
		err := d.Apply(t.Context(), publish.Upload, todo(mustPlan(t, d), publish.Upload), nil)
		contains(t, err, `/SHA256SUMS": it was sent, but the server has sha256:`)
	})
}
