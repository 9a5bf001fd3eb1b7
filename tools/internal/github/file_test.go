package github

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/release"
	"github.com/jasonwzm/release-builder/tools/internal/releasetest"
)

func openFile(t *testing.T, name string, tree *release.Tree) publish.Destination {
	t.Helper()
	d, err := NewFile(name, Config{Notes: "Notes.", Commit: commit}, tree)
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

// TestFile goes through the life of a release in a file.
func TestFile(t *testing.T) {
	name, tree := filepath.Join(t.TempDir(), "release.json"), releasetest.Open(t, releasetest.Make(t, args()))
	d := openFile(t, name, tree)
	items := mustPlan(t, d)
	if len(items) != 6 || len(states(items)) > 0 || readFile(t, name) != "" {
		t.Errorf("got %+v, file %q", items, readFile(t, name))
	}
	var r recorder
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), r.report); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, name); !strings.Contains(got, `"draft": true`) || !strings.Contains(got, `"name": "SHA256SUMS"`) {
		t.Errorf("after upload: got %s", got)
	}
	if err := openFile(t, name, nil).Verify(t.Context(), r.done, false); err != nil {
		t.Errorf("reading back: %v", err)
	}
	again := mustPlan(t, openFile(t, name, tree))
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
  "assets": [
    {
      "name": "SHA256SUMS",
      "size": `
	got := readFile(t, name)
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s…", got, want)
	}
	items = mustPlan(t, openFile(t, name, tree))
	for _, i := range items {
		if i.State != publish.Equal || i.Version == "" {
			t.Errorf("got %+v", i)
		}
	}
	if err := apply(t.Context(), d, again, nil); err != nil || readFile(t, name) != got {
		t.Errorf("applied again: got %v, %s", err, readFile(t, name))
	}
	if err := openFile(t, name, nil).Verify(t.Context(), items, true); err != nil {
		t.Error(err)
	}
}

// TestFileChanged changes the file before the plan, and between plan and apply.
func TestFileChanged(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	for _, tt := range []struct {
		name           string
		change         func(*fileRelease)
		states, verify []string
		changed        string // the error of reveal
	}{
		{"another tag", func(r *fileRelease) { r.Tag = "1.1.0" }, []string{`release release.json: conflict release "1.1.0"`}, nil, `got release "1.1.0"`},
		{"published elsewhere", func(r *fileRelease) { r.Draft, r.Commit = false, other },
			[]string{`release release.json: conflict published on "` + other + `"`}, nil, "published on"},
		{"published, one less", func(r *fileRelease) { r.Draft, r.Assets = false, r.Assets[1:] },
			[]string{"asset release.json asset SHA256SUMS: conflict a published release without it", "release release.json: conflict published without this SHA256SUMS"},
			[]string{`SHA256SUMS": got none, want one`, "sha256 of the list of its 4 assets"}, "published without this SHA256SUMS"},
		{"one more", func(r *fileRelease) { r.Assets = append(r.Assets, fileAsset{Name: "x"}) },
			[]string{"release release.json: conflict draft with also x"}, []string{"got a draft"}, "draft with also x"},
		{"another one", func(r *fileRelease) { r.Assets[0].Digest = "sha256:00" },
			[]string{"asset release.json asset SHA256SUMS: conflict sha256:00 (437 bytes)", "release release.json: behind draft"},
			[]string{`SHA256SUMS": sha256: got sha256:00, want sha256:`, "got a draft"}, "got draft without this SHA256SUMS"},
		{"other notes", func(r *fileRelease) { r.Notes = "mine" }, []string{"release release.json: behind draft"}, []string{"got a draft"}, ", want 0 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "release.json")
			d := openFile(t, name, tree)
			items := mustPlan(t, d)
			if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
				t.Fatal(err)
			}
			var r fileRelease
			if err := jsonfile.Read(name, &r); err != nil {
				t.Fatal(err)
			}
			tt.change(&r)
			if err := jsonfile.Write(name, r); err != nil {
				t.Fatal(err)
			}
			before := readFile(t, name)
			err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
			if contains(t, err, tt.changed); !errors.Is(err, publish.ErrChanged) || readFile(t, name) != before {
				t.Errorf("got %v, want ErrChanged and nothing written", err)
			}
			got := slices.DeleteFunc(states(mustPlan(t, openFile(t, name, tree))), func(l string) bool { return strings.HasSuffix(l, ": equal") })
			if !slices.Equal(got, tt.states) {
				t.Errorf("got %q, want %q", got, tt.states)
			}
			err = openFile(t, name, nil).Verify(t.Context(), items, false)
			for _, w := range tt.verify {
				contains(t, err, w)
			}
		})
	}
}

// TestFileAltered has a file of the release change, and the run be cancelled.
func TestFileAltered(t *testing.T) {
	name, dir := filepath.Join(t.TempDir(), "release.json"), releasetest.Make(t, args())
	d := openFile(t, name, releasetest.Open(t, dir))
	items := mustPlan(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Apply(ctx, publish.Upload, todo(items, publish.Upload), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.yaml"), []byte("version: 1.3.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil), `of "manifest.yaml": got `)
	if got := readFile(t, name); got != "" {
		t.Errorf("got %s, want no file", got)
	}
	contains(t, d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil), "there is no draft")
	contains(t, openFile(t, name, nil).Verify(t.Context(), items, false), "got no release, want one")
	if err := os.WriteFile(name, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := d.Plan(t.Context())
	contains(t, err, "reading GitHub release: ")
}
