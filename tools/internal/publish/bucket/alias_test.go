package bucket

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/aliastest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const latestKey = "all/demo/latest"

// stable returns aliases that follow the rule stable.
func stable(names ...string) []publish.Alias {
	var all []publish.Alias
	for _, name := range names {
		all = append(all, publish.Alias{Name: name, Rule: publish.Stable})
	}
	return all
}

// TestAliasCases runs the cases of all destinations.
func TestAliasCases(t *testing.T) {
	for _, kind := range []string{"gs", "s3", "file"} {
		t.Run(kind, func(t *testing.T) {
			aliastest.Run(t, func(t *testing.T) aliastest.Place {
				place := buckettest.Open(t, kind)
				s, c := place.Server, configOf(place)
				return aliasPlace(t, s, c)
			})
		})
	}
}

func aliasPlace(t *testing.T, s *buckettest.Server, c Config) aliastest.Place {
	const unknown = "nightly build"
	return aliastest.Place{
		Release: releasetest.Args{Files: map[string]string{"demo.tar.gz": "archive"}},
		Open: func(a publish.Alias, tree *release.Tree) publish.Destination {
			c.Aliases = nil
			if tree != nil {
				c.Aliases = []publish.Alias{a}
			}
			return open(t, c, tree)
		},
		Points: func() string {
			if got := s.Content(latestKey); got != unknown {
				return got
			}
			return ""
		},
		Do: func(e aliastest.Event) {
			if e == aliastest.Gone {
				s.Delete(latestKey)
				return
			}
			s.Put(latestKey, unknown)
		},
	}
}

// TestAliasBody has bodies that are no more than a version, and what no case of all
// destinations has.
func TestAliasBody(t *testing.T) {
	long := strings.Repeat("1", 2000)
	for _, tt := range []struct {
		name, body string
		back       bool
		state      publish.State
		found      string
		want       string // after publishing
	}{
		{"a line feed after this version is taken away", "1.2.0\n", false, publish.Behind, `"1.2.0\n"`, "1.2.0"},
		{"a blank before this version is taken away", " 1.2.0", false, publish.Behind, `" 1.2.0"`, "1.2.0"},
		{"a line feed after an older version", "1.1.9\n", false, publish.Behind, `"1.1.9\n"`, "1.2.0"},
		{"a line feed after a newer version stays", "1.10.0\n", false, publish.Kept, "1.10.0", "1.10.0\n"},
		{"an empty object is as none", "", false, publish.Absent, "", "1.2.0"},
		{"what a terminal would obey", "a\x1b[2Jb", false, publish.Conflict, `"a\x1b[2Jb"`, "a\x1b[2Jb"},
		{"more than a version", long, false, publish.Conflict, "more than 1024 bytes", long},
		{"more than a version, on purpose", long, true, publish.Behind, "more than 1024 bytes", "1.2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				c.Aliases = []publish.Alias{{Name: "latest", Rule: publish.Stable, Back: tt.back}}
				s.Put(latestKey, tt.body)
				d := open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{})))
				items := buckettest.Plan(t, d)
				if i := items[len(items)-1]; i.Kind != aliasKind || i.State != tt.state || i.Found != tt.found {
					t.Errorf("got %+v, want %s at %s", i, tt.state, tt.found)
				}
				check(t, d.Apply(t.Context(), publish.Reveal, buckettest.Missing(items, publish.Reveal), nil))
				if got := s.Content(latestKey); got != tt.want {
					t.Errorf("after that: got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestCommitTime has an alias on a commit whose time nothing says: it is a conflict
// only for a rule that asks for it.
func TestCommitTime(t *testing.T) {
	for _, tt := range []struct {
		name, lock string
		rule       publish.Rule
		want       publish.State
		reason     string
	}{
		{"the lock is gone", "", publish.Newest, publish.Conflict, "the commit time of 1.2.0-alpha.ff is not known"},
		{"the lock is none", "{}", publish.Newest, publish.Conflict, "the commit time of 1.2.0-alpha.ff is not known"},
		{"nobody asks", "", publish.Highest, publish.Kept, "1.2.0-alpha.0a is lower than 1.2.0-alpha.ff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				c.Aliases = []publish.Alias{{Name: "latest", Rule: tt.rule}}
				s.Put(latestKey, "1.2.0-alpha.ff")
				if tt.lock != "" {
					s.Put("all/demo/1.2.0-alpha.ff/lock.json", tt.lock)
				}
				items := buckettest.Plan(t, open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: "1.2.0-alpha.0a"}))))
				if i := items[len(items)-1]; i.State != tt.want || i.Reason != tt.reason {
					t.Errorf("got %s, %q, want %s, %q", i.State, i.Reason, tt.want, tt.reason)
				}
			})
		})
	}
}

