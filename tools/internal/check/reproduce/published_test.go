package reproduce

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// publish serves a release, and says which files were asked for.
func publish(t *testing.T) (dir, url string, asked *[]string) {
	t.Helper()
	dir, asked = releasetest.Make(t, releasetest.Args{Files: map[string]string{"a.txt": "a\n", "big.bin": strings.Repeat("x", 1<<20)}, Images: []string{"app"}}), new([]string)
	files := http.StripPrefix("/some/where/", http.FileServer(http.Dir(dir)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return dir, s.URL + "/some/where", asked
}

// TestPublishedURL compares with a release on a server, of which no more is read
// than what differs.
func TestPublishedURL(t *testing.T) {
	dir, url, asked := publish(t)
	for _, where := range []string{url, url + "/", url + "/SHA256SUMS", strings.Replace(url, "://", "://me:secret@", 1) + "/SHA256SUMS?token=secret"} {
		*asked = nil
		p, err := OpenPublished(t.Context(), where)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if strings.Contains(p.Where, "secret") || p.Lock.Version != "1.2.0" {
			t.Errorf("got %q, version %q", p.Where, p.Lock.Version)
		}
		report, notes, err := p.Compare(t.Context(), dir, t.TempDir())
		if err != nil || !report.Equal() || len(notes) > 0 {
			t.Errorf("%s: got %v, %v, want equal", where, notes, err)
		}
		if len(*asked) != 3 {
			t.Errorf("asked for %q, want the three documents", *asked)
		}
	}

	built := filepath.Join(t.TempDir(), "built")
	if err := copyRelease(dir, built); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(built, "a.txt"), []byte("b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPublished(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	*asked = nil
	report, _, err := p.Compare(t.Context(), built, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := differing(report); len(got) != 1 || got[0] != "a.txt" || len(*asked) != 1 {
		t.Errorf("got %q different after asking for %q, want a.txt", got, *asked)
	}
	for _, f := range report.Files {
		if f.State == lockdiff.Changed && len(f.Differences) == 0 {
			t.Errorf("%s: got no difference inside", f.Path)
		}
	}
	// A server that now has something else than what it published.
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("c\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Compare(t.Context(), built, t.TempDir()); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("got %v, want that it was changed", err)
	}
}

// TestPublishedHostile opens what no release is.
func TestPublishedHostile(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for _, tt := range []struct{ name, sums, want string }{
		{"path above", zeros + "  ../../etc/passwd\n", "want 64 hexadecimal digits"},
		{"absolute path", zeros + "  /etc/passwd\n", "want 64 hexadecimal digits"},
		{"twice", zeros + "  a\n" + zeros + "  a\n", "does not sort after"},
		{"no manifest", zeros + "  lock.json\n", "lists no manifest.yaml"},
		{"other manifest", zeros + "  lock.json\n" + zeros + "  manifest.yaml\n", "sha256 of manifest.yaml"},
		{"page", "<!DOCTYPE html>\n", "want 64 hexadecimal digits"},
		{"empty", "", "want 64 hexadecimal digits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := releasetest.Make(t, releasetest.Args{})
			if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(tt.sums), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenPublished(t.Context(), dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	huge := filepath.Join(t.TempDir(), "huge")
	if err := os.Mkdir(huge, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(huge, "SHA256SUMS"))
	if err == nil {
		err = f.Truncate(maxDocument + 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := OpenPublished(t.Context(), huge); err == nil || !strings.Contains(err.Error(), "got more than") {
		t.Errorf("got %v, want that it is too large", err)
	}
}

// TestInstall makes what was published a line, with a BUILD file of its own where
// there is none.
func TestInstall(t *testing.T) {
	p, err := OpenPublished(t.Context(), releasetest.Make(t, releasetest.Args{}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 {
		if err := p.Install(dir, "demo"); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"manifest.yaml": string(p.manifest), "lock.json": string(p.lock), "BUILD.bazel": "exports_files("} {
			if got, err := os.ReadFile(filepath.Join(dir, "manifests", "demo", name)); err != nil || !strings.HasPrefix(string(got), want) {
				t.Errorf("%s: got %q, %v", name, got, err)
			}
		}
	}
}

func FuzzLocate(f *testing.F) {
	for _, s := range []string{"https://example.com/x/SHA256SUMS?a=b", "file:///x", "file://host/x", "/x", "http://[", "https://u:p@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, where string) {
		p, err := locate(where)
		if err != nil {
			return
		}
		if (p.directory == "") == (p.base == nil) {
			t.Errorf("%q: got directory %q and URL %v, want one", where, p.directory, p.base)
		}
		if p.base != nil && !strings.HasSuffix(p.base.Path, "/") {
			t.Errorf("%q: got path %q, want a slash at its end", where, p.base.Path)
		}
	})
}
