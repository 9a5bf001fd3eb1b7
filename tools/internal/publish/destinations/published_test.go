package destinations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// staged is a release and the directory that full's profile publishes it to.
type staged struct {
	*testing.T
	tree  *release.Tree
	state string
}

func newStaged(t *testing.T) *staged {
	t.Helper()
	gittest.Env(t)
	server := gittest.New(t)
	commit := server.Repo("demo").Commit("main", map[string]gittest.File{"README": {Content: "demo"}}, "first", releasetest.Time)
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{
		Files: map[string]string{"demo.tar.gz": "demo"}, Images: []string{"app"}, Charts: []string{"web"},
		Git: map[string]string{"demo": server.URL("demo") + "@" + commit},
	}))
	return &staged{t, tree, filepath.ToSlash(t.TempDir())}
}

// publish publishes to a profile; the observer may be nil.
func (s *staged) publish(ctx context.Context, profile profile.Profile, o publish.Observer) error {
	s.Helper()
	profile, err := All().Expand(profile, s.state, s.tree.Lock)
	if err != nil {
		return err
	}
	all, err := Open(ctx, Args{Profile: profile, Tree: s.tree, Env: os.Getenv})
	if err != nil {
		return err
	}
	p := &publish.Publisher{Tree: s.tree, Line: "demo", Profile: All().Recorded(profile), Destinations: all, Observer: o}
	plan, err := p.Plan(ctx)
	if err == nil {
		_, err = p.Apply(ctx, plan)
	}
	return err
}

func (s *staged) find(profile profile.Profile, version string, sum digest.Digest) (*Published, error) {
	return Find(s.Context(), FindArgs{Profile: profile, State: s.state, Line: "demo", Version: version, Receipt: sum})
}

func (s *staged) file(name string) string { return filepath.Join(s.state, filepath.FromSlash(name)) }

func (s *staged) read(name string) string {
	data, _ := os.ReadFile(s.file(name))
	return string(data)
}

func (s *staged) write(name, content string) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(s.file(name)), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(s.file(name), []byte(content), 0o644); err != nil {
		s.Fatal(err)
	}
}

const (
	receiptFile = "bucket/1.2.0.receipt.json"
	secondFile  = "second/1.2.0.receipt.json"
)

// TestFind finds a release on a profile with some of each kind of destination.
func TestFind(t *testing.T) {
	s := newStaged(t)
	if err := s.publish(t.Context(), full(), nil); err != nil {
		t.Fatal(err)
	}
	sum := digest.FromBytes([]byte(s.read(receiptFile)))
	for _, bound := range []digest.Digest{"", sum} {
		got, err := s.find(full(), "1.2.0", bound)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Tree.Files, s.tree.Files) || got.Receipt.Lock != s.tree.Digest {
			t.Errorf("got release %+v, want %+v", got.Tree, s.tree)
		}
		var names []string
		for _, d := range got.Receipt.Destinations {
			names = append(names, d.Name)
		}
		if want := []string{"registry", "charts", "charts-2", "bucket", "bucket-2", "tags", "github"}; !slices.Equal(names, want) {
			t.Errorf("got destinations %q, want %q", names, want)
		}
		for _, deep := range []bool{false, true} {
			if err := verify(t, got.Receipt, Args{Env: os.Getenv}, deep); err != nil {
				t.Errorf("verifying, deep %v: %v", deep, err)
			}
		}
	}
	if a, b := s.read(receiptFile), s.read(secondFile); a == "" || a != b {
		t.Errorf("got receipts\n%s\nand\n%s", a, b)
	}
	_, err := s.find(full(), "1.2.0", digest.FromBytes(nil))
	if err == nil || !strings.Contains(err.Error(), "got "+string(sum)+", want "+string(digest.FromBytes(nil))) {
		t.Errorf("bound to another receipt: got %v", err)
	}
}

// drop removes the places of a kind whose URL has a part.
func drop(p *profile.Profile, key, part string) {
	p.Drop(key, func(place profile.Place) bool { return strings.Contains(place.Text("url"), part) })
}

// change has a text at a key of the places of a kind.
func change(p *profile.Profile, kind, key, text string) {
	for i, place := range p.Places {
		if place.Key == kind {
			p.Places[i] = place.WithText(key, text)
		}
	}
}

