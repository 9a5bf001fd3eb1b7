package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// sample is a tree in which git's attributes would change much.
func sample() map[string]gittest.File {
	return map[string]gittest.File{
		".gitattributes": {Content: "* text eol=crlf ident\n*.sub export-subst\nsecret export-ignore\n*.utf16 working-tree-encoding=UTF-16\n*.bin filter=lfs diff=lfs\n*.evil filter=evil\n"},
		".gitignore":     {Content: "ignored\n"},
		".lfsconfig":     {Content: "[lfs]\n\turl = http://127.0.0.1:1/\n"},
		"ignored":        {Content: "but tracked\n"},
		"secret":         {Content: "$Id$\n"},
		"version.sub":    {Content: "$Format:%H$ $Id$\n"},
		"text.utf16":     {Content: "text\n"},
		"lines.evil":     {Content: "a\nb\r\nc"},
		"data.bin":       {Content: pointer},
		"empty":          {},
		"a-b":            {Content: "-"}, "a.b": {Content: "."}, "a/b": {Content: "/"}, "a0b": {Content: "0"},
		"bin/run":                       {Content: "#!/bin/sh\n", Exec: true},
		"bin/latest":                    {Link: "run"},
		"bin/up":                        {Link: "../a/b"},
		"übung/ä \"ö\"\tü":              {Content: "not ASCII"},
		"new\nline":                     {Content: "a line's end in a name"},
		strings.Repeat("l", 200) + "/n": {Content: strings.Repeat("long", 100_000)},
	}
}

// plant makes the same tree in a directory.
func plant(t *testing.T, dir string, files map[string]gittest.File) {
	t.Helper()
	for name, f := range files {
		mode := os.FileMode(0o644)
		if f.Exec {
			mode = 0o755
		}
		if f.Link == "" {
			write(t, dir, name, f.Content, mode)
			continue
		}
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.Symlink(f.Link, full)); err != nil {
			t.Fatal(err)
		}
	}
}

func packFolder(t *testing.T, dir string, exclude ...string) ([]byte, sourcetar.Result) {
	t.Helper()
	var b bytes.Buffer
	result, err := sourcetar.WriteFolder(&b, dir, sourcetar.Options{Exclude: exclude})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), result
}

