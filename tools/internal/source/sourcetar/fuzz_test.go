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

// FuzzExtract: whatever an archive says, nothing outside the directory changes, and
// what was unpacked without an error is a tree that Write takes, whose links
// stay in it.
func FuzzExtract(f *testing.F) {
	for _, entries := range [][]*tar.Header{
		{}, {file("a"), file("b/c"), link("b/d", "../a")}, {file("../evil")}, {file("/evil")},
		{link("out", ".."), file("out/evil")}, {link("a/b/top", "../.."), link("a/b/out", "top/../secret")},
		{link("loop", "loop")}, {header(tar.TypeLink, "evil", "../secret")}, {header(tar.TypeChar, "evil", "")},
		{file(strings.Repeat("l", 120) + "/ü")}, {file(`a\b`)}, {file(".git/config"), link(".git/a", "config")},
		{file("git~1")}, {file(".g\u200cit")}, {file("A"), file("a/b")}, {file("a"), file("a/b")}, {file("\xff/\xfe")},
		{link("a", "b/../c"), link("b", "d/e"), file("d/e/f")}, {link("a", strings.Repeat("b/", 3000))},
	} {
		f.Add(archive(f, entries...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, outside := cell(t)
		before := outside()
		err := Extract(bytes.NewReader(data), dir)
		if after := outside(); after != before {
			t.Fatalf("outside the directory: got\n%swant\n%s", after, before)
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

// FuzzWriter: names and targets, one a line, that Writer takes are a tree that can
// be unpacked, as the same.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{
		"", "a\nb/c", "a\na/b", "a-b\na.b\na/b\na0b", "a\tb\nb\tc\nc\ta", "d/e/down\t../..\nd/e/out\tdown/../x", "../a", "/a", ".git/a", "a/GIT~1",
		".g\u200cit", "\xff\n\xfe", "K\nk\n\u212a", "x\t/etc", `a\b`, "a\x00b", strings.Repeat("n", 300) + "\t" + strings.Repeat("t/", 300),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var entries []entry
		longest := 0
		for line := range strings.SplitSeq(lines, "\n") {
			name, target, _ := strings.Cut(line, "\t")
			entries = append(entries, entry{Entry{Name: name, Mode: 0o644, Link: target}, ""})
			for element := range strings.SplitSeq(name, "/") {
				longest = max(longest, len(element))
			}
			longest = max(longest, len(name)/16, len(target)/16)
		}
		data, result, err := feed(Options{}, entries...)
		if err != nil || longest > 255 { // file systems take no longer names
			return
		}
		if result.Files != len(entries) {
			t.Fatalf("files: got %d, want %d", result.Files, len(entries))
		}
		dir, outside := cell(t)
		before := outside()
		if err := Extract(bytes.NewReader(data), dir); err != nil {
			t.Fatalf("unpacking: %v", err)
		}
		if after := outside(); after != before {
			t.Fatalf("outside the directory: got\n%swant\n%s", after, before)
		}
		if !bytes.Equal(pack(t, dir), data) {
			t.Fatal("what was unpacked is another tree")
		}
		checkLinks(t, dir)
	})
}
