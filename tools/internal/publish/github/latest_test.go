package github

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/aliastest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestDirAlias has latest of a directory go through the cases of all aliases.
func TestDirAlias(t *testing.T) {
	aliastest.Run(t, func(t *testing.T) aliastest.Place {
		dir := t.TempDir()
		latest := filepath.Join(dir, "latest")
		return aliastest.Place{
			Release: args(),
			Open: func(a publish.Alias, tree *release.Tree) publish.Destination {
				return openDir(t, dir, tree, func(c *Config) { c.Latest = a })
			},
			Points: func() string { return strings.TrimSuffix(readFile(t, latest), "nightly") },
			Do: func(e aliastest.Event) {
				err := os.Remove(latest)
				if e == aliastest.Unknown {
					err = os.WriteFile(latest, []byte("nightly"), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// TestGitHubAlias has GitHub's latest release go through them.
func TestGitHubAlias(t *testing.T) {
	aliastest.Run(t, func(t *testing.T) aliastest.Place {
		s := start(t)
		return aliastest.Place{
			Release: args(), Falls: true,
			Open: func(a publish.Alias, tree *release.Tree) publish.Destination {
				return open(t, s, tree, func(c *Config) { c.Latest = a })
			},
			Points: func() string { return strings.TrimSuffix(s.Latest(owner, repo), "nightly") },
			Do: func(e aliastest.Event) {
				s.EditRelease(owner, repo, s.Latest(owner, repo), func(r *githubtest.Release) bool { r.Latest = false; return true })
				if e == aliastest.Unknown {
					s.AddRelease(owner, repo, githubtest.Release{Tag: "nightly", Latest: true})
				}
			},
		}
	})
}

// TestLatest looks at what is GitHub's own: a plan, then what publishing makes of it.
func TestLatest(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	for _, tt := range []struct {
		name, before string // the latest release
		edit         func(*Config)
		state        publish.State
		reason, want string
	}{
		{"a tag with v is of that version", "v1.1.9", nil, publish.Behind, "", tag},
		{"another tag of the same version is a conflict", "v1.2.0", nil, publish.Conflict, "it has other content of the same version", "v1.2.0"},
		{"what is marked as a pre-release is never the latest", "1.1.9", func(c *Config) { c.Prerelease = true }, publish.Kept, neverLatest, "1.1.9"},
		{"not even on purpose", "1.1.9", func(c *Config) { c.Prerelease, c.Latest.Back = true, true }, publish.Kept, neverLatest, "1.1.9"},
		{"nor as the first one", "", func(c *Config) { c.Prerelease = true }, publish.Kept, neverLatest, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			if tt.before != "" {
				s.AddRelease(owner, repo, githubtest.Release{Tag: tt.before, Latest: true})
			}
			if tt.edit == nil {
				tt.edit = func(*Config) {}
			}
			d := open(t, s, tree, tt.edit)
			item := mustPlan(t, d)[6]
			if item.State != tt.state || item.Reason != tt.reason || item.Found != tt.before || item.Name != s.URL+"/istio/istio/releases/latest" {
				t.Errorf("got %+v, want %s, %q", item, tt.state, tt.reason)
			}
			if tt.state != publish.Conflict {
				if err := run(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.Latest(owner, repo); got != tt.want {
				t.Errorf("got latest %q, want %q", got, tt.want)
			}
			for _, w := range s.Writes() {
				if tt.state == publish.Conflict || strings.Count(w, "PATCH") > 0 && w != s.Writes()[len(s.Writes())-1] {
					t.Errorf("got %q, want one request that publishes and moves latest", s.Writes())
				}
			}
		})
	}
}

// TestPrereleaseVersion marks a version that the rule of latest never takes: GitHub
// would make it the latest release if it is the first. The mark is the same in each
// run, so what a run may move on purpose has no say in it.
func TestPrereleaseVersion(t *testing.T) {
	a := args()
	a.Version = "1.3.0-rc.1"
	tree := releasetest.Open(t, releasetest.Make(t, a))
	for alias, want := range map[publish.Alias]bool{
		{Rule: publish.Stable}: true, {Rule: publish.Highest}: false, {}: true, {Back: true}: true,
	} {
		s := start(t)
		if err := run(t.Context(), open(t, s, tree, func(c *Config) { c.Latest = alias })); err != nil {
			t.Fatal(err)
		}
		if got := s.Releases(owner, repo)[0]; got.Prerelease != want || (s.Latest(owner, repo) == "") != want {
			t.Errorf("%+v: got %+v, want prerelease %v", alias, got, want)
		}
	}
}

// TestLatestChanged has latest move between plan and apply. Nothing is published.
func TestLatestChanged(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	s := start(t)
	s.AddRelease(owner, repo, githubtest.Release{Tag: "1.1.0", Latest: true})
	d := open(t, s, tree)
	items := mustPlan(t, d)
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
		t.Fatal(err)
	}
	s.EditRelease(owner, repo, "1.1.0", func(r *githubtest.Release) bool { r.Latest = false; return true })
	s.AddRelease(owner, repo, githubtest.Release{Tag: "1.3.0", Latest: true})
	err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
	if contains(t, err, `the latest release: got "1.3.0": it has changed since the plan`); !errors.Is(err, publish.ErrChanged) {
		t.Errorf("got %v, want it to wrap ErrChanged", err)
	}
	if all := s.Releases(owner, repo); !all[1].Draft || s.Latest(owner, repo) != "1.3.0" {
		t.Errorf("got %+v, want a draft and 1.3.0 the latest", all)
	}

	dir := t.TempDir()
	local := openDir(t, dir, tree)
	items = mustPlan(t, local)
	if err := local.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "latest"), []byte("1.3.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = local.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
	if contains(t, err, `latest: got "1.3.0", want "": it has changed`); !errors.Is(err, publish.ErrChanged) {
		t.Errorf("got %v, want it to wrap ErrChanged", err)
	}
	if got := readFile(t, filepath.Join(dir, "1.2.0.json")); !strings.Contains(got, `"draft": true`) {
		t.Errorf("got %s, want a draft", got)
	}
}

// TestLatestAlone moves latest to a release that is published already.
func TestLatestAlone(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Latest = false; return true })
	s.AddRelease(owner, repo, githubtest.Release{Tag: "1.1.0", Latest: true})
	s.ClearLog()
	d := open(t, s, tree)
	items := mustPlan(t, d)
	if got := todo(items, publish.Reveal); len(got) != 1 || got[0].Kind != "alias" || got[0].Found != "1.1.0" {
		t.Errorf("got %+v, want the alias only", got)
	}
	var r recorder
	if err := apply(t.Context(), d, items, r.report); err != nil || s.Latest(owner, repo) != tag || len(r.done) != 1 {
		t.Errorf("got %v, latest %q, %+v done", err, s.Latest(owner, repo), r.done)
	}
	if w := s.Writes(); len(w) != 1 || !strings.HasPrefix(w[0], "PATCH") {
		t.Errorf("got %q, want one request", w)
	}
	s.EditRelease(owner, repo, tag, func(*githubtest.Release) bool { return false })
	err := open(t, s, tree).Apply(t.Context(), publish.Reveal, items[6:], nil)
	contains(t, err, "no published release")
}

// behind has the latest release lag behind, as GitHub's answers do: the next answers
// after a write are what came before it.
type behind struct {
	base http.RoundTripper
	lag  int // answers
	was  string
	left int
}

func (b *behind) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/releases/latest") {
		if req.Method == http.MethodPatch {
			b.left = b.lag
		}
		return b.base.RoundTrip(req)
	}
	if b.left > 0 {
		b.left--
		return response(200, b.was), nil
	}
	return b.base.RoundTrip(req)
}

// TestLatestLag waits for what was written to be read.
func TestLatestLag(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	for _, tt := range []struct {
		name  string
		lag   int
		alone bool // the release is published already
		want  string
	}{
		{"a short while", 3, false, ""},
		{"a short while, latest alone", 3, true, ""},
		{"too long", 10, false, `making release "1.2.0" the latest of istio/istio: got the latest release "1.1.0", want "1.2.0", which was just made the latest`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			if tt.alone {
				if err := run(t.Context(), open(t, s, tree)); err != nil {
					t.Fatal(err)
				}
				s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Latest = false; return true })
			}
			id := s.AddRelease(owner, repo, githubtest.Release{Tag: "1.1.0", Latest: true})
			s.ClearLog()
			d := open(t, s, tree, func(c *Config) {
				c.Transport, c.Jobs = &behind{base: transport(t), lag: tt.lag, was: fmt.Sprintf(`{"id":%d,"tag_name":"1.1.0"}`, id)}, 1
			})
			var r recorder
			err := apply(t.Context(), d, mustPlan(t, d), r.report)
			switch {
			case tt.want != "":
				contains(t, err, tt.want)
			case err != nil:
				t.Error(err)
			case r.done[len(r.done)-1].Version != tag:
				t.Errorf("got %+v, want it at %s", r.done[len(r.done)-1], tag)
			}
			if w := s.Writes(); strings.Count(fmt.Sprint(w), "PATCH") != 1 {
				t.Errorf("got %q, want latest to be moved once", w)
			}
		})
	}
}

