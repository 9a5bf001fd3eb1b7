package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// FuzzPath checks that each path is either an error or unchanged in both formats, below
// the prefix.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a/b", "a/", "../a", "/a", "a//b", "ä", "a\x00", `a\b`, "con", "a.", strings.Repeat("x", 300), "a:b", "-"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, target string) {
		entries := []Entry{{Path: name, Content: []byte("c")}, {Path: "the link", Symlink: target}}
		opts := Options{Prefix: "p", ModTime: modTime}
		var b bytes.Buffer
		if err := WriteTar(&b, entries, opts); err == nil {
			h := firstFile(t, &b)
			if h.Name != "p/"+name && h.Name != "p/the link" || strings.Contains("/"+h.Name+"/", "/../") {
				t.Errorf("tar: got name %q, want %q", h.Name, "p/"+name)
			}
		}
		b.Reset()
		if err := WriteZip(&b, entries, opts); err == nil {
			zr, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := zr.Open("p/" + name); err != nil {
				t.Errorf("zip: %v", err)
			}
		}
	})
}

// firstFile returns the first header that is not of a directory.
func firstFile(t *testing.T, b *bytes.Buffer) *tar.Header {
	t.Helper()
	tr := tar.NewReader(b)
	for {
		h, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeDir {
			return h
		}
	}
}

// TestTools unpacks and tests archives by the programs that users have.
func TestTools(t *testing.T) {
	defer setUmask(0)()
	dir := t.TempDir()
	for _, f := range archives {
		write(t, filepath.Join(dir, "a."+string(f)), string(build(t, f, sample(t), options)), 0o644)
	}
	for _, tt := range []struct {
		out     string
		command []string
	}{
		{"", []string{"gzip", "-t", "a.tar.gz"}},
		{"tar", []string{"tar", "-xzf", "a.tar.gz", "-C", "tar"}},
		{"", []string{"zstd", "-t", "a.tar.zst"}},
		{"tarzst", []string{"tar", "--zstd", "-xf", "a.tar.zst", "-C", "tarzst"}},
		{"", []string{"xz", "-t", "a.tar.xz"}},
		{"tarxz", []string{"tar", "-xJf", "a.tar.xz", "-C", "tarxz"}},
		{"bsdtarzst", []string{"bsdtar", "-xf", "a.tar.zst", "-C", "bsdtarzst"}},
		{"bsdtarxz", []string{"bsdtar", "-xf", "a.tar.xz", "-C", "bsdtarxz"}},
		{"", []string{"python3", "-c", "import tarfile; tarfile.open('a.tar.xz').getmembers()"}},
		{"", []string{"unzip", "-tqq", "a.zip"}},
		{"zip", []string{"unzip", "-qq", "a.zip", "-d", "zip"}},
		{"", []string{"zip", "-T", "a.zip"}},
		{"bsdtar", []string{"bsdtar", "-xf", "a.zip", "-C", "bsdtar"}},
		{"", []string{"python3", "-m", "zipfile", "-t", "a.zip"}},
	} {
		t.Run(strings.Join(tt.command, " "), func(t *testing.T) {
			readers.Find(t, tt.command[0])
			if strings.HasPrefix(tt.out, "tar") && strings.HasSuffix(tt.out, "zst") {
				readers.Find(t, "zstd") // which tar runs
			}
			if tt.out != "" {
				if err := os.Mkdir(filepath.Join(dir, tt.out), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(tt.command[0], tt.command[1:]...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.HasPrefix(tt.out, "tar") || tt.out == "zip" {
				checkUnpacked(t, filepath.Join(dir, tt.out, "toolbox-1.0.0"))
			}
		})
	}
}

func checkUnpacked(t *testing.T, dir string) {
	t.Helper()
	for name, want := range map[string]string{
		"bin/age":           "the program\n",
		"bin/a":             "the program\n",
		"share/größe €":     "utf-8\n",
		"share/" + longName: "long\n",
		"empty":             "",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "bin/age"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o755 || !info.ModTime().Equal(modTime) {
		t.Errorf("bin/age: got mode %v and time %v, want 0755 and %v", info.Mode(), info.ModTime(), modTime)
	}
	if got, err := os.Readlink(filepath.Join(dir, "bin/a")); got != "age" {
		t.Errorf("bin/a: got link to %q, %v, want age", got, err)
	}
}
