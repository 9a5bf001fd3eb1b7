package lines_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestNames packs files whose names are not ASCII, and reads the archives with other programs.
// Each name must keep its bytes, composed or decomposed.
func TestNames(t *testing.T) {
	w := newWorld(t)
	w.writeArchive("names.txtar")
	docs := filepath.Join(w.Dir, "release", "names", "docs")
	want := []string{"docs/e\u0301.txt", "docs/\u65e5\u672c \u20ac.txt", "docs/\u00e9.txt"}
	if err := os.Mkdir(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		write(t, filepath.Join(filepath.Dir(docs), name), name)
	}
	w.MustBazel("build", "//release/names")
	out := filepath.Join(w.Dir, "bazel-bin", "release", "names")
	for _, tt := range []struct {
		name   string
		reader []string
	}{
		{"names-1.0.0-linux-amd64.tar.gz", []string{"tar", "-xzf"}},
		{"names-1.0.0-win-amd64.zip", []string{"unzip", "-q"}},
		{"names-1.0.0-win-amd64.zip", []string{"python3", "-c", "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall()"}},
	} {
		t.Run(tt.reader[0], func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), readers.Find(t, tt.reader[0]), append(tt.reader[1:], filepath.Join(out, tt.name))...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			checkNames(t, dir, want)
		})
	}
	t.Run("not UTF-8", func(t *testing.T) {
		write(t, filepath.Join(docs, "x\xe9.txt"), "")
		out, err := w.Bazel("build", "//release/names")
		if want := `"docs/x\xe9.txt" is not UTF-8`; err == nil || !strings.Contains(out, want) {
			t.Errorf("got %v\n%s\nwant %s", err, out, want)
		}
	})
}

// checkNames compares the files below dir with the packed ones. Each contains its name.
func checkNames(t *testing.T, dir string, want []string) {
	t.Helper()
	var got []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "bin/") {
			return err
		}
		got = append(got, name)
		content, err := os.ReadFile(filepath.Join(dir, name))
		if packed := strings.Replace(name, "read-me/\u00e9", "docs/\u00e9.txt", 1); string(content) != packed {
			t.Errorf("%+q: got %+q in it, want %+q", name, content, packed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want = append(slices.Clone(want), "read-me/\u00e9")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got files %+q, want %+q", got, want)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