// TestLatestTime takes the time of the latest release's commit from its lock, else
// from what GitHub says of the commit.
func TestLatestTime(t *testing.T) {
	a := args()
	a.Version, a.Time = "1.31.0-alpha.0aaa", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	tree := releasetest.Open(t, releasetest.Make(t, a))
	for _, tt := range []struct {
		name   string
		commit time.Time // of the latest release's, as GitHub has it
		assets []githubtest.Asset
		want   publish.State
	}{
		{"an older commit", a.Time.AddDate(0, 0, -1), nil, publish.Behind},
		{"a newer commit", a.Time.AddDate(0, 0, 1), nil, publish.Kept},
		{"a file that is no lock", a.Time.AddDate(0, 0, 1), []githubtest.Asset{{Name: "lock.json", Content: []byte("{}")}}, publish.Kept},
		{"an upload that broke", a.Time.AddDate(0, 0, 1), []githubtest.Asset{{Name: "lock.json", State: "starter"}}, publish.Kept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, sha := start(t), strings.Repeat("e2", 20)
			s.AddCommit(owner, repo, sha, tt.commit)
			s.AddRelease(owner, repo, githubtest.Release{Tag: "1.31.0-alpha.ffff", Commit: sha, Latest: true, Assets: tt.assets})
			items := mustPlan(t, open(t, s, tree, func(c *Config) { c.Latest.Rule = publish.Newest }))
			if i := slices.IndexFunc(items, func(i publish.Item) bool { return i.Kind == "alias" }); items[i].State != tt.want {
				t.Errorf("got %+v, want %s", items[i], tt.want)
			}
		})
	}
}

