package github

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func openDir(t *testing.T, dir string, tree *release.Tree, edit ...func(*Config)) publish.Destination {
	t.Helper()
	cfg := Config{Notes: "Notes.", Commit: commit}
	for _, f := range edit {
		f(&cfg)
	}
	d, err := NewDir(dir, cfg, tree)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func stat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestDir goes through the life of a release in a directory.
func TestDir(t *testing.T) {
	dir, tree := filepath.Join(t.TempDir(), "a b", "releases"), releasetest.Open(t, releasetest.Make(t, args()))
	file, latest := filepath.Join(dir, "1.2.0.json"), filepath.Join(dir, "latest")
	d := openDir(t, dir, tree)
	items := mustPlan(t, d)
	if _, err := os.Stat(dir); len(items) != 7 || len(states(items)) > 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %+v, directory %v", items, err)
	}
	var r recorder
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), r.report); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, file); !strings.Contains(got, `"draft": true`) || !strings.Contains(got, `"name": "SHA256SUMS"`) {
		t.Errorf("after upload: got %s", got)
	}
	if err := openDir(t, dir, nil).Verify(t.Context(), r.done, false); err != nil {
		t.Errorf("reading back: %v", err)
	}
	again := mustPlan(t, openDir(t, dir, tree))
	if last := again[5]; last.State != publish.Behind || last.Found != "draft" || last.Guard == "" {
		t.Errorf("after upload: got %+v", last)
	}
	if err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), r.report); err != nil {
		t.Fatal(err)
	}
	want := `{
  "tag_name": "1.2.0",
  "name": "1.2.0",
  "body": "Notes.",
  "draft": false,
  "prerelease": false,
  "target_commitish": "` + commit + `",
  "created_at": "2024-02-29T12:00:00Z",
  "assets": [
    {
      "name": "SHA256SUMS",
      "size": `
	got := readFile(t, file)
	if !strings.HasPrefix(got, want) || readFile(t, latest) != "1.2.0" {
		t.Errorf("got latest %q and\n%s\nwant\n%s…", readFile(t, latest), got, want)
	}
	items = mustPlan(t, openDir(t, dir, tree))
	for _, i := range items {
		if i.State != publish.Equal || i.Version == "" || (i.URL != "") != (i.Kind != "asset") || strings.Contains(i.URL, " ") {
			t.Errorf("got %+v", i)
		}
	}
	before := []os.FileInfo{stat(t, file), stat(t, latest)}
	if err := apply(t.Context(), d, again, nil); err != nil || !os.SameFile(before[0], stat(t, file)) || !os.SameFile(before[1], stat(t, latest)) {
		t.Errorf("applied again: got %v, want nothing written", err)
	}
	if err := openDir(t, dir, nil).Verify(t.Context(), items, true); err != nil {
		t.Error(err)
	}
	if err := os.Remove(latest); err != nil { // as a run that ended before it
		t.Fatal(err)
	}
	contains(t, openDir(t, dir, nil).Verify(t.Context(), items, false), `got none, want "1.2.0"`)
	alone := mustPlan(t, d)
	if got := todo(alone, publish.Reveal); len(got) != 1 || got[0].Kind != "alias" {
		t.Errorf("got %+v, want the alias only", got)
	}
	if err := apply(t.Context(), d, alone, nil); err != nil || readFile(t, latest) != "1.2.0" || !os.SameFile(before[0], stat(t, file)) {
		t.Errorf("got %v, latest %q", err, readFile(t, latest))
	}
}

