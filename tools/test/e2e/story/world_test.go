package story_test

import (
	"cmp"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// world is the environment of the story: the repository, the servers for sources and releases,
// and the machines.
type world struct {
	t         *testing.T
	workspace string // this repository's
	origin    string // the cloned repository
	git       *gittest.Server
	proxy     *proxytest.Proxy
	bucket    *buckettest.Server
	registry  *httptest.Server
	commits   []string // of the repository hello
	sdks      string   // a module proxy of SDKs
	seen      map[string]string

	mu      sync.Mutex
	pattern *regexp.Regexp // the requests that stall
	stalled chan struct{}
	over    chan struct{} // closed to release them
}

func newWorld(t *testing.T) *world {
	t.Helper()
	gittest.Env(t)
	w := &world{t: t, workspace: workspacetest.Find(t, "STORY_WORKSPACE"), git: gittest.New(t), bucket: buckettest.GCS(t), seen: map[string]string{}}
	w.registry = httptest.NewServer(w.stalling(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	t.Cleanup(w.registry.Close)
	w.git.Handle(w.stalling)
	w.plant()
	return w
}

// plant makes the sources of the line and the repository to clone.
func (w *world) plant() {
	w.t.Helper()
	a, err := txtar.ParseFile("testdata/sources")
	if err != nil {
		w.t.Fatal(err)
	}
	modules := map[string]string{}
	hello := map[string]gittest.File{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "hello/"); ok {
			hello[name] = gittest.File{Content: string(f.Data)}
		} else {
			modules[f.Name] = string(f.Data)
		}
	}
	w.proxy = proxytest.New(w.t, modules)
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	w.commits = append(w.commits, w.git.Repo("hello").Commit("main", hello, "first", at))

	w.origin = filepath.Join(w.t.TempDir(), "origin")
	workspacetest.Copy(w.t, w.workspace, w.origin)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "the builder"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = w.origin
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
}

// setup makes the first machine.
func (w *world) setup(env *testscript.Env) error {
	outer := os.Getenv("RELEASE_STORE")
	store, cache := filepath.Join(env.WorkDir, "store"), filepath.Join(env.WorkDir, "cache")
	workspacetest.CopyTree(w.t, outer, store, nil)
	err := w.serveSDK(outer)
	if err == nil {
		err = shareCache(os.Getenv("RELEASE_CACHE"), cache)
	}
	if err != nil {
		return err
	}
	// The network has the line's modules, those of the tools, and the SDKs.
	proxies := []string{w.proxy.URL(), "file://" + filepath.Join(outer, "goproxy"), "file://" + w.sdks}
	// Use what other tests have built.
	disk := cmp.Or(os.Getenv("RELEASE_DISK_CACHE"), filepath.Join(os.Getenv("RELEASE_CACHE"), "disk"))
	set := map[string]string{
		"RELEASE_CACHE": cache, "RELEASE_DISK_CACHE": disk, "RELEASE_STORE": store,
		"PATH": os.Getenv("PATH"), "GOPROXY": strings.Join(proxies, ","), "GOSUMDB": "off", "UNSET": "",
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
		"GIT_CONFIG_KEY_0": "url." + w.git.URL("") + ".insteadOf", "GIT_CONFIG_VALUE_0": "https://git.example/",
		"GIT_AUTHOR_NAME": "Release", "GIT_AUTHOR_EMAIL": "release@example.com",
		"GIT_COMMITTER_NAME": "Release", "GIT_COMMITTER_EMAIL": "release@example.com",
		"STORAGE_EMULATOR_HOST": w.bucket.URL, "REGISTRY": strings.TrimPrefix(w.registry.URL, "http://"),
		"STAGE": filepath.Join(env.WorkDir, "stage"), "PRODUCTION": filepath.Join(env.WorkDir, "production"),
		"RELEASE_LINE": "",
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		env.Setenv(name, set[name])
	}
	w.home(env.Setenv, env.WorkDir, "first")
	return nil
}

// shareCache makes a cache that has only the roots and the go command's cache of another one.
func shareCache(outer, cache string) error {
	shared, err := filepath.Glob(filepath.Join(outer, "bazel-7*"))
	if err == nil {
		err = os.MkdirAll(cache, 0o755)
	}
	for _, dir := range append(shared, filepath.Join(outer, "go-build")) {
		if info, e := os.Stat(dir); e == nil && info.IsDir() {
			err = errors.Join(err, os.Symlink(dir, filepath.Join(cache, filepath.Base(dir))))
		}
	}
	return err
}

// home makes a machine's own directories and sets their variables. It turns off the go
// command's telemetry, whose process may outlive the go command and write while the directory
// is removed.
func (w *world) home(setenv func(name, value string), work, name string) {
	setenv("HOME", filepath.Join(work, "machines", name))
	setenv("XDG_STATE_HOME", filepath.Join(work, "machines", name, "state"))
	telemetry := filepath.Join(work, "machines", name, ".config", "go", "telemetry")
	if err := errors.Join(os.MkdirAll(telemetry, 0o755), os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off"), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

// machine switches to another machine, with its own home directory.
func (w *world) machine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: machine NAME")
	}
	w.home(ts.Setenv, ts.Getenv("WORK"), args[0])
}

// clone NAME [FROM] clones the repository, or another clone, and changes to its directory.
func (w *world) clone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: clone NAME [FROM]")
	}
	from, dir := w.origin, filepath.Join(ts.Getenv("WORK"), args[0])
	if len(args) == 2 {
		from = filepath.Join(ts.Getenv("WORK"), args[1])
	}
	ts.Check(ts.Exec("git", "clone", "-q", from, dir))
	ts.Check(os.WriteFile(filepath.Join(dir, "user.bazelrc"), []byte("common --repo_env=RELEASE_LINE=demo --noshow_progress --color=no --curses=no\n"), 0o644))
	env := environ(ts)
	ts.Defer(func() {
		cmd := exec.Command(filepath.Join(dir, "tools", "bazel"), "shutdown")
		cmd.Dir, cmd.Env = dir, env // of the clone's machine
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Logf("bazel shutdown: %v\n%s", err, out)
		}
		if out, err := exec.Command("chmod", "-R", "u+w", ts.Getenv("WORK")).CombinedOutput(); err != nil {
			w.t.Logf("chmod: %v\n%s", err, out)
		}
	})
	ts.Check(ts.Chdir(dir))
}

