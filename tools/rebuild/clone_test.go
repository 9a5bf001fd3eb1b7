package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// gitDependency pins a commit as resolve does, with its tar in the store.
func (w *world) gitDependency(url, commit string, versions map[string]string, exclude ...string) lock.Dependency {
	w.t.Helper()
	repo, err := (&gitsource.Client{Scratch: w.t.TempDir()}).Fetch(w.t.Context(), gitsource.Want{URL: url, SHA: commit})
	if err != nil {
		w.t.Fatal(err)
	}
	defer repo.Close()
	s, err := store.Open(w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	d := lock.Dependency{
		Name: "git", Primary: true, Exclude: exclude, Time: releasetest.Time, Why: "branch in manifest",
		Git: &lock.Git{URL: url, Commit: commit, Versions: versions},
	}
	sum, err := s.PutStream(func(out io.Writer) error {
		tree, err := repo.WriteTar(w.t.Context(), out, exclude)
		if err == nil {
			for _, m := range tree.Submodules {
				d.Git.Submodules = append(d.Git.Submodules, lock.Submodule{Path: m.Path, Commit: m.Commit})
			}
		}
		return err
	})
	if err == nil {
		d.Git.Object, err = repo.Object(context.Background(), "commit", commit)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	d.Digest = string(sum)
	return d
}

// clone builds a package in a clone, as anybody would.
func (w *world) clone(url, commit, root, pkg string) []byte {
	w.t.Helper()
	dir, out := filepath.Join(w.t.TempDir(), "clone"), filepath.Join(w.t.TempDir(), "program")
	for _, args := range [][]string{{"git", "clone", "--quiet", url, dir}, {"git", "-C", dir, "checkout", "--quiet", commit}} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			w.t.Fatalf("%q: %v\n%s", args, err, text)
		}
	}
	cmd := exec.Command(w.goCmd, "build", "-trimpath", "-buildvcs=true", strip, "-o", out, pkg)
	cmd.Dir, cmd.Env = filepath.Join(dir, root), append(w.env, "CGO_ENABLED=0", "PATH="+os.Getenv("PATH"))
	if text, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("go build: %v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// TestGit: programs of git sources are what go build makes in a clone, whether the commit
// has a tag, one before it has, or the module has no version.
func TestGit(t *testing.T) {
	gittest.Env(t)
	w := newWorld(t)
	server := gittest.New(t)
	repo := server.Repo("app")
	const prog = "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() { println(1) }\n"
	goMod := "module example.com/app\n\ngo 1.21\n\nrequire example.com/lib v1.1.0\n"
	before := repo.Commit("main", map[string]gittest.File{
		"go.mod": {Content: goMod}, "go.sum": {Content: w.proxy.GoSum(goMod)}, "cmd/app/main.go": {Content: prog},
		"run.sh": {Content: "#!/bin/sh\n", Exec: true}, "link": {Link: "run.sh"}, "a \"b\"": {Content: "x"},
		"sub/go.mod": {Content: "module example.org/sub\n\ngo 1.21\n"}, "sub/main.go": {Content: "package main\n\nfunc main() { println(2) }\n"},
	}, "one", time.Unix(1709208000, 0))
	commit := repo.Commit("main", map[string]gittest.File{"more": {Content: "more"}}, "two", time.Unix(1709208001, 0))
	pseudo := "v1.0.1-0.20240229120001-" + commit[:12]
	for _, tt := range []struct {
		name, tag string
		of        string
		version   string
		exclude   []string
		alter     func(*lock.Dependency)
		want      string
	}{
		{name: "no tag", version: "v0.0.0-20240229120001-" + commit[:12]},
		{name: "a tag before", tag: "v1.0.0", of: before, version: pseudo},
		{name: "a tag", tag: "v1.1.0", of: commit, version: "v1.1.0"},
		{name: "without some files", version: "v1.1.0", exclude: []string{"more"}, want: `lock entry "git" leaves out ["more"]: a clone always has these files`},
		{name: "another commit's files", version: "v1.1.0", alter: func(d *lock.Dependency) { d.Git.Object = append(d.Git.Object, '\n') }, want: "the files are not those of the commit: the commit object is "},
		{name: "other files", version: "v1.1.0", alter: func(d *lock.Dependency) { d.Git.Submodules = []lock.Submodule{{Path: "more", Commit: before}} }, want: "the files are not those of the commit: got tree "},
		{name: "an old lock", version: "v1.1.0", alter: func(d *lock.Dependency) { d.Git.Object = nil }, want: `lock entry "git" has no commit object: resolve it again`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			if tt.tag != "" {
				repo.Tag(tt.tag, tt.of)
			}
			app, sub := w.clone(server.URL("app"), commit, ".", "./cmd/app"), w.clone(server.URL("app"), commit, "sub", ".")
			d := w.gitDependency(server.URL("app"), commit, map[string]string{".": tt.version, "sub": gomod.Devel}, tt.exclude...)
			if tt.alter != nil {
				tt.alter(&d)
			}
			dir := w.releaseOf(d, map[string]string{"a.tar.gz": tarOf(t, map[string][]byte{"app": app, "sub": sub})})
			status, out, errs := w.rebuild(dir, []goinfo.Program{here("app", "example.com/app/cmd/app"), here("sub", "example.org/sub")})
			if tt.want != "" {
				if status != cli.Failure || !strings.Contains(errs, tt.want) {
					t.Errorf("got status %d, %s, want %q", status, errs, tt.want)
				}
				return
			}
			if status != cli.OK || strings.Count(out, ": identical, sha256:") != 2 || !strings.Contains(out, "example.com/app/cmd/app@"+tt.version+": identical") {
				t.Errorf("got status %d\n%s%s\nwant two identical programs", status, out, errs)
			}
		})
	}
}

// releaseOf makes a release of one dependency.
func (w *world) releaseOf(d lock.Dependency, files map[string]string) string {
	w.t.Helper()
	dir := releasetest.Make(w.t, releasetest.Args{Files: files})
	name := filepath.Join(dir, release.LockFile)
	l, err := lock.Read(name)
	if err != nil {
		w.t.Fatal(err)
	}
	l.Dependencies[0] = d
	l.Seal()
	if err := jsonfile.Write(name, l); err != nil {
		w.t.Fatal(err)
	}
	releasetest.Seal(w.t, dir)
	return dir
}