// TestDirChanged changes a release before the plan, between plan and apply, and after
// it was published.
func TestDirChanged(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	const item = `release "DIR/1.2.0.json": sha256 of title, notes, prerelease, commit and the list of assets: got `
	for _, tt := range []struct {
		name    string
		change  func(*record)
		states  []string // of the next plan
		changed string   // the error of reveal
		verify  []string // what is found in the published release
	}{
		{"another tag", func(r *record) { r.Tag = "1.1.0" }, []string{`release 1.2.0.json: conflict release "1.1.0"`}, `got release "1.1.0"`, []string{item}},
		{"published elsewhere", func(r *record) { r.Draft, r.Commit = false, other },
			[]string{`release 1.2.0.json: conflict published with commit "` + other + `"`}, "published with commit", []string{`commit "` + other + `"`}},
		{"published under another title", func(r *record) { r.Draft, r.Title = false, "Mine" },
			[]string{`release 1.2.0.json: conflict published with title "Mine"`}, `title "Mine"`, []string{`title "Mine"`}},
		{"published as a pre-release", func(r *record) { r.Draft, r.Prerelease = false, true },
			[]string{"release 1.2.0.json: conflict published with prerelease true"}, "prerelease true", []string{"prerelease true"}},
		{"published with other notes", func(r *record) { r.Draft, r.Notes = false, "Mine" },
			[]string{"release 1.2.0.json: conflict published with other notes"}, "other notes", []string{"4 characters of notes"}},
		{"notes with other ends of lines are the same", func(r *record) { r.Draft, r.Notes = false, "Notes.\r\n" }, nil, "", nil},
		{"published, one less", func(r *record) { r.Draft, r.Assets = false, r.Assets[1:] },
			[]string{"asset 1.2.0.json asset SHA256SUMS: conflict a published release without it", "release 1.2.0.json: conflict published without the release's SHA256SUMS"},
			"published without the release's SHA256SUMS", []string{`SHA256SUMS": got none, want one`, "4 assets"}},
		{"one more", func(r *record) { r.Assets = append(r.Assets, recordAsset{Name: "x"}) },
			[]string{"release 1.2.0.json: conflict draft with extra x"}, "draft with extra x", []string{"6 assets"}},
		{"another one", func(r *record) { r.Assets[0].Digest = "sha256:00" },
			[]string{"asset 1.2.0.json asset SHA256SUMS: conflict sha256:00 (437 bytes, text/plain; charset=utf-8)", "release 1.2.0.json: behind draft"},
			"got draft without the release's SHA256SUMS", []string{`SHA256SUMS": sha256: got sha256:00, want sha256:`, item}},
		{"another size", func(r *record) { r.Assets[0].Size = 7 },
			[]string{"asset 1.2.0.json asset SHA256SUMS: conflict sha256:", "release 1.2.0.json: behind draft"}, "got draft without the release's SHA256SUMS", []string{item}},
		{"another content type", func(r *record) { r.Assets[3].ContentType = "text/html" },
			[]string{"asset 1.2.0.json asset lock.json: conflict sha256:", "release 1.2.0.json: behind draft"},
			"got draft without the release's lock.json", []string{`lock.json": content type: got "text/html", want "application/json"`, item}},
		{"other notes of a draft", func(r *record) { r.Notes = "mine" }, []string{"release 1.2.0.json: behind draft"}, ", want 0 ", []string{"4 characters of notes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "1.2.0.json")
			d := openDir(t, dir, tree)
			items := mustPlan(t, d)
			if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
				t.Fatal(err)
			}
			var r record
			if err := jsonfile.Read(file, &r); err != nil {
				t.Fatal(err)
			}
			tt.change(&r)
			if err := jsonfile.Write(file, r); err != nil {
				t.Fatal(err)
			}
			before := readFile(t, file)
			got := slices.DeleteFunc(states(mustPlan(t, openDir(t, dir, tree))), func(l string) bool { return strings.HasSuffix(l, ": equal") })
			if !slices.EqualFunc(got, tt.states, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tt.states)
			}
			err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
			if tt.changed == "" {
				if err != nil {
					t.Error(err)
				}
			} else if contains(t, err, tt.changed); !errors.Is(err, publish.ErrChanged) || readFile(t, file) != before || readFile(t, filepath.Join(dir, "latest")) != "" {
				t.Errorf("got %v, want ErrChanged and nothing written", err)
			}
			if r.Draft {
				contains(t, openDir(t, dir, nil).Verify(t.Context(), items, false), "got a draft, want a published release")
			}
			r.Draft = false
			if err := jsonfile.Write(file, r); err != nil {
				t.Fatal(err)
			}
			err = openDir(t, dir, nil).Verify(t.Context(), items[:6], false)
			if err != nil && tt.verify == nil {
				t.Error(err)
			}
			for _, w := range tt.verify {
				contains(t, err, strings.ReplaceAll(w, "DIR", dir))
			}
		})
	}
}

