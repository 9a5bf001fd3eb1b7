package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// foreign returns a tar with things that our writer does not write.
func foreign(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "../up", Mode: 0o4711, Uid: 7, Gid: 8, Uname: "root", Gname: "wheel", Size: 3, ModTime: time.Unix(1, 5e8), Format: tar.FormatPAX},
		{Typeflag: tar.TypeLink, Name: "hard", Linkname: "../up", Mode: 0o644},
		{Typeflag: tar.TypeFifo, Name: "new\nline", Mode: 0o600, ModTime: time.Unix(0, 0)},
	} {
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := tw.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestListForeign(t *testing.T) {
	data := foreign(t)
	got, err := List(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-urwx--x--x 7=root:8=wheel 3 1970-01-01T00:00:01.5Z ../up sha256:ba7816bf8f01",
		"hrw-r--r-- 0:0 0 1970-01-01T00:00:00Z hard -> ../up",
		`?rw------- 0:0 0 1970-01-01T00:00:00Z "new\nline"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestListErrors(t *testing.T) {
	plain := foreign(t)
	gz := build(t, TarGzip, sample(t), options)
	zipped := build(t, Zip, sample(t), options)
	changed := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 1
		return data
	}
	small := limits{entries: 1000, bytes: 1 << 20, text: 1 << 20}
	for _, tt := range []struct {
		name string
		data []byte
		lim  limits
		want string
	}{
		{"not an archive", []byte("hello, this is text"), small, "unexpected EOF"},
		{"gzip cut", gz[:len(gz)-20], small, "unexpected EOF"},
		{"gzip checksum", changed(gz, len(gz)-8), small, "checksum"},
		{"zip cut", zipped[:len(zipped)-30], small, "not a valid zip"},
		{"zip content", changed(zipped, bytes.Index(zipped, []byte("VERSION"))+7+12), small, "VERSION"},
		{"data after the end", append(bytes.Clone(plain), bytes.Repeat([]byte("x"), 512)...), small, "after the end"},
		{"too many entries", gz, limits{entries: 3, bytes: 1 << 20, text: 1 << 20}, "too many"},
		{"too many entries in a zip", zipped, limits{entries: 3, bytes: 1 << 20, text: 1 << 20}, "too many"},
		{"too large", gz, limits{entries: 1000, bytes: 5000, text: 1 << 20}, "too large"},
		{"too large in a zip", zipped, limits{entries: 1000, bytes: 5, text: 1 << 20}, "too large"},
		{"names too long", gz, limits{entries: 1000, bytes: 1 << 20, text: 20}, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := list(bytes.NewReader(tt.data), int64(len(tt.data)), tt.lim)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q and error %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestListZeroPadding(t *testing.T) {
	data := append(foreign(t), make([]byte, 10240)...) // as GNU tar pads
	if _, err := List(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Error(err)
	}
}

// FuzzList checks that no input makes the lister panic, or give more lines than
// it may.
func FuzzList(f *testing.F) {
	entries := []Entry{
		{Path: "a/b", Content: []byte("content")},
		{Path: "l", Symlink: "a/b"},
		{Path: longName, Content: []byte{}},
	}
	for _, format := range []Format{TarGzip, Zip} {
		f.Add(build(f, format, entries, options))
	}
	var plain bytes.Buffer
	if err := WriteTar(&plain, entries, options); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Add(foreign(f))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte{})
	lim := limits{entries: 100, bytes: 1 << 20, text: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := list(bytes.NewReader(data), int64(len(data)), lim)
		if err != nil && lines != nil {
			t.Errorf("got lines and error %v", err)
		}
		if len(lines) > lim.entries {
			t.Errorf("got %d lines, want at most %d", len(lines), lim.entries)
		}
		for _, line := range lines {
			if strings.ContainsAny(line, "\n\r\x00\x1b") {
				t.Errorf("line %q has a control character", line)
			}
		}
	})
}

// FuzzPath checks that each path is either refused or stands in both formats
// as it was given, below the prefix.
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

// firstFile returns the first header that is no directory's.
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

// TestTools lets the programs that users have unpack and test our archives.
func TestTools(t *testing.T) {
	defer setUmask(0)()
	dir := t.TempDir()
	for _, f := range []Format{TarGzip, Zip} {
		write(t, filepath.Join(dir, "a."+string(f)), string(build(t, f, sample(t), options)), 0o644)
	}
	for _, tt := range []struct {
		out     string
		command []string
	}{
		{"", []string{"gzip", "-t", "a.tar.gz"}},
		{"tar", []string{"tar", "-xzf", "a.tar.gz", "-C", "tar"}},
		{"", []string{"unzip", "-tqq", "a.zip"}},
		{"zip", []string{"unzip", "-qq", "a.zip", "-d", "zip"}},
		{"", []string{"zip", "-T", "a.zip"}},
		{"bsdtar", []string{"bsdtar", "-xf", "a.zip", "-C", "bsdtar"}},
		{"", []string{"python3", "-m", "zipfile", "-t", "a.zip"}},
	} {
		t.Run(strings.Join(tt.command, " "), func(t *testing.T) {
			readers.Find(t, tt.command[0])
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
			if tt.out == "tar" || tt.out == "zip" {
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

func TestListForeignGzip(t *testing.T) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	if _, err := gz.Write(foreign(t)); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, err := List(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil || len(lines) != 3 {
		t.Errorf("got %d lines, %v, want 3", len(lines), err)
	}
}
