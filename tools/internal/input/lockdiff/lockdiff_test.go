package lockdiff

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

var oldCommit, newCommit = strings.Repeat("a0", 20), strings.Repeat("b1", 20)

func git(name, url, commit string, modules ...lock.GoModule) lock.Dependency {
	return lock.Dependency{Name: name, Git: &lock.Git{URL: url, Commit: commit}, Digest: "sha256:" + commit, Size: 1, GoModules: modules}
}

func goModule(path, version string) lock.GoModule {
	return lock.GoModule{Path: path, Version: version, Sum: "h1:x"}
}

// changed returns the changes in short.
func changed(old, new *lock.Lock) []string {
	var lines []string
	for _, c := range Between(old, new) {
		if c.State != Same || len(c.Modules) > 0 {
			lines = append(lines, strings.Join([]string{string(c.Kind), c.Name, c.Platform, string(c.State), Short(c.From.Revision), Short(c.To.Revision), c.Compare}, "|"))
		}
		for _, m := range c.Modules {
			lines = append(lines, strings.Join([]string{c.Name, string(m.Kind), m.Name, string(m.State), m.From.Revision, m.To.Revision}, "|"))
		}
	}
	return lines
}

func TestBetween(t *testing.T) {
	old := &lock.Lock{
		Version: "1.0.0", Product: "p", Outputs: []string{"archive"},
		Dependencies: []lock.Dependency{
			git("a", "https://github.com/x/a", oldCommit, goModule("m", "v1.0.0"), goModule("n", "v1.0.0"), lock.GoModule{Path: "o", Version: "v1.0.0"}),
			git("content", "https://github.com/x/content", oldCommit), git("gone", "https://github.com/x/gone", oldCommit),
			git("moved", "https://github.com/x/moved", oldCommit), git("same", "https://github.com/x/same", oldCommit),
			{Name: "web", Local: &lock.Local{Path: "../web"}, Digest: string(digest.FromBytes([]byte("w1")))},
		},
		Images: []lock.Image{{Name: "app", Base: "docker.io/debian:12", Digest: digest.FromBytes([]byte("1")), Platforms: []lock.ImagePlatform{
			{Platform: "linux/amd64", Digest: digest.FromBytes([]byte("2"))}, {Platform: "linux/arm64", Digest: digest.FromBytes([]byte("3"))},
		}}},
		Files:     []lock.File{{Name: "helm", Platform: "linux-amd64", URL: "https://example.com/1", Digest: digest.FromBytes(nil), Size: 5}},
		Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.7"}},
	}
	new := &lock.Lock{
		Version: "1.1.0", Product: "p", Docker: "docker.io/x", SkipSBOM: true,
		Dependencies: []lock.Dependency{
			git("a", "https://github.com/x/a", newCommit, goModule("m", "v1.1.0"), lock.GoModule{Path: "o", Version: "v1.0.0", Sum: "h1:x"}),
			git("content", "https://github.com/x/content", oldCommit), git("moved", "https://github.com/y/moved", newCommit),
			git("new", "https://github.com/x/new", oldCommit), git("same", "https://github.com/x/same", oldCommit),
			{Name: "web", Local: &lock.Local{Path: "../web"}, Digest: string(digest.FromBytes([]byte("w2")))},
		},
		Images: []lock.Image{{Name: "app", Base: "docker.io/debian:13", Digest: digest.FromBytes([]byte("4")), Platforms: []lock.ImagePlatform{
			{Platform: "linux/amd64", Digest: digest.FromBytes([]byte("2"))},
		}}},
		Files:     []lock.File{{Name: "helm", Platform: "linux-amd64", URL: "https://example.com/2", Digest: digest.FromBytes(nil), Size: 5}},
		Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8"}},
	}
	new.Dependencies[1].Digest = "sha256:other"
	want := []string{
		"dependency|a||changed|a0a0a0a0a0a0|b1b1b1b1b1b1|https://github.com/x/a/compare/" + oldCommit + "..." + newCommit,
		"a|module|m|changed|v1.0.0|v1.1.0", "a|module|n|removed|v1.0.0|", "a|module|o|added||v1.0.0",
		"dependency|content||changed|a0a0a0a0a0a0|a0a0a0a0a0a0|",
		"dependency|gone||removed|a0a0a0a0a0a0||",
		"dependency|moved||moved|a0a0a0a0a0a0|b1b1b1b1b1b1|",
		"dependency|new||added||a0a0a0a0a0a0|",
		"dependency|web||changed|sha256:60c5590f72ee|sha256:06f8faea3b5f|",
		"image|app||moved|sha256:6b86b273ff34|sha256:4b227777d4dd|",
		"image|app|linux/arm64|removed|sha256:4e07408562be||",
		"file|helm|linux-amd64|moved|sha256:e3b0c44298fc|sha256:e3b0c44298fc|",
		"setting|version||changed|1.0.0|1.1.0|", "setting|docker||added||docker.io/x|", "setting|outputs||removed|archive||",
		"setting|skipGenerateBillOfMaterials||added||true|",
		"tool|Go||changed|1.26.7|1.26.8|",
	}
	if got := changed(old, new); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := changed(new, new); got != nil {
		t.Errorf("of one lock: got %q, want nothing", got)
	}
}

