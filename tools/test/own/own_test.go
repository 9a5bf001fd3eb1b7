// Package own_test checks this project's own line, manifests/release-builder.
//
// Without flags it checks the lock against this repository, which takes seconds. With -whole it
// builds and checks the release, and then has the program in it publish the release where there is
// no Bazel; with -release DIR it only does the latter, with a release that was built:
//
//	go test ./tools/test/own -whole -timeout 5h
//	go test ./tools/test/own -release bazel-bin/release/all
//
// No server outside of this machine is asked for the source: git takes this repository for it.
package own_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

const line = "release-builder"

// root returns the root directory of this repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(dir, "manifests", line))
	readers.Require(t, "the repository, which go test ./tools/test/own has", err == nil)
	return dir
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// source returns the lock's entry of this repository.
func source(t *testing.T, dir string) (*lock.Lock, *lock.Dependency) {
	t.Helper()
	l, err := lock.Read(filepath.Join(dir, "manifests", line, "lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	d, ok := l.Find(line)
	if !ok || d.Git == nil {
		t.Fatalf("the lock has no git source %q", line)
	}
	return l, d
}

// mirror makes a repository of the locked commit, and has git take it for the one at the lock's
// URL. It returns variables for that.
func mirror(t *testing.T, dir string, d *lock.Dependency) []string {
	t.Helper()
	git := func(args ...string) error {
		out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput()
		if err != nil {
			t.Logf("git %q: %v: %s", args, err, out)
		}
		return err
	}
	readers.Require(t, "commit "+d.Git.Commit+" in its clone", git("-C", dir, "cat-file", "-e", d.Git.Commit+"^{commit}") == nil)
	at := filepath.Join(t.TempDir(), line)
	if git("init", "--quiet", "--bare", at) != nil || git("-C", dir, "push", "--quiet", at, d.Git.Commit+":"+d.Git.Ref) != nil {
		t.Fatal("git cannot copy the commit")
	}
	return []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://" + at + ".insteadOf", "GIT_CONFIG_VALUE_0=" + d.Git.URL}
}

// TestLock checks that the lock is of the manifest, and that its source is a commit of this
// repository, byte for byte.
func TestLock(t *testing.T) {
	dir := root(t)
	l, d := source(t, dir)
	data := read(t, dir, "manifests", line, "manifest.yaml")
	m, err := manifest.Parse("manifest.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if got := digest.FromBytes(data); l.Manifest != got || l.Version != m.Version {
		t.Errorf("the lock is of version %s and manifest %s, want %s and %s: run tools/bazel run //release:resolve --config=%s", l.Version, l.Manifest, m.Version, got, line)
	}
	if got := "https://" + modfile.ModulePath(read(t, dir, "go.mod")); d.Git.URL != got || !d.Primary {
		t.Errorf("got source %s, want %s, and it is the primary one", d.Git.URL, got)
	}
	gittest.Env(t)
	for _, variable := range mirror(t, dir, d) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bring(t.Context(), digest.Digest(d.Digest), gitsource.Fetcher{
		Client: &gitsource.Client{}, Want: gitsource.Want{URL: d.Git.URL, SHA: d.Git.Commit, Ref: d.Git.Ref}, Exclude: d.Exclude,
	}); err != nil {
		t.Error(err)
	}
}

// TestDestinations reads the profiles.
func TestDestinations(t *testing.T) {
	dir := root(t)
	l, _ := source(t, dir)
	for _, name := range []string{"stage", "production"} {
		p, err := destinations.All().Schema().Read(filepath.Join(dir, "manifests", line, "destinations.yaml"), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := destinations.All().Expand(*p, "/state", l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
