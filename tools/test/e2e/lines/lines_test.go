// Package lines_test builds a line as its owner does: it pins sources on local servers and
// builds them with its own Bazel, in a copy of the workspace and with a copy of the store. It
// uses only the loopback interface.
//
// `tools/bazel test //tools/test/e2e/lines:all` runs it, outside of the sandbox.
package lines_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
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
	*workspacetest.Workspace
	t        *testing.T
	git      *gittest.Server
	registry *httptest.Server
	web      *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	workspace := workspacetest.New(t, "LINES_WORKSPACE", "demo")
	gittest.Env(t) // after Bazel got its environment
	w := &world{
		Workspace: workspace,
		t:         t, git: gittest.New(t),
		registry: httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)))),
		web: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "this is %s\n", r.URL.Path)
		})),
	}
	t.Cleanup(w.registry.Close)
	t.Cleanup(w.web.Close)
	return w
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
	files["samples/deep/start.sh"] = gittest.File{Content: "#!/bin/sh\necho started\n", Exec: true}
	files["samples/linked.sh"] = gittest.File{Link: "deep/start.sh"}
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
		w.Write(f.Name, address.Replace(string(f.Data)))
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

func (w *world) lockName() string { return filepath.Join(w.Dir, "manifests", "demo", "lock.json") }

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
