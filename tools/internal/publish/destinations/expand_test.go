package destinations

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// lockOf returns the lock of a version, whose primary dependency is from git.
func lockOf(version string) *lock.Lock {
	return &lock.Lock{Version: version, Dependencies: []lock.Dependency{
		{Name: "a", Git: &lock.Git{Commit: strings.Repeat("a", 40)}},
		{Name: "b", Git: &lock.Git{Commit: strings.Repeat("b", 40)}, Primary: true},
	}}
}

func expanded(t *testing.T, state string, tree *release.Tree) profile.Profile {
	t.Helper()
	p, err := All().Expand(full(), state, tree.Lock)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExpand(t *testing.T) {
	before := full()
	got, err := All().Expand(before, "/a b/state", lockOf("1.2.0"))
	want := `{
  "name": "stage",
  "aliases": {
    "1.2": "highest",
    "latest": "stable"
  },
  "buckets": [
    {
      "url": "file:///a%20b/state/bucket",
      "aliases": [
        "1.2.0-alias",
        "1.2"
      ]
    },
    {
      "url": "file:///a%20b/state/second"
    }
  ],
  "registries": [
    {
      "hub": "file:///a%20b/state/registry",
      "tags": [
        "1.2.0",
        "latest",
        "1.2"
      ]
    }
  ],
  "charts": [
    {
      "bucket": "file:///a%20b/state/charts"
    },
    {
      "hub": "file:///a%20b/state/charthub",
      "tags": [
        "v1",
        "` + strings.Repeat("b", 40) + `"
      ]
    }
  ],
  "tags": {
    "url": "file:///a%20b/state/git/{name}.git",
    "tagger": "A <a@b.example>"
  },
  "github": {
    "dir": "/a b/state/github",
    "title": "Demo 1.2.0"
  }
}
`
	text, jsonErr := jsonfile.Marshal(got)
	if err := errors.Join(err, jsonErr); err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	var read profile.Profile
	if err := jsonfile.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, got) {
		t.Errorf("read back: got %+v, %v, want %+v", read, err, got)
	}
	if !reflect.DeepEqual(before, full()) {
		t.Errorf("it changed what it was given, to %+v", before)
	}
}

func TestExpandNames(t *testing.T) {
	module := &lock.Lock{Version: "1.2.0", Dependencies: []lock.Dependency{{Name: "a", Module: &lock.Module{Path: "a.example"}, Primary: true}}}
	local := &lock.Lock{Version: "1.2.0", Dependencies: []lock.Dependency{{Name: "a", Local: &lock.Local{Commit: "c0ffee"}, Primary: true}}}
	for _, tt := range []struct {
		name  string
		lock  *lock.Lock
		names []string
		want  string // the names, or the error
	}{
		{"all of them", lockOf("1.31.2"), []string{"{version}", "{major}", "{major}.{minor}", "v{major}-{minor}-{patch}"}, "1.31.2 1 1.31 v1-31-2"},
		{"a pre-release has the numbers of its release", lockOf("1.31.0-alpha.ff+b"), []string{"{version}", "{major}.{minor}-{patch}"}, "1.31.0-alpha.ff+b 1.31-0"},
		{"the name of another version", lockOf("1.31.0-rc.1"), []string{"{major}.{minor}.{patch}"}, `alias "{major}.{minor}.{patch}": it is "1.31.0" for version "1.31.0-rc.1", which is the name of another version and never moves`},
		{"a version with a suffix", lockOf("1.31.0"), []string{"{version}-slim"}, "1.31.0-slim"},
		{"the commit of a directory", local, []string{"at-{commit}"}, "at-c0ffee"},
		{"a name without templates, of any version", lockOf("nightly"), []string{"latest", "{version}-x"}, "latest nightly-x"},
		{"no numbers", lockOf("nightly"), []string{"{major}.{minor}"}, `alias "{major}.{minor}": version "nightly" is not a semantic version, so it has no {major}, {minor} or {patch}`},
		{"no commit", module, []string{"{commit}"}, `alias "{commit}": the primary dependency "a" has no commit`},
		{"two that are one", lockOf("1.2.0"), []string{"1.2", "{major}.{minor}"}, `aliases "1.2" and "{major}.{minor}" are both "1.2" for version "1.2.0": want one of them`},
		{"two that are the version", lockOf("1.2.0"), []string{"{version}", "{major}.{minor}.{patch}"}, `aliases "{version}" and "{major}.{minor}.{patch}" are both "1.2.0" for version "1.2.0": want one of them`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The same in each kind of destination is said once.
			p, err := All().Expand(profile.Profile{Places: []profile.Place{
				place("registries", "tags", tt.names), place("buckets", "aliases", tt.names), place("charts", "tags", tt.names),
			}}, "", tt.lock)
			buckets, registries, charts := p.Places[0].List("aliases"), p.Places[1].List("tags"), p.Places[2].List("tags")
			got := strings.Join(registries, " ")
			if err != nil {
				got = err.Error()
			} else if !slices.Equal(buckets, registries) || !slices.Equal(charts, registries) {
				t.Errorf("got %+v, want the same of all", p)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	_, err := All().Expand(profile.Profile{Places: []profile.Place{place("buckets", "aliases", []string{"1.2"}), place("charts", "tags", []string{"{major}.{minor}"})}}, "", lockOf("1.2.0"))
	if err == nil {
		t.Error("two that are one, in two destinations: got no error")
	}
}

// TestAliases looks at which rules aliases have, and which of them may move back.
func TestAliases(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{}))
	alias := func(name string, rule publish.Rule, back bool) publish.Alias {
		return publish.Alias{Name: name, Rule: rule, Back: back}
	}
	for _, tt := range []struct {
		name       string
		back, only []string
		want       []publish.Alias
		err        string
	}{
		{"by their rules", nil, nil, []publish.Alias{alias("latest", publish.Stable, false), alias("1.2", publish.Highest, false), alias("dev", publish.Stable, false)}, ""},
		{"back, by name", []string{"1.2"}, nil, []publish.Alias{alias("latest", publish.Stable, false), alias("1.2", publish.Highest, true), alias("dev", publish.Stable, false)}, ""},
		{"back, by template", []string{"{major}.{minor}", "latest"}, nil, []publish.Alias{alias("latest", publish.Stable, true), alias("1.2", publish.Highest, true), alias("dev", publish.Stable, false)}, ""},
		{"back, what there is none of", []string{"edge", "v1"}, nil, nil, `moving alias "edge" back: no destination of registry, charts, apt, yum, apk, bucket, tags, grafana, github, commits has it, want one of 1.2, 1.2.0-alias, ` + strings.Repeat("a0", 20) + `, latest, v1`},
		{"back, what another kind has", []string{"v1"}, []string{"github"}, nil, `moving alias "v1" back: no destination of github has it, want one of latest`},
		{"back, the version", []string{"{version}"}, []string{"registry"}, nil, `moving alias "1.2.0" back: no destination of registry has it, want one of 1.2, latest`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Args{Kinds: All(), Profile: expanded(t, t.TempDir(), tree), Tree: tree, Only: tt.only, Back: tt.back, Env: none}
			_, err := Open(t.Context(), a)
			switch {
			case tt.err == "" && err != nil, tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Fatalf("got %v, want %s", err, tt.err)
			case err != nil:
				return
			}
			moves, err := a.back()
			if err != nil {
				t.Fatal(err)
			}
			o := &Opener{Args: a, moves: moves}
			if got := o.aliases([]string{"latest", "1.2", "dev"}); !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
