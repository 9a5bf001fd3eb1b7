package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fetch": main})
}

// TestScript runs the scripts, each with an empty store and a module proxy of its own.
func TestScript(t *testing.T) {
	commands := proxytest.ScriptCommands()
	commands["entry"] = moduleEntry
	commands["localentry"] = localEntry
	commands["gitentry"] = gitEntry
	commands["reseal"] = reseal
	commands["forget"] = forget
	commands["unbuilt"] = unbuilt
	commands["fileentry"] = fileEntry
	commands["sed"] = replace
	commands["web"] = web
	commands["gitcommit"] = gitCommit
	commands["gitlocal"] = gitLocal
	commands["gitrequests"] = gitRequests
	commands["list"] = list
	commands["spoil"] = spoil
	scripttest.Run(t, testscript.Params{
		Cmds: commands,
		Setup: func(env *testscript.Env) error {
			proxytest.ScriptSetup(env, filepath.Join("testdata", "modules.txtar"))
			env.Values[testingKey{}] = env.T().(testing.TB)
			env.Values[gitServer{}] = gittest.New(env.T().(testing.TB))
			return nil
		},
	})
}

// moduleEntry writes the lock entry of a module: "entry file name module@version".
func moduleEntry(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: entry file name module@version")
	}
	p := proxytest.ScriptProxy(ts)
	m := p.Module(args[2])
	name, err := proxytest.File(p.Dir, args[2], ".mod")
	ts.Check(err)
	goMod, err := os.ReadFile(name)
	ts.Check(err)
	entry := lock.Dependency{Name: args[1], Module: &lock.Module{Path: m.Path, Version: m.Version}, Digest: m.Sum, GoRoots: []string{"."}, GoModules: closure(p, string(goMod))}
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// localEntry writes the lock entry of a directory: "localentry file name base path
// [root…]". Without roots, that is the directory itself if it has a go.mod.
func localEntry(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: localentry file name base path [root...]")
	}
	dir := filepath.Join(ts.MkAbs(args[2]), filepath.FromSlash(args[3]))
	entry := lock.Dependency{Name: args[1], Local: &lock.Local{Path: args[3]}}
	describe(ts, &entry, dir, args[4:])
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// reseal gives an entry that was altered the digest that belongs to it: "reseal
// file…".
func reseal(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		var entry interface{ Seal() } = new(lock.Dependency)
		if err := jsonfile.Read(ts.MkAbs(name), entry); err != nil {
			entry = new(lock.File)
			ts.Check(jsonfile.Read(ts.MkAbs(name), entry))
		}
		entry.Seal()
		ts.Check(jsonfile.Write(ts.MkAbs(name), entry))
	}
}

// forget drops a module from what an entry's source needs: "forget file module".
func forget(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: forget file module")
	}
	var entry lock.Dependency
	ts.Check(jsonfile.Read(ts.MkAbs(args[0]), &entry))
	before := len(entry.GoModules)
	entry.GoModules = slices.DeleteFunc(entry.GoModules, func(m lock.GoModule) bool { return m.Path == args[1] })
	if len(entry.GoModules) == before {
		ts.Fatalf("%s has no module %s", args[0], args[1])
	}
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// unbuilt makes an entry's source one that is not built, but for its variants if it says so:
// "unbuilt file [variants]".
func unbuilt(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: unbuilt file [variants]")
	}
	var entry lock.Dependency
	ts.Check(jsonfile.Read(ts.MkAbs(args[0]), &entry))
	if entry.Unbuilt = true; len(args) == 1 {
		entry.GoRoots, entry.GoModules = nil, nil
	}
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// gitEntry writes the lock entry of a commit with what is in a directory, and puts
// its tar in a store: "gitentry store file name directory ref [root…]".
func gitEntry(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 5 {
		ts.Fatalf("usage: gitentry store file name directory ref [root...]")
	}
	dir := ts.MkAbs(args[3])
	entry := lock.Dependency{
		Name: args[2], Git: &lock.Git{URL: "https://example.com/r.git", Ref: args[4], Versions: map[string]string{}, Commit: "0123456789abcdef0123456789abcdef01234567"},
		Time: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), GoTags: map[string][]string{"agent": {"agent", "small"}, "empty": {}},
	}
	for _, root := range args[5:] {
		var ok bool
		if entry.Git.Versions[root], ok = strings.CutPrefix(args[4], "refs/tags/"+root+"/"); !ok {
			entry.Git.Versions[root] = "v0.0.0-20240229120000-0123456789ab"
		}
	}
	describe(ts, &entry, dir, args[5:])
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[1]), entry))
	s, err := store.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = s.PutStream(func(w io.Writer) error {
		_, err := sourcetar.WriteFolder(w, dir, sourcetar.Options{})
		return err
	})
	ts.Check(err)
}

