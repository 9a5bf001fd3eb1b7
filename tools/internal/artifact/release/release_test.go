package release_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestOpen(t *testing.T) {
	args := releasetest.Args{
		Files: map[string]string{"demo-1.2.0.tar.gz": "demo", "docs/a.txt": ""}, Images: []string{"b", "a"}, Charts: []string{"web"},
	}
	dir := releasetest.Make(t, args)
	tree := releasetest.Open(t, dir)
	if err := tree.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if tree.Version != "1.2.0" || tree.Lock.Product != "demo" {
		t.Errorf("got version %q of %q", tree.Version, tree.Lock.Product)
	}
	if got, want := tree.Images(), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("images: got %q, want %q", got, want)
	}
	if got, want := tree.Charts(), []string{"helm/web-1.2.0.tgz"}; !slices.Equal(got, want) {
		t.Errorf("charts: got %q, want %q", got, want)
	}
	if f, ok := tree.Find("demo-1.2.0.tar.gz"); !ok || f.Size != 4 || !strings.HasPrefix(string(f.Digest), "sha256:2a97516c354b68848") {
		t.Errorf("got %+v, %v", f, ok)
	}
	if got, err := tree.ReadFile(t.Context(), "demo-1.2.0.tar.gz"); string(got) != "demo" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := tree.ReadFile(t.Context(), "none"); err == nil {
		t.Error("a file that is not there: got no error")
	}
	sums := func(dir string) string {
		data, err := os.ReadFile(filepath.Join(dir, release.Checksums))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if again := sums(releasetest.Make(t, args)); again != sums(dir) {
		t.Errorf("equal arguments: got\n%swant\n%s", again, sums(dir))
	}
}

// TestBazelLinks reads a release with links to files and directories, as in bazel-bin.
func TestBazelLinks(t *testing.T) {
	dir, links := releasetest.Make(t, releasetest.Args{Images: []string{"a"}}), t.TempDir()
	for _, name := range []string{"images", release.LockFile, "manifest.yaml", release.Checksums} {
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := releasetest.Open(t, links).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAltered checks the errors for releases that were altered.
func TestAltered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		args  releasetest.Args
		alter func(dir string) error
		want  string // in the error of Open or Check
	}{
		{"no release", releasetest.Args{}, os.RemoveAll, `opening "SHA256SUMS" of the release: `},
		{"a file less", releasetest.Args{}, func(dir string) error { return os.Remove(dir + "/manifest.yaml") }, `file "manifest.yaml" is in SHA256SUMS but not in the release`},
		{"a file more", releasetest.Args{}, write("x", "x"), `file "x" is in the release but not in SHA256SUMS`},
		{"longer", releasetest.Args{}, write("manifest.yaml", "version: 1.2.0\n\n"), "sha256 of \"manifest.yaml\": got sha256:"},
		{"same size", releasetest.Args{}, flip("manifest.yaml"), "sha256 of \"manifest.yaml\": got sha256:"},
		{"lock", releasetest.Args{}, write("lock.json", "{}\n"), "reading lock"},
		{"path above", releasetest.Args{}, write("SHA256SUMS", strings.Repeat("0", 64)+"  ../x\n"), `line 1: got "` + strings.Repeat("0", 64) + `  ../x", want 64`},
		{"no sum", releasetest.Args{}, write("SHA256SUMS", "hello\n"), `line 1: got "hello", want 64`},
		{"order", releasetest.Args{}, write("SHA256SUMS", strings.Repeat("0", 64)+"  b\n"+strings.Repeat("0", 64)+"  a\n"), `line 2: "a" does not sort after "b"`},
		{"dirty", releasetest.Args{Dirty: true}, func(string) error { return nil }, `dependency "a" was built from directory "../a", which differs from commit "a0a0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := releasetest.Make(t, tt.args)
			if err := tt.alter(dir); err != nil {
				t.Fatal(err)
			}
			tree, err := release.Open(t.Context(), release.Dir(dir))
			if err == nil {
				err = tree.Check(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestAlteredWhileReading replaces a file after the release was opened.
func TestAlteredWhileReading(t *testing.T) {
	for _, content := range []string{"demO", "dem", "demo2", ""} {
		dir := releasetest.Make(t, releasetest.Args{Files: map[string]string{"demo": "demo"}})
		tree := releasetest.Open(t, dir)
		if err := write("demo", content)(dir); err != nil {
			t.Fatal(err)
		}
		r, err := tree.Open(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err == nil {
			t.Errorf("%q in place of demo: got %q and no error", content, got)
		}
		r.Close()
	}
}

func TestCheckCancelled(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tree.Check(ctx); err == nil {
		t.Error("got no error")
	}
}

func write(path, content string) func(dir string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644) }
}

// flip changes a bit of a file.
func flip(path string) func(dir string) error {
	return func(dir string) error {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil {
			data[len(data)-1] ^= 1
			err = os.WriteFile(filepath.Join(dir, path), data, 0o644)
		}
		return err
	}
}
