package changes

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/testing/browsertest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func dependency(name, url, commit string, modules ...string) lock.Dependency {
	d := lock.Dependency{
		Name: name, Git: &lock.Git{URL: url, Commit: strings.Repeat(commit, 20)}, Size: 1000,
		Digest: string(digest.FromBytes([]byte(commit))), Time: releasetest.Time, Why: "sha in manifest", GoRoots: []string{"."},
	}
	for _, m := range modules {
		path, version, _ := strings.Cut(m, "@")
		version, sum, _ := strings.Cut(version, "#")
		d.GoModules = append(d.GoModules, lock.GoModule{Path: path, Version: version, Sum: sum, GoModSum: "h1:y"})
	}
	return d
}

// writeLock writes a lock that f changes first.
func writeLock(t *testing.T, version string, f func(l *lock.Lock)) string {
	t.Helper()
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: version, Product: "demo",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"}, Time: releasetest.Time,
		Dependencies: []lock.Dependency{
			dependency("api", "https://github.com/acme/api.git", "a0", "golang.org/x/mod@v0.1.0#h1:a", "golang.org/x/net@v0.2.0#h1:b", "golang.org/x/sys@v0.3.0"),
			dependency("client", "https://git.example.com/acme/client", "b0"),
			dependency("gone", "https://gitlab.com/acme/group/gone", "c0", "golang.org/x/mod@v0.1.0#h1:a"),
			{Name: "tool", Module: &lock.Module{Path: "example.com/tool", Version: "v1.0.0"}, Digest: "h1:x", Time: releasetest.Time, Why: "version in manifest"},
			{Name: "web", Local: &lock.Local{Path: "../web"}, Digest: string(digest.FromBytes([]byte("w"))), Time: releasetest.Time, Why: "localpath"},
		},
		Images:    []lock.Image{{Name: "app", Base: "docker.io/library/debian:12", Digest: digest.FromBytes([]byte("1")), Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: digest.FromBytes([]byte("2"))}}}},
		Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.7"}},
	}
	l.Dependencies[0].Primary = true
	f(l)
	l.Seal()
	name := filepath.Join(t.TempDir(), "lock.json")
	if err := jsonfile.Write(name, l); err != nil {
		t.Fatal(err)
	}
	return name
}

// changed makes every kind of change to a lock.
func changed(l *lock.Lock) {
	l.Dependencies[0] = dependency("api", "https://github.com/acme/api.git", "a1", "golang.org/x/mod@v0.2.0#h1:c", "golang.org/x/sys@v0.3.0#h1:d")
	l.Dependencies[0].Primary = true
	l.Dependencies[1] = dependency("client", "https://git.example.com/acme/client", "b1")
	l.Dependencies[2] = dependency("new", "git@example.com:acme/new.git", "d0")
	l.Dependencies[3].Module = &lock.Module{Path: "example.com/tool", Version: "v1.1.0"}
	l.Dependencies[4].Digest = string(digest.FromBytes([]byte("w2")))
	l.Images[0].Digest = digest.FromBytes([]byte("3"))
	l.Files = []lock.File{{Name: "helm", Platform: "linux-amd64", URL: "https://example.com/helm", Digest: digest.FromBytes(nil), Size: 5, Why: "url in manifest"}}
	l.Toolchain.Go.Version = "1.26.8"
}

func TestLocks(t *testing.T) {
	old, new := writeLock(t, "1.0.0", func(*lock.Lock) {}), writeLock(t, "1.1.0", changed)
	golden(t, "locks.txt", between(t, old, new).Text())
	golden(t, "locks-same.txt", between(t, old, old).Text())
}

func TestReleases(t *testing.T) {
	old := releasetest.Make(t, releasetest.Args{
		Version: "1.2.0", Images: []string{"app", "old"}, Charts: []string{"web"},
		Files: map[string]string{"demo-1.2.0.tar.gz": "demo", "same-1.2.0.txt": "same", "gone.txt": "gone", "licenses": "a\n"},
		Git:   map[string]string{"api": "https://github.com/acme/api@" + strings.Repeat("a0", 20)},
	})
	new := releasetest.Make(t, releasetest.Args{
		Version: "1.3.0", Images: []string{"app", "new"}, Bases: 2, Charts: []string{"web"},
		Files: map[string]string{"demo-1.3.0.tar.gz": "demo, longer", "same-1.3.0.txt": "same", "more\x1b[2J.txt": "more", "licenses": "b\n"},
		Git:   map[string]string{"api": "https://github.com/acme/api@" + strings.Repeat("a1", 20)},
	})
	golden(t, "releases.txt", between(t, old, new).Text())
	golden(t, "releases-same.txt", between(t, old, old).Text())

	d := between(t, old, new)
	if d.Schema != Schema || len(d.Images) != 3 || len(d.Files) == 0 {
		t.Errorf("got %+v", d)
	}
	var page bytes.Buffer
	if err := d.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	data := page.Bytes()
	for _, want := range []string{"demo 1.2.0 → demo 1.3.0", "https://github.com/acme/api/compare/", "demo-1.3.0.tar.gz", "linux/arm64"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, not := range []string{"<script", "<link", "src="} {
		if strings.Contains(string(data), not) {
			t.Errorf("the page has %q", not)
		}
	}
	t.Run("browser", func(t *testing.T) {
		if got := browsertest.Show(t, data); !strings.Contains(got, "<title>demo 1.2.0 → demo 1.3.0</title>") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("for everybody", func(t *testing.T) { browsertest.Good(t, data) })
}

// TestNames: a file may be called as a setting is.
func TestNames(t *testing.T) {
	file := func(l *lock.Lock) {
		l.Files = []lock.File{{Name: "version", URL: "https://example.com/v", Digest: digest.FromBytes(nil)}}
	}
	d := between(t, writeLock(t, "1.0.0", func(*lock.Lock) {}), writeLock(t, "1.1.0", file))
	if len(d.Inputs) != 1 || d.Inputs[0].Kind != lockdiff.File || d.Inputs[0].State != lockdiff.Added {
		t.Errorf("got %+v, want file version added", d.Inputs)
	}
}

// TestHostileImage has layouts that are not images, and one with an endless index.
func TestHostileImage(t *testing.T) {
	blob := "sha256:" + strings.Repeat("a", 64)
	loop := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","size":183,"digest":"` + blob + `"}]}`
	for index, want := range map[string]string{
		"{":                              "unexpected end of JSON input",
		"null":                           "schemaVersion is 0",
		`{"manifests":[{"digest":"x"}]}`: "cannot parse hash",
		loop:                             "got more than 4 levels of indexes",
	} {
		dir := releasetest.Make(t, releasetest.Args{Files: map[string]string{
			"images/app/index.json": index, "images/app/oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "images/app/blobs/sha256/" + blob[7:]: loop,
		}})
		if _, err := Between(t.Context(), dir, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", index, err, want)
		}
	}
}

func between(t *testing.T, old, new string) *Diff {
	t.Helper()
	d, err := Between(t.Context(), old, new)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant %s; if it is right, run go test ./tools/internal/check/changes -update\n%s", got, name, want)
	}
}
