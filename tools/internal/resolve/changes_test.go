package resolve

import (
	"slices"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// locked returns a lock of a module and a directory.
func locked() *lock.Lock {
	stamp := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	return &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes([]byte("old")), Version: "1.0.0", Product: "p",
		Platforms: []string{"linux-amd64", "win-amd64"}, Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"}, Time: stamp,
		Dependencies: []lock.Dependency{
			{
				Name: "a", Primary: true, Module: &lock.Module{Path: "example.com/a", Version: "v1.0.0"}, Digest: "h1:a", Time: stamp, Why: "version in manifest",
				GoModules: []lock.GoModule{{Path: "example.com/x", Version: "v1.0.0", Sum: "h1:x"}},
			},
			{Name: "f", Local: &lock.Local{Path: "../f"}, Digest: "sha256:f", Size: 1, Time: stamp, Why: "content of localpath"},
		},
		Toolchain: lock.Toolchain{
			Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {Sum: "h1:sdk"}}},
			RulesGo: lock.GoModule{Version: "v0.65.0"}, Gazelle: lock.GoModule{Version: "v0.53.0"},
		},
	}
}

func TestChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*lock.Lock)
		want   []string
	}{
		{"nothing", func(*lock.Lock) {}, nil},
		{
			"version", func(l *lock.Lock) { l.Dependencies[0].Module.Version = "v1.1.0" },
			[]string{"dependency a: example.com/a@v1.0.0 → example.com/a@v1.1.0 (version in manifest)"},
		},
		{
			"why", func(l *lock.Lock) { l.Dependencies[0].Why = "go.mod of example.com/b@v1.0.0" },
			[]string{"dependency a: version in manifest → go.mod of example.com/b@v1.0.0 (example.com/a@v1.0.0)"},
		},
		{
			"content", func(l *lock.Lock) { l.Dependencies[1].Digest, l.Dependencies[1].Size = "sha256:g", 2 },
			[]string{"dependency f: ../f sha256:f → ../f sha256:g (content of localpath)"},
		},
		{
			"kind of source", func(l *lock.Lock) {
				l.Dependencies[1].Local, l.Dependencies[1].Module = nil, &lock.Module{Path: "example.com/f", Version: "v1.0.0"}
			},
			[]string{"dependency f: ../f → example.com/f@v1.0.0 (content of localpath)"},
		},
		{"modules", func(l *lock.Lock) { l.Dependencies[0].GoModules = nil }, []string{"dependency a: example.com/a@v1.0.0 needs other modules"}},
		{
			"time", func(l *lock.Lock) { l.Dependencies[1].Time = l.Time.Add(time.Hour) },
			[]string{"dependency f: 2024-01-01T00:00:00Z → 2024-01-01T01:00:00Z (time of ../f)"},
		},
		{
			"primary", func(l *lock.Lock) { l.Dependencies[0].Primary, l.Dependencies[1].Primary = false, true },
			[]string{"dependency a: example.com/a@v1.0.0 is no longer primary", "dependency f: ../f is primary now"},
		},
		{
			"added", func(l *lock.Lock) {
				l.Dependencies = append(l.Dependencies, lock.Dependency{Name: "z", Local: &lock.Local{Path: "z"}, Why: "content of localpath"})
			},
			[]string{"dependency z: added z (content of localpath)"},
		},
		{"removed", func(l *lock.Lock) { l.Dependencies = l.Dependencies[:1] }, []string{"dependency f: removed ../f"}},
		{
			"settings", func(l *lock.Lock) {
				l.Version, l.Product, l.Docker, l.Outputs = "1.0.1", "q", "docker.io/x", nil
				l.Platforms, l.Architectures = []string{"win-amd64", "linux-amd64"}, []string{"linux/amd64", "linux/arm64"}
				l.Toolchain.Bazel, l.Toolchain.Go.Version = "8.0.0", "1.27.0"
				l.Toolchain.RulesGo.Version, l.Toolchain.Gazelle.Version = "v0.66.0", "v0.54.0"
				l.Manifest = digest.FromBytes([]byte("new"))
			},
			[]string{
				"version: 1.0.0 → 1.0.1", "product: p → q", "docker: added docker.io/x", "platforms: linux-amd64 win-amd64 → win-amd64 linux-amd64",
				"architectures: linux/amd64 → linux/amd64 linux/arm64", "outputs: removed archive", "Bazel: 7.7.1 → 8.0.0", "Go: 1.26.8 → 1.27.0",
				"rules_go: v0.65.0 → v0.66.0", "gazelle: v0.53.0 → v0.54.0",
			},
		},
		{
			"dependencies before settings", func(l *lock.Lock) { l.Version, l.Dependencies = "2", nil },
			[]string{"dependency a: removed example.com/a@v1.0.0", "dependency f: removed ../f", "version: 1.0.0 → 2"},
		},
		{
			"comment in the manifest", func(l *lock.Lock) { l.Manifest = digest.FromBytes([]byte("new")) },
			[]string{"manifest: cba06b5736fa → 11507a0e2f5e (does not affect builds)"},
		},
		{
			"sums of the toolchain", func(l *lock.Lock) {
				l.Toolchain.Go.Archives = map[string]lock.Archive{"linux_amd64": {Sum: "h1:other"}}
			},
			[]string{"toolchain: other sums of the same versions"},
		},
		{
			"a source without modules that was listed again", func(l *lock.Lock) {
				for i := range l.Dependencies {
					if l.Dependencies[i].GoModules == nil {
						l.Dependencies[i].GoModules = []lock.GoModule{}
					}
				}
			},
			nil,
		},
		{
			"sums of the toolchain, and a comment", func(l *lock.Lock) {
				l.Toolchain.RulesGo.Sum, l.Manifest = "h1:other", digest.FromBytes([]byte("new"))
			},
			[]string{"toolchain: other sums of the same versions"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := locked()
			tt.change(l)
			if got := Changes(locked(), l); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestChangesFromNothing(t *testing.T) {
	want := []string{
		"dependency a: added example.com/a@v1.0.0 (version in manifest)", "dependency f: added ../f (content of localpath)",
		"version: added 1.0.0", "product: added p", "platforms: added linux-amd64 win-amd64", "architectures: added linux/amd64",
		"outputs: added archive", "Bazel: added 7.7.1", "Go: added 1.26.8", "rules_go: added v0.65.0", "gazelle: added v0.53.0",
	}
	if got := Changes(nil, locked()); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// TestChangesForm: whatever differs, something is said.
func TestChangesForm(t *testing.T) {
	l := locked()
	l.Schema = "release-builder/lock/v0"
	want := []string{"lock: its form changed, not what it pins"}
	if got := Changes(l, locked()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