// TestBetweenNothing compares no lock with a lock: all of it is added.
func TestBetweenNothing(t *testing.T) {
	l := &lock.Lock{Version: "1", Dependencies: []lock.Dependency{git("a", "https://github.com/x/a", oldCommit)}}
	want := []Change{
		{Kind: Dependency, Name: "a", State: Added, To: Pin{"https://github.com/x/a", oldCommit, "sha256:" + oldCommit, 1}, New: &l.Dependencies[0]},
		{Kind: Setting, Name: "version", State: Added, To: Pin{Revision: "1"}},
	}
	if got := Between(nil, l); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct{ origin, want string }{
		{"https://github.com/a/b", "https://github.com/a/b/compare/x...y"},
		{"https://github.com/a/b.git", "https://github.com/a/b/compare/x...y"},
		{"https://user:secret@github.com/a/b.git?token=secret#s", "https://github.com/a/b/compare/x...y"},
		{"https://gitlab.com/a/b/c.git", "https://gitlab.com/a/b/c/-/compare/x...y"},
		{"https://codeberg.org/a/b/", "https://codeberg.org/a/b/compare/x...y"},
		{"http://github.com/a/b", ""},
		{"https://github.com:8443/a/b", ""},
		{"https://github.com", ""},
		{"https://github.example.com/a/b", ""},
		{"https://github.com.example.com/a/b", ""},
		{"git@github.com:a/b.git", ""},
		{"ssh://git@github.com/a/b", ""},
		{"../b", ""},
		{"https://%zz", ""},
	} {
		if got := compare(tt.origin, "x", "y"); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.origin, got, tt.want)
		}
	}
}

func TestCompareModules(t *testing.T) {
	for _, tt := range []struct{ path, old, new, want string }{
		{"github.com/a/b", "v1.0.0", "v1.1.0", "https://github.com/a/b/compare/v1.0.0...v1.1.0"},
		{"github.com/a/b/v2", "v2.0.0", "v2.0.1-0.20260827124520-eed52ebb66ad", "https://github.com/a/b/compare/v2.0.0...eed52ebb66ad"},
		{"github.com/a/b", "v2.0.0+incompatible", "v2.1.0+incompatible", "https://github.com/a/b/compare/v2.0.0...v2.1.0"},
		{"github.com/a/b/sub", "v1.0.0", "v1.1.0", ""},
		{"example.com/a/b", "v1.0.0", "v1.1.0", ""},
	} {
		of := func(version string) *lock.Dependency {
			return &lock.Dependency{Module: &lock.Module{Path: tt.path, Version: version}}
		}
		if got := compareSources(of(tt.old), of(tt.new)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestWeb(t *testing.T) {
	for _, tt := range []struct{ origin, web, commit string }{
		{"https://github.com/a/b.git", "https://github.com/a/b", "https://github.com/a/b/commit/x"},
		{"https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c/-/commit/x"},
		{"https://github.com/a/b/c", "", ""},
		{"https://me:secret@github.com/a/b", "", ""},
		{"https://github.com/a/<b>", "", ""},
		{"https://github.com/a/..", "", ""},
		{"ssh://git@github.com/a/b", "", ""},
	} {
		d := &lock.Dependency{Git: &lock.Git{URL: tt.origin, Commit: "x"}}
		if web, commit := Web(d), WebRevision(d); web != tt.web || commit != tt.commit {
			t.Errorf("%q: got %q and %q, want %q and %q", tt.origin, web, commit, tt.web, tt.commit)
		}
	}
	d := &lock.Dependency{Module: &lock.Module{Path: "example.com/a", Version: "v1.0.0"}}
	if got, want := WebRevision(d), "https://pkg.go.dev/example.com/a@v1.0.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
