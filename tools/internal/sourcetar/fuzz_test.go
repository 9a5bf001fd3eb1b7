package sourcetar

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzExtract: whatever an archive says, nothing outside the folder changes, and
// what was unpacked without an error is a tree that Write takes, whose links
// stay in it.
func FuzzExtract(f *testing.F) {
	for _, entries := range [][]*tar.Header{
		{}, {file("a"), file("b/c"), link("b/d", "../a")}, {file("../evil")}, {file("/evil")},
		{link("out", ".."), file("out/evil")}, {link("a/b/top", "../.."), link("a/b/out", "top/../secret")},
		{link("loop", "loop")}, {header(tar.TypeLink, "evil", "../secret")}, {header(tar.TypeChar, "evil", "")},
		{file(strings.Repeat("l", 120) + "/ü")}, {file(`a\b`)}, {file(".git/config"), link(".git/a", "config")},
	} {
		f.Add(archive(f, entries...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, outside := cell(t)
		before := outside()
		err := Extract(bytes.NewReader(data), dir)
		if after := outside(); after != before {
			t.Fatalf("outside the folder: got\n%swant\n%s", after, before)
		}
		if err != nil {
			return
		}
		first := pack(t, dir)
		again := t.TempDir()
		if err := Extract(bytes.NewReader(first), again); err != nil {
			t.Fatalf("what Write wrote: %v", err)
		}
		if !bytes.Equal(pack(t, again), first) {
			t.Fatal("what Write wrote is unpacked as another tree")
		}
		checkLinks(t, dir)
	})
}

// checkLinks has the system follow every link below dir.
func checkLinks(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		to, err := filepath.EvalSymlinks(path)
		if err == nil && to != root && !strings.HasPrefix(to, root+string(os.PathSeparator)) {
			t.Errorf("link %q leads to %q", path, to)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
