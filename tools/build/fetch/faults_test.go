package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var (
	wholeFaults  = flag.Bool("whole", false, "let every request of a fetch fail in every way, not only a sample")
	sampleFaults = flag.Int("sample", 8, "the number of cases of a sample")
)

// hangs is the time after which a fetch counts as one that hangs.
const hangs = 4 * time.Minute

// faultWorld has a server of each kind that fetch reads, with a fault layer in front of all, and
// a lock's entry for each.
type faultWorld struct {
	t       *testing.T
	layer   *faulttest.Layer
	entries string // directory
	env     []string
	goCmd   string
}

func newFaultWorld(t *testing.T) *faultWorld {
	gittest.Env(t)
	w := &faultWorld{t: t, layer: faulttest.New(), entries: t.TempDir(), goCmd: proxytest.GoCommand(t)}
	modules := proxytest.New(t, proxytest.Txtar(t, filepath.Join("testdata", "modules.txtar")))
	proxy := modules.Serve()
	git := gittest.New(t)
	web := httptest.NewServer(w.layer.Handler("files", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, tool)
	})))
	t.Cleanup(web.Close)
	trap := httptest.NewServer(w.layer.Trapped())
	t.Cleanup(trap.Close)
	w.layer.Trap = trap.URL
	w.writeModule(modules)
	w.writeCommit(git)
	file := lock.File{Name: "tool", URL: web.URL + "/tool", Digest: digest.FromBytes([]byte(tool)), Size: int64(len(tool)), Why: "url in manifest"}
	file.Seal()
	w.check(jsonfile.Write(filepath.Join(w.entries, "tool.json"), file))
	proxy.Handle(func(next http.Handler) http.Handler { return w.layer.Handler("proxy", next) })
	git.Handle(func(next http.Handler) http.Handler { return w.layer.Handler("git", next) })
	w.env = os.Environ()
	for name, value := range proxytest.Environ(filepath.Join(t.TempDir(), "cache"), proxy.URL) {
		w.env = append(w.env, name+"="+value)
	}
	return w
}

// tool is the content of a file.
var tool = strings.Repeat("a tool\n", 10_000)

func (w *faultWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// writeModule writes the entry of a module.
func (w *faultWorld) writeModule(p *proxytest.Proxy) {
	const version = "example.com/App@v1.0.0"
	m := p.Module(version)
	name, err := proxytest.File(p.Dir, version, ".mod")
	w.check(err)
	goMod, err := os.ReadFile(name)
	w.check(err)
	entry := lock.Dependency{Name: "app", Module: &lock.Module{Path: m.Path, Version: m.Version}, Digest: m.Sum, GoRoots: []string{"."}, GoModules: closure(p, string(goMod))}
	entry.Seal()
	w.check(jsonfile.Write(filepath.Join(w.entries, "app.json"), entry))
}

// writeCommit writes the entry of a commit.
func (w *faultWorld) writeCommit(git *gittest.Server) {
	dir, at := w.t.TempDir(), time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	w.check(os.WriteFile(filepath.Join(dir, "README.md"), []byte("lib\n"), 0o644))
	var tar bytes.Buffer
	_, err := sourcetar.WriteFolder(&tar, dir, sourcetar.Options{})
	w.check(err)
	commit := git.Repo("lib").Commit("main", map[string]gittest.File{"README.md": {Content: "lib\n"}}, "first", at)
	entry := lock.Dependency{Name: "lib", Git: &lock.Git{URL: git.URL("lib"), Ref: "refs/heads/main", Commit: commit}, Time: at, Digest: string(digest.FromBytes(tar.Bytes()))}
	entry.Seal()
	w.check(jsonfile.Write(filepath.Join(w.entries, "lib.json"), entry))
}

// A spot has a store, and what fetch fills from it.
type spot struct {
	dir    string
	prefix []string // the command that runs fetch; none for itself
}

// fetch fetches all entries, each by a process of its own, until one fails.
func (w *faultWorld) fetch(p *spot, out string) (said string, err error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), hangs)
	defer cancel()
	for _, what := range [][]string{{"source", "app"}, {"source", "lib"}, {"file", "tool"}} {
		to := filepath.Join(p.dir, out, what[1])
		if err := os.MkdirAll(to, 0o755); err != nil {
			return "", err
		}
		args := append(p.prefix[:len(p.prefix):len(p.prefix)], "fetch", "--store", filepath.Join(p.dir, "store"), "--go", w.goCmd,
			what[0], "--entry", filepath.Join(w.entries, what[1]+".json"), "--base", p.dir, "--out", to, "--repository", what[1])
		if said, err := w.run(ctx, args); err != nil {
			return said, err
		}
	}
	return "", nil
}