// TestVerifyLatest has latest go where no rule lets it.
func TestVerifyLatest(t *testing.T) {
	at := func(string) (time.Time, error) { return time.Time{}, nil }
	equal := publish.Item{Alias: "latest", Rule: publish.Stable, State: publish.Equal, Digest: "1.2.0"}
	kept := func(found string) publish.Item {
		return publish.Item{Alias: "latest", Rule: publish.Stable, State: publish.Kept, Digest: "1.2.0", Found: found}
	}
	for _, tt := range []struct {
		name  string
		item  publish.Item
		found string
		want  string // in the error; empty for none
	}{
		{"it stayed", equal, "1.2.0", ""},
		{"it moved on", equal, "v1.3.0", ""},
		{"it is gone", equal, "", `got none, want "1.2.0"`},
		{"it moved back", equal, "1.1.0", `got "1.1.0", want "1.2.0" or a later release: 1.1.0 is lower than 1.2.0`},
		{"it moved to a pre-release", equal, "1.3.0-rc.1", "1.3.0-rc.1 is a pre-release"},
		{"it is no version", equal, "1.2.0\n", `got "1.2.0\n", want "1.2.0"`},
		{"it moved to another tag of the version", equal, "v1.2.0", `got "v1.2.0", want "1.2.0": it has other content`},
		{"it was kept, and stayed", kept("1.4.0"), "1.4.0", ""},
		{"it was kept, and moved on", kept("1.4.0"), "1.5.0", ""},
		{"it was kept, and moved back", kept("1.4.0"), "1.3.0", "1.3.0 is lower than 1.4.0"},
		{"it was left out, and came", kept(""), "1.0.0", ""},
		{"it was left out, and is a pre-release now", kept(""), "1.0.0-rc.1", `got "1.0.0-rc.1", want none: 1.0.0-rc.1 is a pre-release`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := verifyLatest(tt.item, tt.found, at)
			if tt.want != "" {
				contains(t, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
