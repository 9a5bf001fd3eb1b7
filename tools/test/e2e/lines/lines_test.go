// Package lines_test builds a line as its owner does: it pins sources on local servers and
// builds them with its own Bazel, in a copy of the workspace and with a copy of the store. It
// uses only the loopback interface.
//
// `tools/bazel test //tools/test/e2e/lines:all` runs it, outside of the sandbox.
package lines_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// world is a workspace with a line, the servers of its sources, and the Bazel that builds it.
type world struct {
	t        *testing.T
	dir      string // the workspace
	store    string
	base     string // Bazel's output base
	git      *gittest.Server
	registry *httptest.Server
	web      *httptest.Server
	environ  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	// Bazel would use this directory, which belongs to the outer Bazel.
	environ := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "TEST_TMPDIR=") })
	gittest.Env(t)
	scratch := t.TempDir()
	w := &world{
		t: t, dir: filepath.Join(scratch, "workspace"), store: filepath.Join(scratch, "store"), base: filepath.Join(scratch, "base"),
		git:      gittest.New(t),
		registry: httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)))),
		web: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "this is %s\n", r.URL.Path)
		})),
	}
	t.Cleanup(w.registry.Close)
	t.Cleanup(w.web.Close)
	// Everything but the line's own sources is in the store already.
	w.environ = append(environ, "RELEASE_STORE="+w.store, "GOPROXY=off", "GOSUMDB=off", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	workspacetest.Copy(t, workspacetest.Find(t, "LINES_WORKSPACE"), w.dir)
	workspacetest.CopyTree(t, os.Getenv("RELEASE_STORE"), w.store, nil)
	t.Cleanup(w.stop)
	return w
}

// bazel runs a Bazel command for the line and returns its output.
func (w *world) bazel(command string, args ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Minute)
	defer cancel()
	args = append([]string{"--output_base=" + w.base, command, "--repo_env=RELEASE_LINE=demo", "--color=no", "--curses=no"}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(w.dir, "tools", "bazel"), args...)
	cmd.Dir, cmd.Env = w.dir, w.environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	w.t.Logf("bazel %s: %.1f s", strings.Join(args[1:2], " "), time.Since(start).Seconds())
	return out.String(), err
}

func (w *world) mustBazel(command string, args ...string) string {
	w.t.Helper()
	out, err := w.bazel(command, args...)
	if err != nil {
		w.t.Fatalf("bazel %s %q: %v\n%s", command, args, err, out)
	}
	return out
}

// stop stops the Bazel server and makes the fetched files deletable.
func (w *world) stop() {
	cmd := exec.Command(filepath.Join(w.dir, "tools", "bazel"), "--output_base="+w.base, "shutdown")
	cmd.Dir, cmd.Env = w.dir, w.environ
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Logf("bazel shutdown: %v: %s", err, out)
	}
	if out, err := exec.Command("chmod", "-R", "u+w", w.base).CombinedOutput(); err != nil {
		w.t.Logf("chmod: %v: %s", err, out)
	}
}

// plantLine writes the line and returns the commit of its source.
func (w *world) plantLine() (commit string) {
	w.t.Helper()
	files := map[string]gittest.File{}
	for _, f := range archive(w.t, "source.txtar").Files {
		files[f.Name] = gittest.File{Content: string(f.Data)}
	}
	// The go command embeds this name. It refuses the same name in decomposed form.
	files["cmd/hello/web/\u00e9.txt"] = gittest.File{Content: "composed"}
	files["run.sh"] = gittest.File{Content: "#!/bin/sh\n", Exec: true}
	commit = w.git.Repo("src").Commit("main", files, "first", time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
	w.writeArchive("line.txtar")
	return commit
}

// writeArchive writes the files of an archive into the workspace.
func (w *world) writeArchive(name string) {
	w.t.Helper()
	address := strings.NewReplacer(
		"{git}", strings.TrimSuffix(w.git.URL(""), "/"),
		"{registry}", strings.TrimPrefix(w.registry.URL, "http://"), "{web}", w.web.URL)
	for _, f := range archive(w.t, name).Files {
		at := filepath.Join(w.dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(address.Replace(string(f.Data))), 0o644)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func archive(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) lockName() string { return filepath.Join(w.dir, "manifests", "demo", "lock.json") }

func (w *world) lock() *lock.Lock {
	w.t.Helper()
	l, err := lock.Read(w.lockName())
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// refuse rejects every request.
func refuse(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
}