// TestWriteTar: a commit gives the bytes that a directory gives, whatever the
// attributes say and whatever git is configured to do.
func TestWriteTar(t *testing.T) {
	gittest.Env(t)
	s := gittest.New(t)
	s.Repo("app").Commit("main", sample(), "sample", testTime)
	folder := t.TempDir()
	plant(t, folder, sample())
	want, folderResult := packFolder(t, folder)

	check := func(what string) {
		t.Helper()
		got, tree := pack(t, fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"}))
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the tar of the commit differs from that of the directory", what)
		}
		if tree.Size != folderResult.Size || tree.Files != folderResult.Files || tree.Files != len(sample()) {
			t.Errorf("%s: got %+v, want %+v", what, tree, folderResult)
		}
		if want := []string{"data.bin"}; !reflect.DeepEqual(tree.LFS, want) || !reflect.DeepEqual(folderResult.LFS, want) {
			t.Errorf("%s: LFS: got %q and %q, want %q", what, tree.LFS, folderResult.LFS, want)
		}
	}
	check("plain")
	restore := setUmask(0o077)
	check("umask")
	restore()
	t.Setenv("TZ", "Pacific/Kiritimati")
	t.Setenv("LANG", "de_DE.UTF-8")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	check("time zone and locale")
	home := t.TempDir()
	write(t, home, "config", "[core]\n\tautocrlf = true\n\teol = crlf\n\tquotePath = true\n[filter \"evil\"]\n\tsmudge = rev\n[tar]\n\tumask = 0\n[core]\n\tprecomposeUnicode = true\n", 0o644)
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "config"))
	check("configuration")

	// What is on this machine gives the same, with a worktree and without.
	clone := filepath.Join(t.TempDir(), "clone")
	run(t, t.TempDir(), "-c", "core.autocrlf=false", "clone", "--quiet", s.URL("app"), clone)
	for _, dir := range []string{clone, filepath.Join(clone, ".git"), s.Repo("app").Dir} {
		r, err := OpenLocal(t.Context(), "git", dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := pack(t, r); !bytes.Equal(got, want) {
			t.Errorf("%s: the tar differs from that of the directory", dir)
		}
	}

	for _, exclude := range [][]string{{"a"}, {"*.bin", "bin"}, {"**/b"}, {"bin/*"}, {"**"}, {"lll*/**"}} {
		want, result := packFolder(t, folder, exclude...)
		got, tree := pack(t, fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"}), exclude...)
		if !bytes.Equal(got, want) || tree.Files != result.Files {
			t.Errorf("without %q: the tar of the commit differs from that of the directory: %d and %d files", exclude, tree.Files, result.Files)
		}
	}
}

// TestTree: what a lock says about a tree.
func TestTree(t *testing.T) {
	s, r, commit := server(t)
	r.Commit("main", map[string]gittest.File{
		"sub/one": {Submodule: commit}, "two": {Submodule: strings.Repeat("1", 40)}, ".gitmodules": {Content: "[submodule \"one\"]\n\tpath = sub/one\n\turl = http://127.0.0.1:1/\n"},
		"sub/two/lfs.bin": {Content: pointer}, "big.bin": {Content: pointer + strings.Repeat("x", 1024-len(pointer))}, "not.bin": {Content: "x" + pointer},
		"case/A": {}, "case/a": {}, "Dir/x": {}, "dir/y": {}, "straße": {}, "STRASSE": {}, "K": {}, "\u212a": {},
	}, "tree", testTime)
	_, tree := pack(t, fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"}), "case")
	want := &Tree{
		Size: tree.Size, Files: 3 + 4 + 2 + 4,
		Submodules:     []Submodule{{"sub/one", commit}, {"two", strings.Repeat("1", 40)}},
		LFS:            []string{"sub/two/lfs.bin"},
		CaseCollisions: [][]string{{"Dir", "dir"}, {"K", "\u212a"}},
	}
	if !reflect.DeepEqual(tree, want) {
		t.Errorf("got %+v, want %+v", tree, want)
	}
	if _, tree := pack(t, fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"}), "two", "sub"); len(tree.Submodules)+len(tree.LFS) != 0 {
		t.Errorf("excluded: got %+v, want no submodules and pointers", tree)
	}
}

// TestHostileTrees: what git stores, but no tree of files is.
func TestHostileTrees(t *testing.T) {
	_, r, _ := server(t)
	blob := r.Blob("evil")
	dir := r.Tree(gittest.TreeEntry{Mode: "100644", Name: "x", ID: blob})
	file := func(name string) gittest.TreeEntry { return gittest.TreeEntry{Mode: "100644", Name: name, ID: blob} }
	folder := func(name string) gittest.TreeEntry { return gittest.TreeEntry{Mode: "40000", Name: name, ID: dir} }
	link := func(name, target string) gittest.TreeEntry {
		return gittest.TreeEntry{Mode: "120000", Name: name, ID: r.Blob(target)}
	}
	type tree = []gittest.TreeEntry
	for _, tt := range []struct {
		name    string
		entries tree
		want    string
	}{
		{"up", tree{folder("..")}, `path "../x": the path leaves the tree`},
		{"up, a file", tree{file("..")}, `path "..": the path leaves the tree`},
		{"dot", tree{folder(".")}, `path "./x": the path is not clean`},
		{"absolute", tree{file("/etc/passwd")}, `path "/etc/passwd": the path leaves the tree`},
		{"slash in a name, up", tree{file("a/../../b")}, `path "a/../../b": the path leaves the tree`},
		{"backslash", tree{file(`a\b`)}, `has a backslash`},
		{".git", tree{folder(".git")}, `".git" is a git directory's name`},
		{".git, a file", tree{file(".git")}, `".git" is a git directory's name`},
		{".GIT below", tree{file("a/.GiT")}, `".GiT" is a git directory's name`},
		{"short name", tree{folder("GIT~1")}, `"GIT~1" is a git directory's name`},
		{"NTFS", tree{folder(".git. .")}, `".git. ." is a git directory's name`},
		{"NTFS stream", tree{folder(".git::$INDEX_ALLOCATION")}, `is a git directory's name`},
		{"HFS+", tree{folder(".g\u200cit")}, `is a git directory's name`},
		{".git as a submodule", tree{{Mode: "160000", Name: ".git", ID: blob}}, `".git" is a git directory's name`},
		{"twice", tree{file("a"), file("a")}, `duplicate path "a"`},
		{"not sorted", tree{file("b"), file("a")}, `path "a": the tree is not sorted: it comes after "b"`},
		{"file and directory", tree{file("a"), folder("a")}, `path "a/x": "a" is not a directory`},
		{"file and directory, apart", tree{file("a"), file("a-b"), folder("a")}, `path "a/x": "a" is not a directory`},
		{"link and directory", tree{link("a", "b"), folder("a")}, `path "a/x": "a" is not a directory`},
		{"link out", tree{link("a", "../b")}, `symbolic link "a" leaves the tree: it points to "../b"`},
		{"link out, absolute", tree{link("a", "/b")}, `symbolic link "a" leaves the tree`},
		{"empty link", tree{link("a", "")}, `symbolic link "a": its target has 0 bytes`},
		{"long link", tree{link("a", strings.Repeat("a/", 2049))}, `symbolic link "a": its target has 4098 bytes: want 1 to 4096`},
		{"zero byte in a link", tree{link("a", "b\x00c")}, `has a zero byte`},
		{"long name", tree{file(strings.Repeat("n", 5000))}, `the path has more than 4096 bytes`},
		{"very long name", tree{file(strings.Repeat("n", 20_000))}, `has more than 8192 bytes`},
		{"no such blob", tree{{Mode: "100644", Name: "a", ID: strings.Repeat("1", 40)}}, `path "a": object 1111111111111111111111111111111111111111 is not in the repository`},
		{"tree as blob", tree{{Mode: "100644", Name: "a", ID: dir}}, `path "a": object ` + dir + `: got a tree, want a blob`},
		{"no such tree", tree{{Mode: "40000", Name: "a", ID: strings.Repeat("1", 40)}}, `git: `},
		{"blob as tree", tree{{Mode: "40000", Name: "a", ID: blob}}, `git: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			commit := r.CommitTree("main", r.Tree(tt.entries...))
			local, err := OpenLocal(t.Context(), "git", r.Dir)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := local.WriteTar(t.Context(), io.Discard, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "packing commit "+commit+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v, want %q", tree, err, tt.want)
			}
			// What is left out is not looked at.
			if _, err := local.WriteTar(t.Context(), io.Discard, []string{"**"}); err != nil && tt.want != "git: " && tt.name != "very long name" {
				t.Errorf("all left out: got %v, want no error", err)
			}
		})
	}
}

// TestFetchHostileTree: they come through a fetch as well.
func TestFetchHostileTree(t *testing.T) {
	s, r, _ := server(t)
	r.CommitTree("main", r.Tree(gittest.TreeEntry{Mode: "100644", Name: ".git", ID: r.Blob("evil")}))
	repo := fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"})
	if _, err := repo.WriteTar(t.Context(), io.Discard, nil); err == nil || !strings.Contains(err.Error(), `is a git directory's name`) {
		t.Errorf("got %v, want an error", err)
	}
}

// TestTreeBomb: a few objects that stand for a billion files. Nothing waits for all of them.
func TestTreeBomb(t *testing.T) {
	_, r, _ := server(t)
	id, mode := r.Blob("bomb"), "100644"
	for range 9 {
		var entries []gittest.TreeEntry
		for i := range 10 {
			entries = append(entries, gittest.TreeEntry{Mode: mode, Name: fmt.Sprint("f", i), ID: id})
		}
		id, mode = r.Tree(entries...), "40000"
	}
	r.CommitTree("main", id)
	r.Git("repack", "-a", "-d", "-q")
	local, err := OpenLocal(t.Context(), "git", r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := local.WriteTar(t.Context(), io.Discard, nil); err == nil || !strings.Contains(err.Error(), "the tree has more than 500000 files") {
		t.Errorf("got %v, want that there are too many files", err)
	}
	if _, err := local.WriteTar(t.Context(), io.Discard, []string{"**"}); err == nil || !strings.Contains(err.Error(), "the tree has more than 1000000 entries") {
		t.Errorf("all left out: got %v, want that there are too many", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := local.WriteTar(ctx, io.Discard, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: got %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestBlobSize: a size is checked before the content is read.
func TestBlobSize(t *testing.T) {
	object := strings.Repeat("a", 40)
	for size, want := range map[string]string{
		"8589934593":           "the tree has more than 8589934592 bytes",
		"-1":                   "the tree has more than 8589934592 bytes",
		"99999999999999999999": "value out of range",
		"x":                    "invalid syntax",
	} {
		p := &packer{tar: sourcetar.NewWriter(io.Discard, sourcetar.Options{})}
		rest := bufio.NewReader(strings.NewReader(object + " blob " + size + "\ncontent"))
		if err := p.add(&treeEntry{mode: modeFile, object: object, path: "a"}, rest); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", size, err, want)
		}
		if left, _ := io.ReadAll(rest); string(left) != "content" {
			t.Errorf("%s: left of the content: got %q, want all", size, left)
		}
	}
}

func TestWriteTarBrokenWriter(t *testing.T) {
	_, r, _ := server(t)
	r.Commit("main", map[string]gittest.File{"big": {Content: random(4 << 20)}}, "big", testTime)
	local, err := OpenLocal(t.Context(), "git", r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	go func() {
		_, _ = io.CopyN(io.Discard, pr, 1<<20)
		pr.CloseWithError(io.ErrShortWrite)
	}()
	if _, err := local.WriteTar(t.Context(), pw, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want %v", err, io.ErrShortWrite)
	}
}

// TestPartialClone: what a partial clone lacks is not fetched behind our back.
func TestPartialClone(t *testing.T) {
	s, _, _ := server(t)
	clone := filepath.Join(t.TempDir(), "clone")
	run(t, t.TempDir(), "clone", "--quiet", "--bare", "--filter=blob:none", s.URL("app"), clone)
	r, err := OpenLocal(t.Context(), "git", clone)
	if err != nil {
		t.Fatal(err)
	}
	s.Reset()
	if _, err := r.WriteTar(t.Context(), io.Discard, nil); err == nil || !strings.Contains(err.Error(), `path "README"`) {
		t.Errorf("got %v, want that README is not there", err)
	}
	if log := s.Services(); len(log) > 0 {
		t.Errorf("requests: got %v, want none", log)
	}
}

func FuzzLsTree(f *testing.F) {
	id := strings.Repeat("0123456789", 4)
	for _, s := range []string{
		"", "100644 blob " + id + "\ta\x00", "120000 blob " + id + "\ta\tb\x00160000 commit " + id + "\tc\x00", "100644 blob " + id + "\ta",
		"040000 tree " + id + "\ta\x00", "100755 blob " + id + id[:24] + "\ta\nb\x00", "100644 blob\x00", "100644  " + id + "\t\x00", strings.Repeat("x", 2*maxLine),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), maxLine)
		var again bytes.Buffer
		for {
			e, err := readEntry(r)
			if err != nil {
				if errors.Is(err, io.EOF) && !bytes.Equal(again.Bytes(), data) {
					t.Fatalf("what was read: got %q, want %q", again.Bytes(), data)
				}
				return
			}
			kind := "blob"
			if e.mode == modeSubmodule {
				kind = "commit"
			}
			fmt.Fprintf(&again, "%06o %s %s\t%s\x00", e.mode, kind, e.object, e.path)
		}
	})
}
