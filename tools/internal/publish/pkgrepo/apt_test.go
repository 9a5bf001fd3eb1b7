package pkgrepo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

var created = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func stable() []publish.Alias { return []publish.Alias{{Name: "stable", Rule: publish.Stable}} }

// writeKey writes a new secret key, and returns its file.
func writeKey(tb testing.TB) string {
	name := filepath.Join(tb.TempDir(), "key")
	check(tb, os.WriteFile(name, []byte(pgptest.Secret(tb, pgptest.Args{Created: created})), 0o600))
	return name
}

func configOf(p buckettest.Place, key string) Config {
	return Config{
		Config: bucket.Config{Name: p.Name, URL: p.URL, Endpoint: p.Endpoint}, Channels: stable(), Component: "main",
		Key: openpgp.LoadArgs{Key: key, Env: os.Getenv},
	}
}

func treeOf(tb testing.TB, a releasetest.Args, packages ...packagetest.Package) *release.Tree {
	return releasetest.Open(tb, packagetest.Release(tb, a, packages...))
}

// run publishes, and wants everything in place then.
func run(tb testing.TB, d publish.Destination) []publish.Item {
	tb.Helper()
	items, err := buckettest.Run(tb.Context(), d)
	check(tb, err)
	for _, i := range items {
		if i.State != publish.Equal && i.State != publish.Kept {
			tb.Errorf("published: got %+v", i)
		}
	}
	return items
}

// TestApt publishes two releases.
func TestApt(t *testing.T) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, writeKey(t))
		three := []packagetest.Package{aptRepo.of(packagetest.Package{}), aptRepo.of(packagetest.Package{Arch: "arm64"}), aptRepo.of(packagetest.Package{Name: "libdemo", Arch: "all"})}
		if n := buckettest.States(buckettest.Plan(t, aptRepo.in(t, c, treeOf(t, releasetest.Args{}, three...)))); n[publish.Absent] != 7 || len(n) != 1 || len(p.Keys()) > 0 {
			t.Fatalf("empty: got %v and objects %q", n, p.Keys())
		}
		wantRelease := func(parts ...string) {
			t.Helper()
			for _, want := range parts {
				if got := p.Content("all/demo/dists/stable/InRelease"); !strings.Contains(got, want) {
					t.Errorf("got InRelease\n%s\nwant %q", got, want)
				}
			}
		}
		aptRepo.publishTwo(t, p, c, func() {
			wantRelease("Origin: demo\nLabel: demo\nSuite: stable\nCodename: stable\nDate: Thu, 29 Feb 2024 12:00:00 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64 arm64\nComponents: main\n",
				" main/binary-arm64/Packages.gz\n")
		})
		// Both have the same commit time: clients do not take an index that is not newer.
		wantRelease("\nDate: Thu, 29 Feb 2024 12:00:01 UTC\n")
	})
}

// TestAptVerify alters one thing at a time.
func TestAptVerify(t *testing.T) {
	tree := treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{}))
	const prefix = "all/demo/"
	tests := map[string]struct {
		alter func(p buckettest.Place)
		want  string
	}{
		"package": {func(p buckettest.Place) {
			p.Put(prefix+"pool/main/d/demo/demo_1.2.0_amd64.deb", "other")
		}, `demo_1.2.0_amd64.deb": got `},
		"key": {func(p buckettest.Place) { p.Delete(prefix + "key.asc") }, `key.asc": got none, want openpgp:`},
		"signature": {func(p buckettest.Place) {
			p.Put(prefix+"dists/stable/InRelease", strings.Replace(p.Content(prefix+"dists/stable/InRelease"), "Suite: stable", "Suite: static", 1))
		}, "checking the signature"},
		"index": {func(p buckettest.Place) {
			for _, k := range p.Keys() {
				if strings.Contains(k, "by-hash") {
					p.Delete(k)
				}
			}
		}, "is missing"},
		"entry": {func(p buckettest.Place) { p.Delete(prefix + "dists/stable/InRelease") }, "entry demo 1.2.0 amd64\": got none, want sha256:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := buckettest.Open(t, "file")
			c := configOf(p, writeKey(t))
			items := run(t, aptRepo.in(t, c, tree))
			tt.alter(p)
			err := aptRepo.in(t, Config{Config: c.Config}, nil).Verify(t.Context(), items, true)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAptConflicts(t *testing.T) {
	const pointer = "all/demo/dists/stable/InRelease"
	tests := map[string]struct {
		before func(t *testing.T, p buckettest.Place, c *Config)
		want   string
	}{
		"other bytes of the same version": {func(t *testing.T, p buckettest.Place, c *Config) {
			run(t, aptRepo.in(t, *c, treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{Text: "other"}))))
		}, "sha256:"},
		"another program's index": {func(t *testing.T, p buckettest.Place, c *Config) {
			p.Put(pointer, "Origin: x\n")
		}, "an index that cannot be changed: it has no signature"},
		"another key's index": {func(t *testing.T, p buckettest.Place, c *Config) {
			run(t, aptRepo.in(t, *c, treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{}))))
			p.Delete("all/demo/key.asc")
			c.Key.Key = writeKey(t)
		}, "it is not signed by "},
		"another key": {func(t *testing.T, p buckettest.Place, c *Config) {
			p.Put("all/demo/key.asc", pgptest.Public(t, pgptest.Secret(t, pgptest.Args{Created: created})))
		}, "other keys"},
		"a lost part": {func(t *testing.T, p buckettest.Place, c *Config) {
			run(t, aptRepo.in(t, *c, treeOf(t, releasetest.Args{Version: "1.0.0"}, aptRepo.of(packagetest.Package{}))))
			for _, k := range p.Keys() {
				if strings.Contains(k, "by-hash") {
					p.Delete(k)
				}
			}
		}, "is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := buckettest.Open(t, "file")
			c := configOf(p, writeKey(t))
			tt.before(t, p, &c)
			before := p.Content(pointer)
			_, err := buckettest.Run(t.Context(), aptRepo.in(t, c, treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{}))))
			if err == nil || !strings.HasPrefix(err.Error(), "conflict") || !strings.Contains(err.Error(), tt.want) || p.Content(pointer) != before {
				t.Errorf("got %v, want a conflict with %q and no change", err, tt.want)
			}
		})
	}
}