// TestFindErrors alters what is on a stage, or the stage's profile.
func TestFindErrors(t *testing.T) {
	s := newStaged(t)
	if err := s.publish(t.Context(), full(), nil); err != nil {
		t.Fatal(err)
	}
	good := s.read(receiptFile)
	smaller := func(change func(p *profile.Profile)) func() profile.Profile {
		return func() profile.Profile {
			p := full()
			change(&p)
			return p
		}
	}
	for _, tt := range []struct {
		name    string
		receipt string // instead of the one that is there, in both buckets
		second  string // in the second bucket only
		profile func() profile.Profile
		want    string
	}{
		{"the second bucket has none", good, "", full, "second/1.2.0.receipt.json\": got none, want sha256:"},
		{"the second bucket has another", good, good + " ", full, "second/1.2.0.receipt.json\": got sha256:"},
		{"a tag elsewhere", strings.Replace(good, "/git/demo.git tag", "/elsewhere/demo.git tag", 1), "=", full, "is not in a repository that the release was built from"},
		{"an item that is no tag among the tags", strings.Replace(good, "/git/demo.git tag 1.2.0", "/git/demo.git", 1), "=", full, "is not in a repository that the release was built from"},
		{"a profile that lost a bucket", good, "=", smaller(func(p *profile.Profile) { drop(p, "buckets", "second") }), `profile "stage" has no bucket "file://`},
		{"a profile that lost its charts", good, "=", smaller(func(p *profile.Profile) { drop(p, "charts", "") }), `profile "stage" has no place for charts`},
		{"a profile with tags elsewhere", good, "=", smaller(func(p *profile.Profile) {
			drop(p, "tags", "")
			p.Places = append(p.Places, place("tags", "owner", "me", "tagger", "A <a@b>"))
		}), `profile "stage" has no tags in`},
		{"a profile that lost GitHub", good, "=", smaller(func(p *profile.Profile) { drop(p, "github", "") }), `profile "stage" has no GitHub releases in`},
		{"a profile that moved", good, "=", smaller(func(p *profile.Profile) { change(p, "registries", "hub", "file://{state}/registry/new") }), `profile "stage" has no registry`},
		{"a profile without buckets", good, "=", smaller(func(p *profile.Profile) { drop(p, "buckets", "") }), `profile "stage" has no bucket and therefore no receipts`},
		{"a profile with another alias and title is the same place", good, "=", smaller(func(p *profile.Profile) {
			change(p, "buckets", "aliases", "")
			change(p, "github", "title", "x")
			change(p, "tags", "tagger", "B <b@c>")
		}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.write(receiptFile, tt.receipt)
			s.write(secondFile, tt.second)
			if tt.second == "=" {
				s.write(secondFile, tt.receipt)
			}
			_, err := s.find(tt.profile(), "1.2.0", "")
			if (err == nil) != (tt.want == "") || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestFindUnknown looks for a version that is not there.
func TestFindUnknown(t *testing.T) {
	s := &staged{T: t, state: filepath.ToSlash(t.TempDir())}
	if _, err := s.find(full(), "1.2.0", ""); err == nil || !strings.HasSuffix(err.Error(), `finding version "1.2.0" on profile "stage": it has no receipts`) {
		t.Errorf("empty: got %v", err)
	}
	s.write("bucket/1.10.0.receipt.json", "{}")
	s.write("second/1.9.0.receipt.json", "{}")
	s.write("second/1.10.0.receipt.json", "{}")
	if _, err := s.find(full(), "1.2.0", ""); err == nil || !strings.HasSuffix(err.Error(), "it has 1.10.0, 1.9.0") {
		t.Errorf("two: got %v", err)
	}
	for n := range 12 {
		s.write(fmt.Sprintf("bucket/1.8.%d.receipt.json", n), "{}")
	}
	if _, err := s.find(full(), "1.2.0", ""); err == nil || !strings.HasSuffix(err.Error(), "it has 1.10.0, 1.9.0, 1.8.11, 1.8.10, 1.8.9, 1.8.8, 1.8.7, 1.8.6, 1.8.5, 1.8.4 and 4 others") {
		t.Errorf("many: got %v", err)
	}
}

// ender ends a run where a phase begins.
type ender struct {
	phase publish.Phase
	end   context.CancelFunc
}

func (e ender) Begin(_ string, phase publish.Phase, _ int, _ int64) {
	if phase == e.phase {
		e.end()
	}
}
func (ender) Progress(string, publish.Phase, publish.Progress) {}
func (ender) End(string, publish.Phase, error)                 {}

// TestEndBetweenPhases ends a run after the uploads and after the receipts: what is
// there is no release yet, and another run makes it one.
func TestEndBetweenPhases(t *testing.T) {
	for _, tt := range []struct {
		phase    publish.Phase
		recorded bool
	}{{publish.Record, false}, {publish.Reveal, true}} {
		t.Run("before "+string(tt.phase), func(t *testing.T) {
			s := newStaged(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := s.publish(ctx, full(), ender{tt.phase, cancel}); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want %v", err, context.Canceled)
			}
			if got := s.read("bucket/1.2.0/SHA256SUMS"); got == "" {
				t.Error("SHA256SUMS is not there: the uploads have not ended")
			}
			if got := s.read(receiptFile) != "" && s.read(secondFile) != ""; got != tt.recorded {
				t.Errorf("receipts are there: got %v, want %v", got, tt.recorded)
			}
			if got := s.read("bucket/1.2.0-alias") + s.read("charts/index.yaml"); got != "" {
				t.Errorf("pointers are there: %q", got)
			}
			found, err := s.find(full(), "1.2.0", "")
			if err == nil {
				err = verify(t, found.Receipt, Args{Env: os.Getenv}, false)
			}
			if err == nil {
				t.Error("it can be promoted")
			}
			if err := s.publish(t.Context(), full(), nil); err != nil {
				t.Fatal(err)
			}
			if found, err = s.find(full(), "1.2.0", ""); err == nil {
				err = verify(t, found.Receipt, Args{Env: os.Getenv}, true)
			}
			if err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestGrown adds a destination to a profile that has the release already.
func TestGrown(t *testing.T) {
	s := newStaged(t)
	small := full()
	drop(&small, "charts", "")
	drop(&small, "tags", "")
	drop(&small, "github", "")
	if err := s.publish(t.Context(), small, nil); err != nil {
		t.Fatal(err)
	}
	before := s.read(receiptFile)
	if err := s.publish(t.Context(), full(), nil); err != nil {
		t.Fatal(err)
	}
	if after := s.read(receiptFile); after == before || !strings.Contains(after, "charts") {
		t.Errorf("got receipt\n%s\nbefore it was\n%s", after, before)
	}
	if found, err := s.find(full(), "1.2.0", ""); err != nil || len(found.Receipt.Destinations) != 7 {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestRepo has the repository follow from the release where the profile names none.
func TestRepo(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   profile.Place
		want string
	}{
		{"one that names its repository", place("github", "owner", "me", "repo", "mine"), "mine"},
		{"one that names none", place("github", "owner", "me"), "b"},
		{"a directory", place("github", "dir", "x"), ""},
	} {
		got, err := All().Expand(profile.Profile{Places: []profile.Place{tt.in}}, "", lockOf("1.2.0"))
		if err != nil || got.Places[0].Text("repo") != tt.want {
			t.Errorf("%s: got %+v, %v, want repository %q", tt.name, got, err, tt.want)
		}
	}
}

// TestWithin: the places of a receipt, which is JSON, are those of the profile, also one of
// which nothing is recorded but that it is there.
func TestWithin(t *testing.T) {
	profiles, err := All().Schema().Parse("d.yaml", []byte("stage:\n  buckets:\n    - url: gs://a/b\n  tags: {tagger: Release <release@example.com>}\n"))
	if err != nil {
		t.Fatal(err)
	}
	where := All().Recorded(profiles[0])
	data, err := json.Marshal(where)
	if err != nil {
		t.Fatal(err)
	}
	r := new(publish.Receipt)
	if err := json.Unmarshal(data, &r.Profile); err != nil {
		t.Fatal(err)
	}
	if err := within(r, "receipt", where); err != nil {
		t.Errorf("%s: got %v, want that all places are there", data, err)
	}
	drop(&where, "tags", "")
	if err := within(r, "receipt", where); err == nil || err.Error() != `receipt "receipt": profile "stage" has no tags` {
		t.Errorf("without tags: got %v", err)
	}
}