// TestVerifyAlias verifies the receipts of two releases, of which the second left the
// alias at the first, after something happened to the alias.
func TestVerifyAlias(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       string // of both receipts
	}{
		{"as published", "1.2.0", ""},
		{"a later release that is there", "1.3.0", ""},
		{"a later release that is not there", "1.4.0", `got "1.4.0", want "1.2.0" or a later release: no release 1.4.0`},
		{"an older release", "1.1.0", `got "1.1.0", want "1.2.0" or a later release: 1.1.0 is lower than 1.2.0`},
		{"a line feed", "1.2.0\n", `got "1.2.0\n", want "1.2.0" or a later release: "1.2.0\n" is not a semantic version`},
		{"a line feed after a later release", "1.3.0\n", `got "1.3.0\n", want "1.2.0" or a later release: "1.3.0\n" is not a semantic version`},
		{"something else", "nightly", `got "nightly", want "1.2.0" or a later release: "nightly" is not a semantic version`},
		{"gone", "", `got none, want "1.2.0"`},
		{"more than a version", strings.Repeat("1", 2000), `got more than 1024 bytes, want "1.2.0"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				receipts := map[string][]publish.Item{}
				for _, version := range []string{"1.3.0", "1.2.0", "1.1.0"} {
					c.Aliases = stable("latest")
					if version == "1.3.0" {
						c.Aliases = nil
					}
					var err error
					receipts[version], err = buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: version}))))
					check(t, err)
				}
				if tt.body == "" {
					s.Delete(latestKey)
				} else {
					o, _ := s.Get(latestKey)
					o.Content = tt.body
					s.Set(latestKey, o)
				}
				c.Aliases = nil
				for _, version := range []string{"1.2.0", "1.1.0"} {
					want := ""
					if tt.want != "" {
						want = fmt.Sprintf("alias %q: %s", c.URL+"/latest", tt.want)
					}
					got := ""
					if err := open(t, c, nil).Verify(t.Context(), receipts[version], false); err != nil {
						got = err.Error()
					}
					if got != want {
						t.Errorf("%s: got %s, want %s", version, got, want)
					}
				}
			})
		})
	}
}

// TestVerifyKept verifies an alias that was left out, or left as somebody wrote it.
func TestVerifyKept(t *testing.T) {
	for _, tt := range []struct{ name, version, body string }{
		{"left out", "1.2.0-rc.1", ""},
		{"left with a line feed", "1.2.0", "1.10.0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				c.Aliases = stable("latest")
				if tt.body != "" {
					s.Put(latestKey, tt.body)
				}
				items, err := buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: tt.version}))))
				check(t, err)
				if i := items[len(items)-1]; i.State != publish.Kept {
					t.Fatalf("got %+v, want it kept", i)
				}
				check(t, open(t, c, nil).Verify(t.Context(), items, false))
				if tt.body != "" {
					s.Put(latestKey, "1.9.0\n")
					if err := open(t, c, nil).Verify(t.Context(), items, false); err == nil {
						t.Error("an older one: got no error")
					}
				}
			})
		})
	}
}
