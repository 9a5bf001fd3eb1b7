package gomod

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// baseModules is a graph: top imports left, left imports Base; spare is required, but
// nothing imports it.
var baseModules = map[string]string{
	"example.com/left@v1.1.0/go.mod":    "module example.com/left\n\ngo 1.20\n\nrequire example.com/Base v1.0.0\n",
	"example.com/left@v1.1.0/left.go":   "package left\n\nimport _ \"example.com/Base\"\n",
	"example.com/left@v1.1.0/LICENSE":   "left's licence\n",
	"example.com/left@v1.1.0.time":      "2023-01-02T03:04:05.6+01:00",
	"example.com/Base@v1.0.0/base.go":   "package base\n",
	"example.com/spare@v0.1.0/go.mod":   "module example.com/spare\n",
	"example.com/spare@v0.1.0/spare.go": "package spare\n",
}

const topMod = "module example.com/top\n\ngo 1.20\n\nrequire (\n\texample.com/left v1.1.0\n\texample.com/spare v0.1.0\n)\n\nrequire example.com/Base v1.0.0 // indirect\n"

// world is a proxy on the loopback interface, and an empty store.
type world struct {
	proxy  *proxytest.Proxy
	server *proxytest.Server
	store  *store.Store
	goCmd  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, nil)
}

// newWorldWith makes a world with more modules.
func newWorldWith(t *testing.T, more map[string]string) *world {
	t.Helper()
	modules := maps.Clone(baseModules)
	maps.Copy(modules, more)
	p := proxytest.New(t, modules)
	w := &world{proxy: p, server: p.Serve(), goCmd: proxytest.GoCommand(t)}
	proxytest.Setenv(t, w.server.URL)
	var err error
	if w.store, err = store.Open(filepath.Join(t.TempDir(), "store")); err != nil {
		t.Fatal(err)
	}
	return w
}

// fresh returns a go command with an empty cache.
func (w *world) fresh(t *testing.T) *Go {
	t.Helper()
	return &Go{Command: w.goCmd, Store: w.store, Cache: filepath.Join(t.TempDir(), "modcache")}
}

func (w *world) offline(t *testing.T) *Go {
	t.Helper()
	g := w.fresh(t)
	g.Offline = true
	return g
}

// top makes the module that imports left, and returns its directory.
func (w *world) top(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string]string{
		"go.mod": topMod, "go.sum": w.proxy.GoSum(topMod),
		"top.go": "package top\n\nimport (\n\t_ \"example.com/left\"\n\t_ \"fmt\"\n)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// silent fails the test if the proxy was asked for anything.
func (w *world) silent(t *testing.T) {
	t.Helper()
	if asked := w.server.Requests(); len(asked) > 0 {
		t.Errorf("asked the proxy for %q, want nothing", asked)
	}
}

var wantError = errtest.Contain

// hintOf returns the hints of an error as a command prints them.
func hintOf(err error) string {
	var b bytes.Buffer
	cli.Fail(&b, "test", err)
	_, hint, _ := strings.Cut(b.String(), "hint: ")
	return strings.TrimSpace(hint)
}

func TestDownload(t *testing.T) {
	w := newWorld(t)
	want := module.Version{Path: "example.com/left", Version: "v1.1.0"}
	got, err := w.fresh(t).Download(t.Context(), want.Path, want.Version)
	if err != nil || got != want.Version {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	if len(w.server.Requests()) == 0 {
		t.Error("the proxy was not asked")
	}
	for _, ext := range []string{".info", ".mod", ".zip"} {
		if !w.store.HasModule(want, ext) {
			t.Errorf("the store lacks the %s", ext)
		}
	}
	for _, g := range []*Go{w.fresh(t), w.offline(t)} {
		if got, err = g.Download(t.Context(), want.Path, want.Version); err != nil || got != want.Version {
			t.Errorf("again: got %v, %v, want %v", got, err, want)
		}
	}
	w.silent(t)
}

func TestDownloadErrors(t *testing.T) {
	w := newWorld(t)
	_, err := w.fresh(t).Download(t.Context(), "example.com/none", "v1.0.0")
	wantError(t, err, "downloading module example.com/none@v1.0.0: go mod download -json example.com/none@v1.0.0: ", "404 Not Found", w.server.URL)
	w.server.Requests()

	_, err = w.offline(t).Download(t.Context(), "example.com/left", "v1.1.0")
	wantError(t, err, "downloading module example.com/left@v1.1.0: ", w.store.Dir(), "no such file")
	w.silent(t)

	t.Setenv("GOPROXY", "off")
	_, err = w.fresh(t).Download(t.Context(), "example.com/left", "v1.1.0")
	wantError(t, err, "downloading module example.com/left@v1.1.0: ", "module lookup disabled by GOPROXY=off")

	g := w.fresh(t)
	g.Command = filepath.Join(t.TempDir(), "no-go")
	_, err = g.Download(t.Context(), "example.com/left", "v1.1.0")
	wantError(t, err, "downloading module example.com/left@v1.1.0: ", "no such file")
}

// TestDownloadUserSettings: what a user has set for other work does not hold.
func TestDownloadUserSettings(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store.ImportModules(w.proxy.Dir); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GOFLAGS": "-modfile=/none/go.mod", "GO111MODULE": "off", "GOWORK": "/none/go.work", "GOPRIVATE": "*", "GONOPROXY": "*",
		"GOPROXY": "direct", "GOSUMDB": "sum.golang.org", "GOMODCACHE": "/none", "GOROOT": "/none", "GOTOOLCHAIN": "go1.99.0",
	} {
		t.Setenv(name, value)
	}
	if _, err := w.fresh(t).Download(t.Context(), "example.com/left", "v1.1.0"); err != nil {
		t.Error(err)
	}
}

func TestModulesNone(t *testing.T) {
	w := newWorld(t)
	if got, err := w.fresh(t).Modules(); len(got) != 0 || err != nil {
		t.Errorf("got %v, %v, want none", got, err)
	}
}

func TestComplaint(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, tt := range []struct{ stdout, stderr, want string }{
		{"", "", "exit status 1"},
		{"", "go: downloading example.com/a v1.0.0\n\n", "exit status 1"},
		{"", "go: downloading example.com/a v1.0.0\ngo: first\n\n\tsecond\n", "go: first\n        second"},
		{`{"Path": "example.com/a", "Error": "not found"}`, "go: downloading example.com/a v1.0.0\n", "not found"},
		{`{"Path": "example.com/a"}`, "go: on stderr\n", "go: on stderr"},
		{"no JSON", "go: on stderr\n", "go: on stderr"},
	} {
		if got := complaint([]byte(tt.stdout), tt.stderr, failed); got != tt.want {
			t.Errorf("%q and %q: got %q, want %q", tt.stdout, tt.stderr, got, tt.want)
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.server.OnRequest(func(r *http.Request) {
		cancel()
		<-r.Context().Done() // the go command has gone
	})
	_, err := w.fresh(t).Download(ctx, "example.com/left", "v1.1.0")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(w.store.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store: got %v, want that there is none", err)
	}
}