// commit BRANCH TEXT adds a commit to a branch of the repository hello and sets COMMIT to its
// name.
func (w *world) commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit BRANCH TEXT")
	}
	at := time.Date(2026, 1, 5+len(w.commits), 12, 0, 0, 0, time.UTC)
	files := map[string]gittest.File{"text.txt": {Content: args[1] + "\n"}}
	name := w.git.Repo("hello").Commit(args[0], files, args[1], at)
	w.commits = append(w.commits, name)
	ts.Setenv("COMMIT", name)
}

// stalling lets requests that match the pattern wait without an answer.
func (w *world) stalling(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		pattern, stalled, over := w.pattern, w.stalled, w.over
		w.mu.Unlock()
		if pattern != nil && pattern.MatchString(r.Method+" "+r.URL.Path) {
			select {
			case stalled <- struct{}{}:
			default:
			}
			<-over
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	})
}

// stall METHOD PATH makes matching requests wait without an answer. Without a pattern, all
// requests do.
func (w *world) stall(ts *testscript.TestScript, neg bool, args []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over != nil {
		close(w.over)
	}
	w.pattern, w.stalled, w.over = nil, make(chan struct{}, 1), make(chan struct{})
	if len(args) > 0 {
		w.pattern = regexp.MustCompile(strings.Join(args, " "))
	}
}