// gitServer is where a script's git server is among its values.
type gitServer struct{}

// gitCommit commits what is in a directory, and writes the lock entry of that:
// "gitcommit file name directory [exclude…]". An attribute in the directory would have
// a checkout differ from the commit.
func gitCommit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: gitcommit file name directory [exclude...]")
	}
	dir := ts.MkAbs(args[2])
	texts, files := map[string]string{}, map[string]gittest.File{}
	proxytest.Directory(ts.Value(testingKey{}).(testing.TB), dir, texts)
	for path, text := range texts {
		files[path] = gittest.File{Content: text}
	}
	s := ts.Value(gitServer{}).(*gittest.Server)
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	commit := s.Repo(args[1]).Commit("master", files, "one", at)
	entry := lock.Dependency{
		Name: args[1], Git: &lock.Git{URL: s.URL(args[1]), Ref: "refs/heads/master", Commit: commit}, Time: at, Exclude: args[3:],
	}
	describe(ts, &entry, dir, nil)
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// gitLocal writes the lock entry of a repository of this machine, of which what is
// in another directory is to be packed: "gitlocal file name repository directory [dirty]".
func gitLocal(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: gitlocal file name repository directory [dirty]")
	}
	repo, err := gitsource.OpenLocal(ts.Value(testingKey{}).(testing.TB).Context(), "", ts.MkAbs(args[2]))
	ts.Check(err)
	entry := lock.Dependency{Name: args[1], Local: &lock.Local{Path: args[2], Commit: repo.Commit, Dirty: len(args) > 4}}
	describe(ts, &entry, ts.MkAbs(args[3]), nil)
	entry.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), entry))
}

// gitRequests is a command: was the git server asked since the last time?
func gitRequests(ts *testscript.TestScript, neg bool, _ []string) {
	s := ts.Value(gitServer{}).(*gittest.Server)
	if asked := s.Services(); (len(asked) > 0) == neg {
		ts.Fatalf("the git server was asked for %q", asked)
	}
	s.Reset()
}

// testingKey is where a script's test is among its values.
type testingKey struct{}

// describe fills in what a lock says of a directory.
func describe(ts *testscript.TestScript, entry *lock.Dependency, dir string, roots []string) {
	r, w := io.Pipe()
	go func() {
		_, err := sourcetar.WriteFolder(w, dir, sourcetar.Options{Exclude: entry.Exclude})
		w.CloseWithError(err)
	}()
	d, _, err := digest.FromReader(r)
	ts.Check(err)
	entry.Digest = string(d)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && len(roots) == 0 {
		roots = []string{"."}
	}
	entry.GoRoots = roots
	for _, root := range roots {
		if goMod, err := os.ReadFile(filepath.Join(dir, root, "go.mod")); err == nil {
			entry.GoModules = append(entry.GoModules, closure(proxytest.ScriptProxy(ts), string(goMod))...)
		}
	}
}

func closure(p *proxytest.Proxy, goMod string) (list []lock.GoModule) {
	for _, m := range p.Closure(goMod) {
		list = append(list, lock.GoModule{Path: m.Path, Version: m.Version, Sum: m.Sum, GoModSum: m.GoModSum})
	}
	return list
}

// list writes what is below a directory, one line a file: whether it is executable,
// its digest, its path.
func list(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: list directory file")
	}
	var b strings.Builder
	dir := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum, _, err := digest.FromFile(path)
		if err != nil {
			return err
		}
		what := sum.Short()
		if filepath.Ext(path) == ".zip" {
			what = "zip" // its bytes depend on the version of Go
		}
		executable := "-"
		if info.Mode()&0o100 != 0 {
			executable = "x"
		}
		rel, err := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %s %s\n", executable, what, filepath.ToSlash(rel))
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

// spoil appends to every file that a store has by its digest: "spoil store".
func spoil(ts *testscript.TestScript, _ bool, args []string) {
	names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "content_addressable", "sha256", "*", "file"))
	ts.Check(err)
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		ts.Check(err)
		_, err = f.WriteString("spoilt")
		ts.Check(errors.Join(err, f.Close()))
	}
}
