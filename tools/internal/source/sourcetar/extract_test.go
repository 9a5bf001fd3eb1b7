package sourcetar

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// header is an entry of an archive that Write would not write.
func header(typeflag byte, name, link string) *tar.Header {
	return &tar.Header{Typeflag: typeflag, Name: name, Linkname: link, Mode: 0o755}
}

func file(name string) *tar.Header { return header(tar.TypeReg, name, "") }

func link(name, target string) *tar.Header { return header(tar.TypeSymlink, name, target) }

// archive makes a tar of entries; every file holds the word "evil".
func archive(t testing.TB, entries ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, "evil"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cell returns a directory to unpack into, among files that have to stay as they
// are, and what prints those.
func cell(t *testing.T) (dir string, outside func() string) {
	t.Helper()
	base := t.TempDir()
	plant(t, base, []node{{path: "secret", content: "secret"}, {path: "next/secret", content: "secret"}, {path: "cell/"}})
	outside = func() string {
		var b strings.Builder
		err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(&b, path, info.Mode())
			if d.Name() == "cell" {
				return fs.SkipDir
			}
			if d.Type().IsRegular() {
				data, err := os.ReadFile(path)
				fmt.Fprintf(&b, "%q %v\n", data, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	return filepath.Join(base, "cell"), outside
}

func TestExtract(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	data := pack(t, dir)
	for _, mask := range []int{0o022, 0o077} {
		out := t.TempDir()
		restore := setUmask(mask)
		err := Extract(bytes.NewReader(data), out)
		restore()
		if err != nil {
			t.Fatal(err)
		}
		if got := pack(t, out); !bytes.Equal(got, data) {
			t.Errorf("umask %#o: what was unpacked is another tree:\n%s", mask, list(t, got))
		}
	}
	// Beside files that are there already.
	out := t.TempDir()
	plant(t, out, []node{{path: "bin/other", content: "other"}})
	if err := Extract(bytes.NewReader(data), out); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "bin", "other")); err != nil || string(got) != "other" {
		t.Errorf("a file that was there: got %q, %v", got, err)
	}
}

func TestExtractModes(t *testing.T) {
	dir := t.TempDir()
	odd, plain := file("odd"), file("plain")
	odd.Mode, plain.Mode = 0o4711, 0o600
	defer setUmask(0)()
	if err := Extract(bytes.NewReader(archive(t, odd, plain)), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"odd": 0o755, "plain": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: got mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestExtractRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		entries []*tar.Header
		want    string
	}{
		{"up", []*tar.Header{file("../evil")}, `unpacking "../evil": the path leaves the tree`},
		{"up inside", []*tar.Header{file("a/../../evil")}, `unpacking "a/../../evil": the path leaves the tree`},
		{"up and down again", []*tar.Header{file("a/b"), file("a/../evil")}, `the path is not clean`},
		{"absolute", []*tar.Header{file("/evil")}, `unpacking "/evil": the path leaves the tree`},
		{"empty", []*tar.Header{file("")}, `the path leaves the tree`},
		{"the directory itself", []*tar.Header{file(".")}, `the path is not clean`},
		{"dot before", []*tar.Header{file("./evil")}, `the path is not clean`},
		{"two slashes", []*tar.Header{file("a//evil")}, `the path is not clean`},
		{"backslash", []*tar.Header{file(`..\evil`)}, `has a backslash`},
		{"twice", []*tar.Header{file("evil"), file("evil")}, `file exists`},
		{"file below a file", []*tar.Header{file("evil"), file("evil/a")}, `unpacking "evil/a": `},
		{"link over a file", []*tar.Header{file("evil"), link("evil", "a")}, `file exists`},

		{"absolute link", []*tar.Header{link("evil", "/etc")}, `symbolic link "evil" leaves the tree: it points to "/etc"`},
		{"link up", []*tar.Header{link("evil", "..")}, `symbolic link "evil" leaves the tree: it points to ".."`},
		{"link up from a directory", []*tar.Header{link("a/evil", "../../secret")}, `symbolic link "a/evil" leaves the tree`},
		{"file through a link up", []*tar.Header{link("out", ".."), file("out/evil")}, `unpacking "out/evil": the path goes through the symbolic link "out"`},
		{"file through an absolute link", []*tar.Header{link("out", "/"), file("out/evil")}, `the path goes through the symbolic link "out"`},
		{"over a link", []*tar.Header{link("out", "secret"), file("out")}, `file exists`},
		{"over a link up", []*tar.Header{link("out", "../secret"), file("out")}, `symbolic link "out" leaves the tree`},
		{"file through a link inside", []*tar.Header{file("a/b"), link("in", "a"), file("in/c")}, `the path goes through the symbolic link "in"`},
		{
			"chain of links", []*tar.Header{link("a/b/top", "../.."), link("a/b/out", "top/../next"), file("a/b/out/evil")},
			`the path goes through the symbolic link "a/b/out"`,
		},
		{
			"chain of links alone", []*tar.Header{link("a/b/top", "../.."), link("a/b/out", "top/../secret")},
			`symbolic link "a/b/out" leaves the tree: it points to "top/../secret"`,
		},
		{
			"chain of links, the last first", []*tar.Header{link("a/b/out", "top/../secret"), link("a/b/top", "../..")},
			`symbolic link "a/b/out" leaves the tree`,
		},
		{
			"link below a link", []*tar.Header{link("a/b/top", "../.."), link("a/b/top/out", "../../..")},
			`the path goes through the symbolic link "a/b/top"`,
		},
		{"hard link outside", []*tar.Header{header(tar.TypeLink, "evil", "../secret")}, `type '1': want files and symbolic links only`},
		{"hard link", []*tar.Header{file("a"), header(tar.TypeLink, "evil", "a")}, `type '1': want files and symbolic links only`},
		{"directory", []*tar.Header{header(tar.TypeDir, "evil/", "")}, `the path is not clean`},
		{"directory without a slash", []*tar.Header{header(tar.TypeDir, "evil", "")}, `type '5'`},
		{"character device", []*tar.Header{header(tar.TypeChar, "evil", "")}, `type '3'`},
		{"block device", []*tar.Header{header(tar.TypeBlock, "evil", "")}, `type '4'`},
		{"fifo", []*tar.Header{header(tar.TypeFifo, "evil", "")}, `type '6'`},
		{"long link", []*tar.Header{link("evil", strings.Repeat("a/", 2049))}, `unpacking "evil": the link's target has more than 4096 bytes`},
		{"long name", []*tar.Header{file(strings.Repeat("a/", 10_000) + "b")}, `unpacking "` + strings.Repeat("a/", 100) + `": the path has more than 4096 bytes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, outside := cell(t)
			before := outside()
			err := Extract(bytes.NewReader(archive(t, tt.entries...)), dir)
			if err == nil || !strings.HasPrefix(err.Error(), "unpacking") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if after := outside(); after != before {
				t.Errorf("outside the directory: got\n%swant\n%s", after, before)
			}
		})
	}
}

// TestExtractChecksFirst: nothing is written of an archive with something wrong.
func TestExtractChecksFirst(t *testing.T) {
	dir := t.TempDir()
	data := archive(t, file("a"), link("b", "a"), file("../evil"))
	if err := Extract(bytes.NewReader(data), dir); err == nil {
		t.Error("got no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the directory: got %v, %v, want nothing", left, err)
	}
	// What is before and behind where the reader is belongs to others.
	r := bytes.NewReader(append([]byte("before"), archive(t, file("a"))...))
	if _, err := r.Seek(6, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := Extract(r, dir); err != nil {
		t.Error(err)
	}
}

// TestExtractIntoLinks: links that are in the directory already lead nowhere.
func TestExtractIntoLinks(t *testing.T) {
	dir, outside := cell(t)
	if err := os.Symlink("../next", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	before := outside()
	err := Extract(bytes.NewReader(archive(t, file("out/evil"))), dir)
	if err == nil || !strings.Contains(err.Error(), `unpacking "out/evil": `) {
		t.Errorf("got %v, want an error that names the entry", err)
	}
	if after := outside(); after != before {
		t.Errorf("outside the directory: got\n%swant\n%s", after, before)
	}
}

func TestExtractErrors(t *testing.T) {
	if err := Extract(strings.NewReader(""), filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: got %v, want %v", err, fs.ErrNotExist)
	}
	data := archive(t, file("a"), file("b"))
	for _, n := range []int{1, 100, 513, 1100, 1537} {
		if err := Extract(bytes.NewReader(data[:n]), t.TempDir()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %d bytes: got %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
	if err := Extract(strings.NewReader(strings.Repeat("x", 1024)), t.TempDir()); !errors.Is(err, tar.ErrHeader) {
		t.Errorf("no tar: got %v, want %v", err, tar.ErrHeader)
	}
}