// TestAptRules publishes pre-releases and older versions to suites with rules, and moves one
// back.
func TestAptRules(t *testing.T) {
	p := buckettest.Open(t, "file")
	c := configOf(p, writeKey(t))
	c.Channels = append(stable(), publish.Alias{Name: "edge", Rule: publish.Highest})
	versions := func(suite string) string {
		x, err := aptRepo.in(t, c, treeOf(t, releasetest.Args{})).(*repository).load(t.Context(), "dists/"+suite+"/InRelease", aptRepo.in(t, c, treeOf(t, releasetest.Args{})).(*repository).reading())
		check(t, err)
		var all []string
		for _, e := range x.entries {
			all = append(all, e.version)
		}
		return strings.Join(all, " ")
	}
	tree := func(version string) *release.Tree {
		return treeOf(t, releasetest.Args{Version: version}, aptRepo.of(packagetest.Package{}))
	}
	for _, v := range []string{"1.1.0", "1.0.0", "1.2.0-rc.1", "1.2.0"} {
		run(t, aptRepo.in(t, c, tree(v)))
	}
	if s, e := versions("stable"), versions("edge"); s != "1.0.0 1.1.0 1.2.0" || e != "1.0.0 1.1.0 1.2.0~rc.1 1.2.0" {
		t.Errorf("got stable %s, edge %s", s, e)
	}
	c.Channels[0].Back = true
	d := aptRepo.in(t, c, tree("1.1.0"))
	for _, i := range buckettest.Plan(t, d) {
		if i.State == publish.Behind && (i.Found != "1.2.0" || i.Guard == "" || !strings.Contains(i.Name, "dists/stable/InRelease entry demo 1.1.0")) {
			t.Errorf("got %+v", i)
		}
	}
	run(t, d)
	if s, e := versions("stable"), versions("edge"); s != "1.0.0 1.1.0" || e != "1.0.0 1.1.0 1.2.0~rc.1 1.2.0" {
		t.Errorf("moved back: got stable %s, edge %s", s, e)
	}
	c.Channels[0].Back = false
	run(t, aptRepo.in(t, c, tree("1.2.0")))
	if s := versions("stable"); s != "1.0.0 1.1.0 1.2.0" {
		t.Errorf("moved on: got stable %s", s)
	}
}

// TestAptRotation publishes with a new key, after the old one's public part was put beside it.
func TestAptRotation(t *testing.T) {
	p := buckettest.Open(t, "file")
	before := pgptest.Secret(t, pgptest.Args{Created: created})
	c := configOf(p, "env://KEY")
	key := before
	c.Key.Env = func(string) string { return key }
	items := run(t, aptRepo.in(t, c, treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{}))))
	key = pgptest.Secret(t, pgptest.Args{Created: created.Add(time.Hour)}) + pgptest.Public(t, before)
	d := aptRepo.in(t, c, treeOf(t, releasetest.Args{}, aptRepo.of(packagetest.Package{})))
	if n := buckettest.States(buckettest.Plan(t, d)); n[publish.Behind] != 2 {
		t.Errorf("got %v, want the key and the index behind", n)
	}
	run(t, d)
	check(t, aptRepo.in(t, Config{Config: c.Config}, nil).Verify(t.Context(), items, true))
}
