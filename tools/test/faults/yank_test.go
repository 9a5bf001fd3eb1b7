package faults_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestYank yanks a release from every kind of destination. All that pointed to it points to
// the release before, nothing is gone, and the release after it is published as ever.
func TestYank(t *testing.T) {
	m := newMatrix(t)
	w := newWorld(t, yank)
	var states []state
	for n := range 3 {
		if err := m.stage(w, n); err != nil {
			t.Fatal(err)
		}
		states = append(states, w.state(nil, nil))
		if n != 1 {
			continue
		}
		if err := m.first(w, n); err != nil {
			t.Fatal(err)
		}
		before, published, yanked := states[0], states[1], w.state(nil, nil)
		for key := range published {
			if _, ok := yanked[key]; !ok {
				t.Errorf("%s is gone", key)
			}
		}
		var back []string
		for _, key := range slices.Sorted(maps.Keys(yanked)) {
			switch was, known := published[key]; {
			case known && was == yanked[key]:
			case known && yanked[key] == before[key]:
				back = append(back, key)
			case slices.Contains([]string{"InRelease", "index.yaml", "mirrorlist"}, path.Base(key)), strings.Contains(key, "/by-hash/"):
				// An index is as before, but for its time.
			case key == "gcs demo/1.1.0.yanked.json", key == "s3 demo/1.1.0.yanked.json":
			case key == "github org/demo 1.1.0" && strings.Replace(was, "latest true", "latest false", 1) == yanked[key]:
			default:
				t.Errorf("%s: got %q, want %q", key, yanked[key], was)
			}
		}
		want := []string{"gcs demo/latest", "github org/demo 1.0.0", "registry charts/web:latest", "registry demo/app:latest", "registry demo/app:latest-debug", "s3 demo/latest"}
		if !slices.Equal(back, want) {
			t.Errorf("got %q back where they were, want %q", back, want)
		}
		if text := w.object("charts/index.yaml"); !strings.Contains(text, "version: 1.0.0") || strings.Contains(text, "version: 1.1.0") {
			t.Errorf("got index of charts %s, want that of 1.0.0", text)
		}
		// Both releases have the package shared 0.1.0.
		if text := w.object(w.packages()); !strings.Contains(text, "Version: 1.0.0") || strings.Contains(text, "Version: 1.1.0") || !strings.Contains(text, "Package: shared") {
			t.Errorf("got Packages %s, want demo 1.0.0 and shared 0.1.0", text)
		}
	}
	for _, key := range []string{"gcs demo/latest", "registry demo/app:latest"} {
		if now := states[2][key]; now == states[0][key] || now == states[1][key] {
			t.Errorf("%s: got %q after the next release, want that one", key, now)
		}
	}
}

// object returns the content of an object of gs://releases.
func (w *world) object(key string) string {
	o, ok := w.gcs.Get(key)
	if !ok {
		w.t.Errorf("no object %s", key)
	}
	return o.Content
}

// packages returns the key of the list of packages that apt reads.
func (w *world) packages() string {
	const dir = "main/binary-amd64/"
	_, sums, _ := strings.Cut(w.object("apt/dists/stable/InRelease"), "SHA256:\n")
	for line := range strings.Lines(sums) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == dir+"Packages" {
			return "apt/dists/stable/" + dir + "by-hash/SHA256/" + f[0]
		}
	}
	w.t.Errorf("InRelease has no list: %s", sums)
	return ""
}
