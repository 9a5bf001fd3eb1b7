package gitsource

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// worktree is a clone of the server's repository.
func worktree(t *testing.T, url string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	run(t, t.TempDir(), "clone", "--quiet", url, dir)
	return dir
}

func TestOpenLocal(t *testing.T) {
	s, r, commit := server(t)
	clone := worktree(t, s.URL("app"))
	detached := worktree(t, s.URL("app"))
	run(t, detached, "checkout", "--quiet", "--detach")
	linked := filepath.Join(t.TempDir(), "linked")
	run(t, clone, "worktree", "add", "--quiet", "-b", "linked", linked)
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(clone, alias); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_DIR", t.TempDir()) // not heeded
	for _, tt := range []struct{ name, dir, ref string }{
		{"worktree", clone, "refs/heads/main"},
		{"through a link", alias, "refs/heads/main"},
		{"linked worktree", linked, "refs/heads/linked"},
		{"detached HEAD", detached, ""},
		{"bare", r.Dir, "refs/heads/main"},
	} {
		got, err := OpenLocal(t.Context(), "", tt.dir)
		if err != nil || got.Commit != commit || got.Ref != tt.ref {
			t.Errorf("%s: got %+v, %v, want %s, %q", tt.name, got, err, commit, tt.ref)
			continue
		}
		if at, err := got.Time(t.Context()); err != nil || !at.Equal(testTime) {
			t.Errorf("%s: time: got %v, %v, want %v", tt.name, at, err, testTime)
		}
		if err := got.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(tt.dir); err != nil {
			t.Errorf("%s: after Close: %v", tt.name, err)
		}
	}
}

func TestOpenLocalErrors(t *testing.T) {
	s, _, _ := server(t)
	clone := worktree(t, s.URL("app"))
	base := t.TempDir()
	write(t, base, "broken/.git", "gitdir: /nowhere\n", 0o644)
	write(t, base, "odd/.git/HEAD", "what is this\n", 0o644)
	write(t, base, "file", "", 0o644)
	write(t, clone, "inner/file", "", 0o644)
	write(t, base, "unborn/file", "", 0o644)
	run(t, filepath.Join(base, "unborn"), "-c", "init.defaultBranch=main", "init", "--quiet")
	for _, tt := range []struct {
		name, dir string
		want      error
	}{
		{"plain directory", base, ErrNotRepository},
		{"broken .git file", filepath.Join(base, "broken"), ErrNotRepository},
		{"broken .git directory", filepath.Join(base, "odd"), ErrNotRepository},
		{"directory in a worktree", filepath.Join(clone, "inner"), ErrNotRepository},
		{"file", filepath.Join(base, "file"), ErrNotRepository},
		{"missing", filepath.Join(base, "missing"), os.ErrNotExist},
	} {
		if r, err := OpenLocal(t.Context(), "git", tt.dir); !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), `opening repository "`+tt.dir+`": `) {
			t.Errorf("%s: got %+v, %v, want %v", tt.name, r, err, tt.want)
		}
	}
	if _, err := OpenLocal(t.Context(), "git", filepath.Join(base, "unborn")); err == nil || errors.Is(err, ErrNotRepository) || !strings.Contains(hints(err), "commit something first") {
		t.Errorf("no commit: got %v, want that HEAD is none", err)
	}
}