func (w *faultWorld) run(ctx context.Context, args []string) (said string, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = w.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // the go command that it has started may live longer
	err = w.layer.Run(cmd)
	return out.String(), errors.Join(err, context.Cause(ctx))
}

// files returns what is below a directory of the spot.
func (p *spot) files(t *testing.T, name string) map[string]string {
	all := map[string]string{}
	root := filepath.Join(p.dir, name)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return all
}

// A result is what there is without a fault.
type result struct{ store, out map[string]string }

func (w *faultWorld) reference() result {
	w.layer.Begin("", "", "")
	p := &spot{dir: w.t.TempDir()}
	if said, err := w.fetch(p, "out"); err != nil {
		w.t.Fatalf("without a fault: %v\n%s", err, said)
	}
	return result{p.files(w.t, "store"), p.files(w.t, "out")}
}

// temporary matches the names of files that gc removes.
var temporary = regexp.MustCompile(`^\.(.+\.)?tmp-[0-9]+$`)

// try fetches while something fails, then again. It returns whether the first fetch ended well.
func (w *faultWorld) try(t *testing.T, prefix []string, want result) (survived bool) {
	p := &spot{dir: t.TempDir(), prefix: prefix}
	began := time.Now()
	said, failed := w.fetch(p, "out")
	if errors.Is(failed, context.DeadlineExceeded) {
		t.Errorf("it hangs:\n%s", said)
	}
	if took := time.Since(began).Round(time.Second); took > 30*time.Second {
		t.Logf("%v after %s", failed, took)
	}
	for name, content := range p.files(t, "store") {
		if whole, ok := want.store[name]; (!ok || whole != content) && !temporary.MatchString(filepath.Base(name)) && !strings.Contains(name, "tmp/") {
			t.Errorf("the store has %s, which is not whole", name)
		}
	}
	w.layer.Begin("", "", "")
	p.prefix = nil
	if again, err := w.fetch(p, "again"); err != nil {
		t.Fatalf("first %v\n%s\nthen %v\n%s", failed, said, err, again)
	}
	if got := p.files(t, "again"); !maps.Equal(got, want.out) {
		t.Errorf("the next fetch filled %d files, want %d of the same content", len(got), len(want.out))
	}
	got := p.files(t, "store")
	for name, content := range want.store {
		if got[name] != content {
			t.Errorf("the store lacks %s after the next fetch", name)
		}
	}
	return failed == nil
}

// TestFaults lets requests of a fetch fail, one at a time. Then what the store has is whole, and
// another fetch brings all that there is without a fault.
func TestFaults(t *testing.T) {
	w := newFaultWorld(t)
	want := w.reference()
	type trial struct {
		request string
		fault   faulttest.Fault
	}
	var all []trial
	for _, request := range w.layer.Log() {
		for _, f := range faulttest.All() {
			if f != faulttest.Refused { // its clients are other programs too
				all = append(all, trial{request, f})
			}
		}
	}
	t.Logf("%d requests, %d cases", len(w.layer.Log()), len(all))
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if !*wholeFaults {
		all = all[:min(len(all), *sampleFaults)]
	}
	survived := 0
	for _, k := range all {
		t.Run(fmt.Sprintf("%s: %s", k.request, k.fault), func(t *testing.T) {
			w.layer.Begin("", k.request, k.fault)
			if w.try(t, nil, want) {
				survived++
			}
		})
	}
	t.Logf("%d cases, %d survived by the run itself", len(all), survived)
}

// TestKilled kills fetches, and the go and git commands that they run, before a write to a disk.
func TestKilled(t *testing.T) {
	strace := readers.Find(t, "strace")
	w := newFaultWorld(t)
	want := w.reference()
	cases, killed := 12, 0
	if *wholeFaults {
		cases = 200
	}
	calls := []string{"write", "pwrite64", "fsync", "fchmod", "renameat", "unlinkat", "linkat", "mkdirat"}
	for range cases {
		call, at := calls[rand.IntN(len(calls))], 1+rand.IntN(8)
		t.Run(fmt.Sprint(call, " ", at), func(t *testing.T) {
			prefix := []string{strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, at)}
			w.layer.Begin("", "", "")
			if !w.try(t, prefix, want) {
				killed++
			}
		})
	}
	t.Logf("%d fetches, %d of them killed", cases, killed)
	if killed == 0 {
		t.Error("no fetch was killed")
	}
}
