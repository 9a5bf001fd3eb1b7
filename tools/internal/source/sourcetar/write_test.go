package sourcetar

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// node is a file, a link (with a target) or a directory (a path that ends in "/").
type node struct {
	path, content, target string
	executable            bool
}

var sample = []node{
	{path: "README", content: "read me\n"},
	{path: "a.b", content: "sorts before a/b"},
	{path: "a/b", content: ""},
	{path: "a-b", content: "sorts before a.b"},
	{path: "bin/run", content: "#!/bin/sh\n", executable: true},
	{path: "bin/.hidden", content: "x"},
	{path: "bin/latest", target: "run"},
	{path: "bin/up", target: "../a/b"},
	{path: "bin/nowhere", target: "./missing/../gone"},
	{path: "bin/top", target: ".."},
	{path: "übung/ä ö\nü", content: "not ASCII"},
	{path: strings.Repeat("l", 200) + "/" + strings.Repeat("n", 103), content: "longer than ustar can hold"},
	{path: ".gitignore", content: "*.o\n"},
}

// plant makes a tree below dir.
func plant(t *testing.T, dir string, nodes []node) {
	t.Helper()
	for _, n := range nodes {
		name := filepath.Join(dir, filepath.FromSlash(n.path))
		err := os.MkdirAll(filepath.Dir(name), 0o777)
		mode := fs.FileMode(0o666)
		if n.executable {
			mode = 0o777
		}
		switch {
		case strings.HasSuffix(n.path, "/"):
			err = errors.Join(err, os.Mkdir(name, 0o777))
		case n.target != "":
			err = errors.Join(err, os.Symlink(n.target, name))
		default:
			err = errors.Join(err, os.WriteFile(name, []byte(n.content), mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func pack(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := WriteFolder(&b, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// list prints an archive, one line an entry.
func list(t *testing.T, data []byte) string {
	t.Helper()
	var b strings.Builder
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		name := h.Name
		if len(name) > 60 {
			name = fmt.Sprintf("%s… (%d bytes)", name[:20], len(name))
		}
		fmt.Fprintf(&b, "%c %04o %d:%d %q:%q %d %d %q", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime.Unix(), h.Size, name)
		if h.Linkname != "" {
			fmt.Fprintf(&b, " -> %q", h.Linkname)
		}
		b.WriteByte('\n')
	}
}

const sampleListing = `0 0644 0:0 "":"" 0 4 ".gitignore"
0 0644 0:0 "":"" 0 8 "README"
0 0644 0:0 "":"" 0 16 "a-b"
0 0644 0:0 "":"" 0 16 "a.b"
0 0644 0:0 "":"" 0 0 "a/b"
0 0644 0:0 "":"" 0 1 "bin/.hidden"
2 0777 0:0 "":"" 0 0 "bin/latest" -> "run"
2 0777 0:0 "":"" 0 0 "bin/nowhere" -> "./missing/../gone"
0 0755 0:0 "":"" 0 10 "bin/run"
2 0777 0:0 "":"" 0 0 "bin/top" -> ".."
2 0777 0:0 "":"" 0 0 "bin/up" -> "../a/b"
0 0644 0:0 "":"" 0 26 "llllllllllllllllllll… (304 bytes)"
0 0644 0:0 "":"" 0 9 "übung/ä ö\nü"
`

// sampleDigest is what locks pin the sample by: a change of it invalidates every lock.
const sampleDigest = "sha256:c9260f60b62560df5c747652c752401cee4ccc8cc1f4969fc44b465fa12a9db1"

func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	var b bytes.Buffer
	result, err := WriteFolder(&b, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(8 + 16 + 16 + 10 + 1 + 9 + 26 + 4); result.Size != want {
		t.Errorf("size: got %d, want %d", result.Size, want)
	}
	if got := list(t, b.Bytes()); got != sampleListing {
		t.Errorf("entries: got\n%swant\n%s", got, sampleListing)
	}
	if got := digest.FromBytes(b.Bytes()); got != sampleDigest {
		t.Errorf("digest: got %s, want %s", got, sampleDigest)
	}
}

// TestWriteReadable has another implementation read the archive, where there is one.
func TestWriteReadable(t *testing.T) {
	program := readers.Find(t, "tar")
	dir, out := t.TempDir(), t.TempDir()
	plant(t, dir, sample)
	data := pack(t, dir)
	cmd := exec.CommandContext(t.Context(), program, "-x", "-C", out)
	cmd.Stdin = bytes.NewReader(data)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, text)
	}
	if !bytes.Equal(pack(t, out), data) {
		t.Error("what tar unpacked is another tree")
	}
}

// TestCanonical writes one tree that was made in many ways.
func TestCanonical(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	want := pack(t, dir)
	check := func(what, dir string) {
		t.Helper()
		if got := pack(t, dir); !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%swant\n%s", what, list(t, got), list(t, want))
		}
	}
	check("again", dir)
	for i := range 5 {
		shuffled := append([]node(nil), sample...)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		dir := t.TempDir()
		plant(t, dir, shuffled)
		check("made in another order", dir)
	}
	for _, mask := range []int{0, 0o077} {
		dir := t.TempDir()
		restore := setUmask(mask)
		plant(t, dir, sample)
		restore()
		check("umask", dir)
	}
	times := t.TempDir()
	plant(t, times, sample)
	err := filepath.WalkDir(times, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, time.Now(), time.Date(2037, 1, 1, 0, 0, 0, 7, time.UTC))
	})
	if err != nil {
		t.Fatal(err)
	}
	check("modification times", times)
	local := time.Local
	time.Local = time.FixedZone("far east", 14*3600)
	check("time zone", dir)
	time.Local = local

	more := t.TempDir()
	plant(t, more, sample)
	plant(t, more, []node{
		{path: "empty/folder/"},
		{path: ".git/HEAD", content: "ref: refs/heads/main\n"},
		{path: "bin/.git", content: "gitdir: ../../.git/modules/bin\n"},
		{path: "a/.git", target: "/elsewhere"},
	})
	check("empty directories and .git", more)

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	check("through a link to the directory", link)
	t.Chdir(dir)
	check("as the working directory", ".")
}

// TestCanonicalDiffers: whatever a build can see makes another archive.
func TestCanonicalDiffers(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	seen := map[string]string{string(pack(t, dir)): "the sample"}
	for _, tt := range []struct {
		what   string
		change func(dir string) error
	}{
		{"content", func(dir string) error { return os.WriteFile(filepath.Join(dir, "README"), []byte("read mE\n"), 0o644) }},
		{"executable", func(dir string) error { return os.Chmod(filepath.Join(dir, "README"), 0o744) }},
		{"name", func(dir string) error { return os.Rename(filepath.Join(dir, "README"), filepath.Join(dir, "README2")) }},
		{"another file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) }},
		{"one file less", func(dir string) error { return os.Remove(filepath.Join(dir, "README")) }},
		{"link to another file", func(dir string) error {
			name := filepath.Join(dir, "bin", "latest")
			return errors.Join(os.Remove(name), os.Symlink(".hidden", name))
		}},
		{"file for a link", func(dir string) error {
			name := filepath.Join(dir, "bin", "latest")
			return errors.Join(os.Remove(name), os.WriteFile(name, []byte("run"), 0o644))
		}},
	} {
		dir := t.TempDir()
		plant(t, dir, sample)
		if err := tt.change(dir); err != nil {
			t.Fatal(err)
		}
		data := string(pack(t, dir))
		if other, ok := seen[data]; ok {
			t.Errorf("%s: the archive is the same as for %s", tt.what, other)
		}
		seen[data] = tt.what
	}
}