func TestDirty(t *testing.T) {
	s, r, commit := server(t)
	r.Commit("main", map[string]gittest.File{".gitignore": {Content: "*.o\n"}, "gone": {}, "sub": {Submodule: commit}}, "second", testTime)
	dir := worktree(t, s.URL("app"))
	local, err := OpenLocal(t.Context(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	dirty := func() []string {
		t.Helper()
		paths, err := local.Dirty(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	write(t, dir, "ignored.o", "", 0o644)
	if err := os.Chtimes(filepath.Join(dir, "README"), testTime, testTime); err != nil {
		t.Fatal(err)
	}
	if got := dirty(); len(got) > 0 {
		t.Errorf("clean: got %q", got)
	}
	clean, _ := pack(t, local)
	write(t, dir, "README", "changed\n", 0o644)
	write(t, dir, "new/file \"ü\"\n", "new", 0o755)
	write(t, dir, "staged", "staged", 0o644)
	write(t, dir, "bin/run", "#!/bin/sh\n", 0o644) // no longer executable
	run(t, dir, "add", "staged")
	run(t, dir, "mv", "bin/latest", "bin/newest")
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	want := []string{"README", "bin/latest", "bin/newest", "bin/run", "gone", "new/file \"ü\"\n", "staged"}
	if got := dirty(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if again, _ := pack(t, local); !bytes.Equal(again, clean) {
		t.Error("the commit's tar changed with the worktree")
	}

	write(t, dir, "nested/README", "a repository within", 0o644)
	run(t, filepath.Join(dir, "nested"), "init", "--quiet")
	files, err := local.WorktreeFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var fromGit, fromFolder bytes.Buffer
	if _, err := sourcetar.WriteFiles(&fromGit, dir, files, sourcetar.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := sourcetar.WriteFolder(&fromFolder, dir, sourcetar.Options{Exclude: []string{"*.o", "nested"}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fromGit.Bytes(), fromFolder.Bytes()) {
		t.Errorf("the files of the worktree are not those of the directory: got %q", files)
	}
}

func TestBareWorktree(t *testing.T) {
	_, r, _ := server(t)
	local, err := OpenLocal(t.Context(), "", r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if paths, err := local.Dirty(t.Context()); err != nil || len(paths) > 0 {
		t.Errorf("dirty: got %q, %v, want nothing", paths, err)
	}
	if _, err := local.WorktreeFiles(t.Context()); err == nil || !strings.Contains(err.Error(), "no worktree") {
		t.Errorf("files: got %v, want an error", err)
	}
}

// TestTime reads what is odd in commits.
func TestTime(t *testing.T) {
	_, r, _ := server(t)
	tree := r.Tree()
	for _, tt := range []struct {
		committer string
		seconds   int64
	}{
		{"committer A <a@example.com> 1700000000 +0530", 1700000000},
		{"committer A > 5 <a@example.com> 1700000000 -1200", 1700000000},
		{"committer  <> 0 +0000", 0},
		{"committer A <a@example.com> 253402300800 +0000", -1},
		{"committer A <a@example.com> -5 +0000", -1},
		{"committer A <a@example.com>", -1},
		{"committer A <a@example.com> x +0000", -1},
		{"author again", -1},
	} {
		commit := r.Object("commit", "tree "+tree+"\nauthor A <a@example.com> 1 +0000\n"+tt.committer+"\n\ncommitter B <b@example.com> 7 +0000\n")
		local := &Repo{git: git{command: "git", dir: r.Dir, repository: r.Dir}, Commit: commit}
		at, err := local.Time(t.Context())
		if tt.seconds < 0 {
			if err == nil || !strings.Contains(err.Error(), "reading commit "+commit+": it has no time") {
				t.Errorf("%q: got %v, %v, want an error", tt.committer, at, err)
			}
		} else if err != nil || at.Unix() != tt.seconds || at.Location().String() != "UTC" {
			t.Errorf("%q: got %v, %v, want %d", tt.committer, at, err, tt.seconds)
		}
	}
}

// TestAncestors: what a server sends beside a branch is not on it.
func TestAncestors(t *testing.T) {
	_, r, first := server(t)
	second := r.Commit("main", nil, "second", testTime)
	other := r.Commit("other", nil, "other", testTime)
	r.SetRef(branchRef, second)
	repo := &Repo{git: git{command: "git", dir: r.Dir, repository: r.Dir}}
	on, err := repo.ancestors(t.Context(), []string{first, other, second})
	if want := []string{first, second}; err != nil || !slices.Equal(on, want) {
		t.Errorf("got %v, %v, want %v", on, err, want)
	}
	if _, err := repo.ancestors(t.Context(), []string{strings.Repeat("1", 40)}); err == nil {
		t.Error("no such commit: got no error")
	}
}
