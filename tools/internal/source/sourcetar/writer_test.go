package sourcetar

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// entry is an Entry with its content.
type entry struct {
	Entry
	content string
}

func plain(name string) entry { return entry{Entry{Name: name, Mode: 0o644}, "text"} }

func linked(name, target string) entry { return entry{Entry{Name: name, Link: target}, ""} }

// feed writes entries and returns the archive.
func feed(o Options, entries ...entry) ([]byte, Result, error) {
	var b bytes.Buffer
	w := NewWriter(&b, o)
	for _, e := range entries {
		if err := w.Add(e.Entry, int64(len(e.content)), strings.NewReader(e.content)); err != nil {
			return nil, Result{}, err
		}
	}
	result, err := w.Close()
	return b.Bytes(), result, err
}

// TestWriter: entry by entry the bytes are those of a directory.
func TestWriter(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	sorted := slices.Clone(sample)
	slices.SortFunc(sorted, func(a, b node) int { return strings.Compare(a.path, b.path) })
	for name, reader := range map[string]func(io.Reader) io.Reader{
		"plain":    func(r io.Reader) io.Reader { return r },
		"buffered": func(r io.Reader) io.Reader { return bufio.NewReaderSize(r, 16) },
		"slow":     iotest.OneByteReader,
		"more":     func(r io.Reader) io.Reader { return io.MultiReader(r, strings.NewReader("the next file")) },
	} {
		var b bytes.Buffer
		w := NewWriter(&b, Options{})
		for _, n := range sorted {
			e := Entry{Name: n.path, Mode: 0o644, Link: n.target}
			if n.executable {
				e.Mode = 0o755
			}
			if err := w.Add(e, int64(len(n.content)), reader(strings.NewReader(n.content))); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		result, err := w.Close()
		if err != nil || result.Files != len(sample) || result.Size != 90 {
			t.Errorf("%s: got %+v, %v, want %d files of 90 bytes", name, result, err, len(sample))
		}
		if !bytes.Equal(b.Bytes(), pack(t, dir)) {
			t.Errorf("%s: the archive differs from that of the directory", name)
		}
		if err := w.Add(Entry{Name: "z", Mode: 0o644}, 0, strings.NewReader("")); err == nil {
			t.Errorf("%s: an entry after the end: got no error", name)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{"empty", []entry{plain("")}, `path "": the path leaves the tree`},
		{"up", []entry{plain("../a")}, `path "../a": the path leaves the tree`},
		{"up alone", []entry{plain("..")}, `the path leaves the tree`},
		{"up within", []entry{plain("a/../../b")}, `the path leaves the tree`},
		{"up and down", []entry{plain("a/../b")}, `the path is not clean`},
		{"absolute", []entry{plain("/a")}, `the path leaves the tree`},
		{"dot", []entry{plain(".")}, `the path is not clean`},
		{"dot within", []entry{plain("a/./b")}, `the path is not clean`},
		{"slash at the end", []entry{plain("a/")}, `the path is not clean`},
		{"two slashes", []entry{plain("a//b")}, `the path is not clean`},
		{"zero byte", []entry{plain("a\x00b")}, `has a zero byte`},
		{"backslash", []entry{plain(`a\b`)}, `has a backslash`},
		{"long", []entry{plain(strings.Repeat("a", 4097))}, `has more than 4096 bytes`},
		{"twice", []entry{plain("a"), plain("a")}, `duplicate path "a"`},
		{"not sorted", []entry{plain("a/b"), plain("a-b")}, `path "a-b": the tree is not sorted: it comes after "a/b"`},
		{"below a file", []entry{plain("a"), plain("a/b")}, `path "a/b": "a" is not a directory`},
		{"below a file, later", []entry{plain("a"), plain("a-b"), plain("a.b"), plain("a/b")}, `path "a/b": "a" is not a directory`},
		{"far below a file", []entry{plain("a"), plain("a b/c"), plain("a/b/c/d")}, `path "a/b/c/d": "a" is not a directory`},
		{"below a link", []entry{linked("a", "b"), plain("a/b")}, `path "a/b": "a" is not a directory`},
		{"link out", []entry{linked("a", "../b")}, `symbolic link "a" leaves the tree: it points to "../b"`},
		{"links out together", []entry{linked("d/e/down", "../.."), linked("d/e/out", "down/../x")}, `symbolic link "d/e/out" leaves the tree`},
		{"link with a zero byte", []entry{linked("a", "b\x00")}, `symbolic link "a": the target is longer than 4096 bytes, or has a zero byte`},
		{"long link", []entry{linked("a", strings.Repeat("b", 4097))}, `symbolic link "a": the target is longer than 4096 bytes`},
		{"mode", []entry{{Entry{Name: "a", Mode: 0o4755}, ""}}, `mode of "a": got 04755, want 0644 or 0755`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := feed(Options{}, tt.entries...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			// What is left out is not looked at.
			data, _, err := feed(Options{Exclude: []string{"**"}}, tt.entries...)
			if empty := (Result{}); err != nil || len(data) != 1024 {
				t.Errorf("left out: got %d bytes, %v, want an empty archive, %v", len(data), err, empty)
			}
		})
	}
}

// TestDotGit: the names that git fsck refuses, and their neighbours.
func TestDotGit(t *testing.T) {
	for name, want := range map[string]bool{
		".git": true, ".GIT": true, ".Git": true, "git~1": true, "GIT~1": true, ".git.": true, ".git ": true, ".git . .": true, "git~1.": true,
		".git:": true, ".git::$INDEX_ALLOCATION": true, ".git . :x": true, "git~1:x": true,
		".g\u200cit": true, "\u200f.git": true, ".git\ufeff": true, ".\u202aG\u206fit\u200d": true,
		"git": false, ".gi": false, ".gitt": false, ".gitignore": false, ".git-": false, "git~2": false, "git~10": false, "x.git": false, ".git .x": false,
		" .git": false, "..git": false, ".g\u2010it": false, ".g\u0131t": false, "": false, "g": false, "g.it:": false, ":.git": false,
	} {
		if got := isDotGit(name); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
		if name == "" || name == "git" {
			continue
		}
		_, _, err := feed(Options{}, plain("a/"+name+"/b"))
		if refused := err != nil && strings.Contains(err.Error(), "is a git directory's name"); refused != want {
			t.Errorf("%q in a path: got %v, want refused: %t", name, err, want)
		}
		err = Extract(bytes.NewReader(archive(t, file("a/"+name+"/b"))), t.TempDir())
		if refused := err != nil && strings.Contains(err.Error(), "is a git directory's name"); refused != want {
			t.Errorf("%q unpacked: got %v, want refused: %t", name, err, want)
		}
	}
}

func TestExclude(t *testing.T) {
	for _, tt := range []struct {
		pattern   string
		out, kept string
	}{
		{"a", "a a/b a/b/c", "b b/a aa"},
		{"a/", "a a/b", "b aa"},
		{"a/b", "a/b a/b/c", "a a/c b/a/b"},
		{"*.md", "x.md x.md/y .md", "a/x.md x.mdx"},
		{"*", "a a/b .x", ""},
		{"*/x", "a/x a/x/y", "x a/b/x a/y"},
		{"**/x", "x a/x a/b/x a/x/y", "xx a/xx"},
		{"a/**/b", "a/b a/x/b a/x/y/b a/x/b/c", "b a a/x xa/b"},
		{"a/**", "a a/b a/b/c", "b b/a"},
		{"**", "a a/b", ""},
		{"**/**/x/**", "x a/x x/y a/b/x/y", "y a/y"},
		{"**/a/**/b", "a/b x/a/y/b x/a/y/b/z a/a/b", "b/a a x/a"},
		{"[ab]?", "ax by/z", "a cx axx"},
		{`\*`, "*", "a"},
		{"a**", "a ab/c", "ba"},
	} {
		w := NewWriter(io.Discard, Options{Exclude: []string{"no/such/path", tt.pattern}})
		for _, name := range strings.Fields(tt.out) {
			if !w.Excludes(name) {
				t.Errorf("%q does not leave out %q", tt.pattern, name)
			}
		}
		for _, name := range strings.Fields(tt.kept) {
			if w.Excludes(name) {
				t.Errorf("%q leaves out %q", tt.pattern, name)
			}
		}
	}
	for _, bad := range []string{"", "/a", "a//b", "./a", "a/../b", "[", "a/[b", `a\`} {
		if _, _, err := feed(Options{Exclude: []string{bad}}); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("exclude pattern %q: ", bad)) {
			t.Errorf("%q: got %v, want an error", bad, err)
		}
	}
	// A pattern that takes longer than the universe elsewhere.
	w := NewWriter(io.Discard, Options{Exclude: []string{strings.Repeat("**/a/", 50) + "b"}})
	if w.Excludes(strings.Repeat("a/", 1000) + "c") {
		t.Error("many stars: got a match")
	}
	dir := t.TempDir()
	plant(t, dir, sample)
	plant(t, dir, []node{{path: "gone/x", target: "/etc"}, {path: "gone/.GIT/x", content: "x"}})
	var b bytes.Buffer
	if _, err := WriteFolder(&b, dir, Options{Exclude: []string{"gone"}}); err != nil || list(t, b.Bytes()) != sampleListing {
		t.Errorf("directory: got %v\n%s", err, list(t, b.Bytes()))
	}
}

func TestResult(t *testing.T) {
	pointer := lfsVersion + "oid sha256:" + strings.Repeat("0", 64) + "\nsize 1\n"
	of := func(name, content string) entry { return entry{Entry{Name: name, Mode: 0o644}, content} }
	_, got, err := feed(Options{},
		of("A/x", ""), of("B", ""), of("K", ""), of("a/y", ""), of("b/z", ""), of("k", ""),
		of("lfs/1023", pointer+strings.Repeat(" ", 1023-len(pointer))), of("lfs/1024", pointer+strings.Repeat(" ", 1024-len(pointer))),
		of("lfs/old", "version https://hawser.github.com/spec/v1\n"), of("lfs/small", lfsVersion), of("lfs/smaller", lfsVersion[:40]),
		linked("link", "version"), of("ss", ""), of("\u00c4", ""), of("\u00df", ""), of("\u00e4", ""), of("\u1e9e", ""), of("\u212a", ""),
		of("\xfe", ""), of("\xff", ""),
	)
	if err != nil {
		t.Fatal(err)
	}
	got.Size = 0
	want := Result{
		Files: 20, LFS: []string{"lfs/1023", "lfs/small"},
		CaseCollisions: [][]string{{"A", "a"}, {"B", "b"}, {"K", "k", "\u212a"}, {"\u00c4", "\u00e4"}, {"\u00df", "\u1e9e"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWriterErrors(t *testing.T) {
	w := NewWriter(io.Discard, Options{})
	if err := w.Add(Entry{Name: "a", Mode: 0o644}, 5, strings.NewReader("four")); err == nil || err.Error() != `"a" changed while it was read: got 4 bytes, want 5` {
		t.Errorf("short: got %v", err)
	}
	if _, err := w.Close(); err == nil {
		t.Error("Close after an error: got no error")
	}
	w = NewWriter(io.Discard, Options{})
	if err := w.Add(Entry{Name: "a", Mode: 0o644}, 5, iotest.ErrReader(fs.ErrPermission)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("reader: got %v, want %v", err, fs.ErrPermission)
	}
	w = NewWriter(&brokenWriter{100}, Options{})
	if err := w.Add(Entry{Name: "a", Mode: 0o644}, 1, strings.NewReader("x")); err != nil {
		t.Errorf("buffered: got %v", err)
	}
	if _, err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writer: got %v, want %v", err, io.ErrClosedPipe)
	}
}

// TestLimits: a tree of half a million files is taken, in little memory, and none larger.
func TestLimits(t *testing.T) {
	if testing.CoverMode() == "" {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := NewWriter(io.Discard, Options{})
		for i := range MaxEntries {
			name := fmt.Sprintf("some/folder/of/a/large/tree%06d/with/a/file%07d.go", i/10, i)
			if err := w.Add(Entry{Name: name, Mode: 0o644}, 0, strings.NewReader("")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Add(Entry{Name: "z", Mode: 0o644}, 0, strings.NewReader("")); !errors.Is(err, errTooMany) {
			t.Errorf("one file more: got %v, want %v", err, errTooMany)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 128<<20 {
			t.Errorf("memory: got %d MiB, want at most 128", used>>20)
		}
		runtime.KeepAlive(w)
	}
	w := NewWriter(io.Discard, Options{})
	w.result.Size = MaxSize - 3
	if err := w.Add(Entry{Name: "a", Mode: 0o644}, 3, strings.NewReader("abc")); err != nil {
		t.Errorf("all that is left: got %v", err)
	}
	if err := w.Add(Entry{Name: "b", Mode: 0o644}, 1, iotest.ErrReader(io.ErrNoProgress)); !errors.Is(err, errTooLarge) {
		t.Errorf("one byte more: got %v, want %v", err, errTooLarge)
	}
	deep := NewWriter(io.Discard, Options{})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = deep.Add(Entry{Name: fmt.Sprintf("%04d%s/x", i, strings.Repeat("/d", 2000)), Mode: 0o644}, 0, strings.NewReader(""))
	}
	if err == nil || !strings.Contains(err.Error(), "more than 500000 directories") {
		t.Errorf("directories: got %v, want that there are too many", err)
	}
	long := NewWriter(io.Discard, Options{})
	err = nil
	for i := 0; err == nil && i < 20_000; i++ {
		err = long.Add(Entry{Name: fmt.Sprintf("%06d%s", i, strings.Repeat("d", 4000)), Mode: 0o644}, 0, strings.NewReader(""))
	}
	if err == nil || !strings.Contains(err.Error(), "have more than 67108864 bytes") {
		t.Errorf("names: got %v, want that they are too long", err)
	}
}

// TestExtractLimits: the limits hold for what is unpacked.
func TestExtractLimits(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	x := &extractor{root: root, linked: links{}, entries: MaxEntries}
	if err := x.check(file("a")); !errors.Is(err, errTooMany) {
		t.Errorf("entries: got %v, want %v", err, errTooMany)
	}
	x = &extractor{root: root, linked: links{}}
	large := file("a")
	large.Size = MaxSize
	if err := x.check(large); err != nil {
		t.Errorf("all there may be: got %v", err)
	}
	large.Size = 1
	if err := x.check(large); !errors.Is(err, errTooLarge) {
		t.Errorf("one byte more: got %v, want %v", err, errTooLarge)
	}
}

// TestManyLinks: links that lead through each other cost no more than a limit.
func TestManyLinks(t *testing.T) {
	all := links{}
	long := strings.Repeat("d/../", 700)
	for i := range 20_000 {
		all[fmt.Sprintf("l%05d", i)] = fmt.Sprintf("%sl%05d", long, i+1)
	}
	if err := all.check(); err == nil || !strings.Contains(err.Error(), "it goes through too many other links") {
		t.Errorf("got %v, want that it is too much", err)
	}
}

func TestWriteFiles(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, sample)
	plant(t, dir, []node{{path: "more/x", content: "x"}})
	names := []string{"more", "gone", "a/gone/too"}
	for _, n := range sample {
		names = append(names, n.path, n.path)
	}
	var b bytes.Buffer
	if _, err := WriteFiles(&b, dir, names, Options{}); err != nil || list(t, b.Bytes()) != sampleListing {
		t.Errorf("got %v\n%s\nwant\n%s", err, list(t, b.Bytes()), sampleListing)
	}
	if _, err := WriteFiles(io.Discard, dir, []string{"../x"}, Options{}); err == nil {
		if _, err := os.Stat(dir + "/../x"); err == nil {
			t.Error("a file outside: got no error")
		}
	}
}