// TestDirDangling has latest name a release that is not there.
func TestDirDangling(t *testing.T) {
	dir, tree := t.TempDir(), releasetest.Open(t, releasetest.Make(t, args()))
	d := openDir(t, dir, tree)
	if err := run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	items := mustPlan(t, d)
	if err := os.WriteFile(filepath.Join(dir, "latest"), []byte("1.3.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, openDir(t, dir, nil).Verify(t.Context(), items, false), `got "1.3.0", which is not a published release`)
}

// TestDirAltered has a file of the release change, and the run be cancelled.
func TestDirAltered(t *testing.T) {
	dir, from := t.TempDir(), releasetest.Make(t, args())
	file := filepath.Join(dir, "1.2.0.json")
	d := openDir(t, dir, releasetest.Open(t, from))
	items := mustPlan(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Apply(ctx, publish.Upload, todo(items, publish.Upload), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	if err := os.WriteFile(filepath.Join(from, "manifest.yaml"), []byte("version: 1.3.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil), `of "manifest.yaml": got `)
	if got := readFile(t, file); got != "" {
		t.Errorf("got %s, want no file", got)
	}
	contains(t, d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil), "no draft")
	contains(t, d.Apply(t.Context(), publish.Reveal, items[6:], nil), `no published release "1.2.0"`)
	contains(t, openDir(t, dir, nil).Verify(t.Context(), items, false), "got no release, want one")
	contains(t, openDir(t, t.TempDir(), nil).Verify(t.Context(), items, false), `1.2.0.json": want one of "`)
	if err := os.WriteFile(file, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := d.Plan(t.Context())
	contains(t, err, "reading GitHub release: ")
}

// TestDirTags has tags that are no names of files as they are: each has one of its own,
// below the directory.
func TestDirTags(t *testing.T) {
	dir, tree := filepath.Join(t.TempDir(), "releases"), releasetest.Open(t, releasetest.Make(t, args()))
	var want []string
	for tag, file := range map[string]string{
		"api/v1.2.0": "api%2Fv1.2.0.json", "../../1.2.0": "..%2F..%2F1.2.0.json", "..": "...json", "latest": "latest.json", "latest.json": "latest.json.json",
		"1.2.0+é #1": "1.2.0+%C3%A9%20%231.json", "1%2F2": "1%252F2.json", ".publish.lock": ".publish.lock.json",
	} {
		want = append(want, file)
		d := openDir(t, dir, tree, func(c *Config) { c.Tag, c.Latest.Back = tag, true })
		if err := run(t.Context(), d); err != nil {
			t.Fatalf("%s: %v", tag, err)
		}
		if got := readFile(t, filepath.Join(dir, file)); !strings.Contains(got, fmt.Sprintf("%q", tag)) || readFile(t, filepath.Join(dir, "latest")) != tag {
			t.Errorf("%s: got %s", tag, got)
		}
		if err := openDir(t, dir, nil).Verify(t.Context(), mustPlan(t, d), false); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
	}
	var got []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if want = append([]string{".publish.lock"}, append(want, "latest")...); err != nil || !sameSet(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	_, err = NewDir(dir, Config{Tag: strings.Repeat("é", 41)}, tree)
	contains(t, err, "has 246 bytes as a file's name, want at most 240")
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// TestDirTogether publishes versions at the same moment, each by two publishers.
func TestDirTogether(t *testing.T) {
	dir := t.TempDir()
	var versions []string
	var group sync.WaitGroup
	for i := range 8 {
		a := args()
		a.Version = fmt.Sprintf("1.2.%d", i)
		versions = append(versions, a.Version)
		tree := releasetest.Open(t, releasetest.Make(t, a))
		for range 2 {
			d := openDir(t, dir, tree)
			group.Go(func() {
				err := run(t.Context(), d)
				for ; errors.Is(err, publish.ErrChanged); err = run(t.Context(), d) { // as a person would
				}
				if err != nil {
					t.Errorf("%s: %v", a.Version, err)
				}
			})
		}
	}
	group.Wait()
	for _, v := range versions {
		var r record
		if err := jsonfile.Read(filepath.Join(dir, v+".json"), &r); err != nil || r.Draft || len(r.Assets) != 5 || r.Tag != v {
			t.Errorf("%s: got %+v, %v", v, r, err)
		}
	}
	if got := readFile(t, filepath.Join(dir, "latest")); got != "1.2.7" {
		t.Errorf("latest: got %q, want 1.2.7", got)
	}
}

// TestDirWaits has another publisher be at work when a release is revealed.
func TestDirWaits(t *testing.T) {
	dir, tree := t.TempDir(), releasetest.Open(t, releasetest.Make(t, args()))
	d := openDir(t, dir, tree)
	items := mustPlan(t, d)
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
		t.Fatal(err)
	}
	unlock, err := filelock.Lock(filepath.Join(dir, ".publish.lock"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil) }()
	select {
	case err := <-done:
		t.Fatalf("got %v at once, want it to wait", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := os.WriteFile(filepath.Join(dir, "latest"), []byte("1.3.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-done; !errors.Is(err, publish.ErrChanged) {
		t.Errorf("got %v, want it to wrap ErrChanged", err)
	}
}
