package resolve

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestStamp: the version in the lock is what `go build` stamps in a clone at that
// commit, whichever way the manifest names it.
func TestStamp(t *testing.T) {
	cache := t.TempDir()
	const main = "package main\n\nfunc main() {}\n"
	module := func(path string) string { return "module " + path + "\n\ngo 1.24\n" }
	for _, tt := range []struct {
		name  string
		files map[string]string
		roots []string
		tags  map[string]int // by name: 0 is the commit, 1 the one before it, -1 one on another branch
		want  string         // of the last root
	}{
		{"no tag", map[string]string{"go.mod": module("example.com/a"), "main.go": main}, []string{"."}, nil, "v0.0.0-20240302120000-"},
		{"a tag", map[string]string{"go.mod": module("example.com/a"), "main.go": main}, []string{"."}, map[string]int{"v1.2.3": 0, "v1.2.2": 0, "latest": 0}, "v1.2.3"},
		{"a tag of the commit before", map[string]string{"go.mod": module("example.com/a"), "main.go": main}, []string{"."}, map[string]int{"v1.2.3": 1, "v1.9.0": -1}, "v1.2.4-0.20240302120000-"},
		{"a pre-release before", map[string]string{"go.mod": module("example.com/a"), "main.go": main}, []string{"."}, map[string]int{"v1.2.3-rc.1": 1}, "v1.2.3-rc.1.0.20240302120000-"},
		{"of another major version", map[string]string{"go.mod": module("example.com/a/v2"), "main.go": main}, []string{"."}, map[string]int{"v1.2.3": 0, "v2.0.1": 1}, "v2.0.2-0.20240302120000-"},
		{"no canonical version", map[string]string{"go.mod": module("example.com/a"), "main.go": main}, []string{"."}, map[string]int{"v1": 0, "v1.2": 0, "1.2.3": 0}, "v0.0.0-20240302120000-"},
		{"a module below", map[string]string{"go.mod": module("example.com/a"), "main.go": main, "sub/go.mod": module("example.com/a/sub"), "sub/main.go": main}, []string{".", "sub"}, map[string]int{"v1.2.3": 0, "sub/v0.5.0": 0}, "v0.5.0"},
		{"a module below, tagged before", map[string]string{"go.mod": module("example.com/a"), "main.go": main, "sub/go.mod": module("example.com/a/sub"), "sub/main.go": main}, []string{"sub"}, map[string]int{"v1.2.3": 0, "sub/v0.5.0": 1}, "v0.5.1-0.20240302120000-"},
		{"no module at the root", map[string]string{"sub/go.mod": module("example.com/a/sub"), "sub/main.go": main}, []string{"sub"}, map[string]int{"sub/v0.5.0": 0}, gomod.Devel},
		{"a directory of the major version", map[string]string{"go.mod": module("example.com/a"), "v2/go.mod": module("example.com/a/v2"), "v2/main.go": main}, []string{"v2"}, map[string]int{"v2.3.0": 0}, "v2.3.0"},
		{"a module of another name below", map[string]string{"go.mod": module("example.com/a"), "sub/go.mod": module("example.org/b"), "sub/main.go": main}, []string{"sub"}, map[string]int{"sub/v0.5.0": 0}, gomod.Devel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gittest.Env(t)
			server := gittest.New(t)
			repo := server.Repo("a")
			files := map[string]gittest.File{}
			for name, content := range tt.files {
				files[name] = gittest.File{Content: content}
			}
			at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
			before := repo.Commit("main", files, "one", at)
			other := repo.Commit("other", files, "other", at)
			commit := repo.Commit("main", map[string]gittest.File{"more.txt": {Content: "more"}}, "two", at.AddDate(0, 0, 1))
			for tag, of := range tt.tags {
				repo.AnnotatedTag(tag, map[int]string{0: commit, 1: before, -1: other}[of], "tag")
			}
			proxytest.Setenv(t, "off")
			root := tt.roots[len(tt.roots)-1]
			want := stamped(t, server.URL("a"), commit, root, cache)
			if got := want; got != tt.want && got != tt.want+commit[:12] {
				t.Fatalf("go build: got version %s, want %s", got, tt.want)
			}
			asks := []manifest.Dependency{{Branch: "main"}, {SHA: commit}, {SHA: commit[:8]}}
			for tag, of := range tt.tags {
				if of == 0 {
					asks = append(asks, manifest.Dependency{Tag: tag})
				}
			}
			for _, ask := range asks {
				ask.Name, ask.Git, ask.GoModules = "a", server.URL("a"), tt.roots
				d, err := newGit(t).Resolve(t.Context(), &Request{Dependency: ask})
				if err != nil {
					t.Fatal(err)
				}
				if want := repo.Git("cat-file", "commit", commit); strings.TrimSuffix(string(d.Git.Object), "\n") != strings.TrimSuffix(want, "\n") {
					t.Errorf("%+v: got commit %q, want %q", ask, d.Git.Object, want)
				}
				if got := d.Git.Versions[root]; got != want {
					t.Errorf("%+v: got version %s, want %s", ask, got, want)
				}
			}
		})
	}
}

func newGit(t *testing.T) *Git {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	tool := func(string) (*gomod.Go, func()) {
		return &gomod.Go{Command: proxytest.GoCommand(t), Store: s, Cache: filepath.Join(t.TempDir(), "modcache")}, func() {}
	}
	return &Git{
		Trees:  &Trees{Go: tool, Store: s, Kept: &Kept{}},
		Client: func(string) (*gitsource.Client, func()) { return &gitsource.Client{Scratch: t.TempDir()}, func() {} },
		Kept:   &Kept{}, Note: func(string, string) {},
	}
}

// stamped returns the version in a program that is built in a clone.
func stamped(t *testing.T, url, commit, root, cache string) string {
	t.Helper()
	dir, out := filepath.Join(t.TempDir(), "clone"), filepath.Join(t.TempDir(), "program")
	for _, args := range [][]string{{"git", "clone", "--quiet", url, dir}, {"git", "-C", dir, "checkout", "--quiet", commit}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	cmd := exec.Command(proxytest.GoCommand(t), "build", "-buildvcs=true", "-o", out, ".")
	cmd.Dir, cmd.Env = filepath.Join(dir, root), append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off", "GOCACHE="+cache)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	info, err := buildinfo.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return info.Main.Version
}
