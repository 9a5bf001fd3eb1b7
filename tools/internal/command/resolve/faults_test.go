package resolve

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

var (
	wholeFaults  = flag.Bool("whole", false, "let every request of a resolve fail in every way, not only a sample")
	sampleFaults = flag.Int("sample", 24, "the number of cases of a sample")
)

// hangs is the time after which a resolve counts as one that hangs.
const hangs = 4 * time.Minute

// faultWorld has a server of each kind that resolve reads, with a fault layer in front of all.
type faultWorld struct {
	t     *testing.T
	layer *faulttest.Layer
	proxy *proxytest.Server
	text  string // of the manifest
	goCmd string
}

func newFaultWorld(t *testing.T) *faultWorld {
	w := &faultWorld{t: t, layer: faulttest.New(), proxy: proxytest.New(t, proxytest.Txtar(t, modulesFile)).Serve(), goCmd: proxytest.GoCommand(t)}
	git := gittest.New(t)
	lib := git.Repo("lib").Commit("main", map[string]gittest.File{"go.mod": {Content: "module example.com/tool\n\ngo 1.24\n"}, "a.go": {Content: "package tool\n"}}, "first\n", commitTime)
	git.Repo("app").Commit("main", map[string]gittest.File{
		"go.mod":       {Content: "module example.com/product\n\ngo 1.24\n\nrequire example.com/base v1.0.0\n"},
		"a.go":         {Content: "package product\n\nimport _ \"example.com/base\"\n"},
		"product.deps": {Content: deps("tool", lib)},
	}, "first\n", commitTime)
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			w.layer.Handler("registry", images).ServeHTTP(rw, r)
			return
		}
		w.layer.Handler("files", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, r.URL.Path) })).ServeHTTP(rw, r)
	}))
	t.Cleanup(web.Close)
	host := strings.TrimPrefix(web.URL, "http://")
	(&mirrors{gitWorld: &gitWorld{t: t}}).pushBase(host + "/base:1")
	trap := httptest.NewServer(w.layer.Trapped())
	t.Cleanup(trap.Close)
	w.layer.Trap = trap.URL
	w.proxy.Handle(func(next http.Handler) http.Handler { return w.layer.Handler("proxy", next) })
	git.Handle(func(next http.Handler) http.Handler { return w.layer.Handler("git", next) })
	w.text = strings.NewReplacer("SERVER", strings.TrimSuffix(git.URL(""), "/"), "HOST", host, "WEB", web.URL).Replace(`
version: 1.0.0
platforms: [linux-amd64]
architectures: [linux/amd64, linux/arm64]
dependencies:
  product: {git: "SERVER/app", branch: main}
  tool: {git: "SERVER/lib", auto: deps}
  app: {module: example.com/app, version: v1.0.0}
images: {app: {base: "HOST/base:1"}}
files: {tool: {url: "WEB/tool"}}
`)
	return w
}

// A workspace is the place of one case: a workspace, and a store.
type workspace struct {
	dir    string
	env    []string
	prefix []string // the command that runs resolve; none for itself
}

func (w *faultWorld) workspace() *workspace {
	s := &workspace{dir: w.t.TempDir()}
	proxytest.Plant(w.t, filepath.Join(s.dir, "ws"), proxytest.Txtar(w.t, workspaceFile))
	proxytest.Plant(w.t, filepath.Join(s.dir, "ws"), map[string]string{"manifests/demo/manifest.yaml": w.text})
	s.env = os.Environ()
	environ := proxytest.Environ(filepath.Join(s.dir, "cache"), w.proxy.URL)
	environ["HOME"], environ["TMPDIR"] = filepath.Join(s.dir, "home"), filepath.Join(s.dir, "tmp")
	for _, name := range []string{"home", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	for name, value := range environ {
		s.env = append(s.env, name+"="+value)
	}
	return s
}

// resolve runs the command as a process of its own.
func (w *faultWorld) resolve(s *workspace) (output string, err error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), hangs)
	defer cancel()
	args := append(s.prefix[:len(s.prefix):len(s.prefix)], "resolve", "--root", filepath.Join(s.dir, "ws"), "--line", "demo", "--store", filepath.Join(s.dir, "store"), "--go", w.goCmd)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // the go command that it has started may live longer
	err = w.layer.Run(cmd)
	return out.String(), errors.Join(err, context.Cause(ctx))
}

