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
		for key, gone := range map[string]string{"charts/index.yaml": "1.1.0", "apt/dists/stable/main/binary-amd64/Packages": "1.1.0"} {
			if o, ok := w.gcs.Get(key); ok && strings.Contains(o.Content, gone) {
				t.Errorf("%s has %s: %s", key, gone, o.Content)
			}
		}
	}
	for _, key := range []string{"gcs demo/latest", "registry demo/app:latest"} {
		if now := states[2][key]; now == states[0][key] || now == states[1][key] {
			t.Errorf("%s: got %q after the next release, want that one", key, now)
		}
	}
}