// files returns the content of the lock and of the store.
func (s *workspace) files(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, root := range []string{"ws/manifests", "store"} {
		err := filepath.WalkDir(filepath.Join(s.dir, root), func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			rel, _ := filepath.Rel(s.dir, name)
			all[filepath.ToSlash(rel)] = string(data)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	return all
}

// temporary matches the names of files that gc removes.
var temporary = regexp.MustCompile(`^\.(.+\.)?tmp-[0-9]+$`)

const lockFile = "ws/manifests/demo/lock.json"

// TestFaults lets requests of a resolve fail, one at a time. Then there is no lock, or the
// right one. Another resolve makes the lock and the store that there are without any fault.
func TestFaults(t *testing.T) {
	gittest.Env(t)
	w := newFaultWorld(t)
	w.reference(t)
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
	jobs := make(chan trial)
	go func() {
		defer close(jobs)
		for _, k := range all {
			jobs <- k
		}
	}()
	var group sync.WaitGroup
	var mu sync.Mutex
	results := map[string]int{}
	for range 6 {
		group.Go(func() {
			t.Run("world", func(t *testing.T) {
				w := newFaultWorld(t)
				want := w.reference(t)
				for k := range jobs {
					w.layer.Begin("", k.request, k.fault)
					result, err := w.try(t, want, k.fault)
					if err != nil {
						t.Errorf("%s: %s: %v", k.request, k.fault, err)
					}
					mu.Lock()
					results[result]++
					mu.Unlock()
				}
			})
		})
	}
	group.Wait()
	t.Logf("%d cases: %v", len(all), results)
}

// reference returns what there is without a fault.
func (w *faultWorld) reference(t *testing.T) map[string]string {
	w.layer.Begin("", "", "")
	s := w.workspace()
	if out, err := w.resolve(s); err != nil {
		t.Fatalf("without a fault: %v\n%s", err, out)
	}
	return s.files(t)
}

// try resolves with the fault, and again without. It returns how the first resolve ended.
// A process that was killed leaves the file that it was writing, under a name that gc knows.
func (w *faultWorld) try(t *testing.T, want map[string]string, fault faulttest.Fault) (result string, err error) {
	s := w.workspace()
	defer os.RemoveAll(s.dir) //nolint:errcheck // the test's own cleanup tries again
	return w.again(t, s, want, fault.Kills())
}

// again checks what a resolve left, and what another one makes of it.
func (w *faultWorld) again(t *testing.T, s *workspace, want map[string]string, killed bool) (result string, err error) {
	began := time.Now()
	out, failed := w.resolve(s)
	traced := s.prefix != nil
	s.prefix = nil
	switch {
	case errors.Is(failed, context.DeadlineExceeded):
		return "hangs", fmt.Errorf("it hangs:\n%s", out)
	case !traced && !w.layer.Hit():
		result = "not met"
	case failed == nil:
		result = "survived"
	default:
		result = "failed"
	}
	if took := time.Since(began).Round(time.Second); took > 30*time.Second {
		t.Logf("%s after %s", result, took)
	}
	if lock, ok := s.files(t)[lockFile]; ok && lock != want[lockFile] {
		return result, errors.New("the lock is not whole")
	}
	w.layer.Begin("", "", "")
	if again, err := w.resolve(s); err != nil {
		return result, fmt.Errorf("first %w\n%s\nthen %w\n%s", failed, out, err, again)
	}
	got := s.files(t)
	for name := range got {
		unfinished := killed && temporary.MatchString(path.Base(name))
		if _, ok := want[name]; !ok && strings.HasPrefix(name, "store/") && !strings.Contains(name, "/tmp") && !unfinished {
			err = errors.Join(err, fmt.Errorf("%s is left", name))
		}
	}
	for name, content := range want {
		// The go command does without the .info of a module, and then the store has none.
		if have, ok := got[name]; have != content && (ok || !strings.HasSuffix(name, ".info")) {
			err = errors.Join(err, fmt.Errorf("%s differs", name))
		}
	}
	return result, err
}
