package gomod

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// unwell serves the proxy's files but for one.
func (w *world) unwell(t *testing.T, name string, answer http.HandlerFunc) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == name {
			answer(rw, r)
			return
		}
		http.FileServer(http.Dir(w.proxy.Dir)).ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("GOPROXY", s.URL)
}

// TestListUnread: what no proxy has, a package lacks. What could not be read for now
// fails everything, or the next run would list something else.
func TestListUnread(t *testing.T) {
	hangUp := func(rw http.ResponseWriter, _ *http.Request) {
		c, _, err := rw.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		fails  string
		lacks  string
	}{
		{"not found", http.NotFound, "", "404 Not Found"},
		{"gone", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "gone", http.StatusGone) }, "", "410 Gone"},
		{"server error", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "busy", http.StatusServiceUnavailable) }, "503 Service Unavailable", ""},
		{"forbidden", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "who?", http.StatusForbidden) }, "403 Forbidden", ""},
		{"no answer", hangUp, "EOF", ""},
		{"half an answer", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "100000")
			_, _ = rw.Write([]byte("PK"))
		}, "EOF", ""},
		{"no zip", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("PK")) }, "not a valid zip file", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.unwell(t, "/example.com/left/@v/v1.1.0.zip", tt.answer)
			dir := w.top(t)
			proxytest.Plant(t, dir, map[string]string{"good/good.go": "package good\n\nimport _ \"example.com/spare\"\n"})
			l, err := w.fresh(t).List(t.Context(), dir, nil, false)
			if tt.fails != "" {
				wantError(t, err, "listing packages: package example.com/", tt.fails)
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("got %q, want one line", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var lacking []string
			for _, p := range l["linux_amd64"] {
				if p.Error != nil {
					lacking = append(lacking, p.ImportPath+": "+p.Error.Err)
				}
			}
			if len(lacking) != 1 || !strings.Contains(lacking[0], "example.com/left") || !strings.Contains(lacking[0], tt.lacks) {
				t.Errorf("got %q, want that left is %s", lacking, tt.lacks)
			}
			if p := find(l, "linux_amd64", "example.com/top/good"); p.Dir == "" || p.Incomplete {
				t.Errorf("got %+v, want that good can be built", p)
			}
		})
	}
}

// TestListNoProxy: the lock of a source would lose what the store has lost.
func TestListNoProxy(t *testing.T) {
	w := newWorld(t)
	t.Setenv("GOPROXY", "off")
	dir := w.top(t)
	proxytest.Plant(t, dir, map[string]string{"good/good.go": "package good\n"})
	_, err := w.fresh(t).List(t.Context(), dir, nil, false)
	wantError(t, err, "listing packages: package example.com/left: module lookup disabled by GOPROXY=off")
}

func TestListErrors(t *testing.T) {
	w := newWorld(t)
	_, err := w.offline(t).List(t.Context(), w.top(t), nil, false)
	wantError(t, err, "listing packages: ", "example.com/", "no such file")
	w.silent(t)

	dir := w.top(t)
	if err := os.Remove(filepath.Join(dir, "go.sum")); err != nil {
		t.Fatal(err)
	}
	own := w.fresh(t)
	own.OwnSums = true
	_, err = own.List(t.Context(), dir, nil, false)
	wantError(t, err, "listing packages: package example.com/left: ", "missing go.sum entry")
	if strings.Contains(err.Error(), "downloading") || strings.Contains(err.Error(), "\n") || !strings.Contains(hintOf(err), "run go mod tidy there") {
		t.Errorf("got %q with hint %q, want one line without progress and a hint", err, hintOf(err))
	}

	_, err = w.fresh(t).List(t.Context(), t.TempDir(), nil, false)
	wantError(t, err, "listing packages: package ./...: pattern ./...: directory prefix . does not contain main module")

	proxytest.Plant(t, dir, map[string]string{"go.mod": "module example.com/top\n\ngo 1.99\n"})
	_, err = w.fresh(t).List(t.Context(), dir, nil, true)
	wantError(t, err, "listing packages: ", "go.mod requires go >= 1.99")
	if !strings.Contains(hintOf(err), "pin a later one") {
		t.Errorf("got hint %q, want that a later SDK is to be pinned", hintOf(err))
	}
}

// TestListVendored: the vendor directory that came along is read if it is the go.mod's,
// and the proxy is not. Otherwise, and for a module that is installed, it does not count.
func TestListVendored(t *testing.T) {
	const cameAlong, indirect = "package left // came along\n", "# example.com/Base v1.0.0\n## explicit\n# example.com/spare v0.1.0\n## explicit\n"
	for _, tt := range []struct {
		name, goMod, modules string
		installed, used      bool
	}{
		{name: "the go.mod's own", goMod: topMod, modules: "# example.com/left v1.1.0\n## explicit; go 1.20\nexample.com/left\n" + indirect, used: true},
		{name: "installed", goMod: topMod, modules: "# example.com/left v1.1.0\n## explicit; go 1.20\nexample.com/left\n" + indirect, installed: true},
		{name: "of another version", goMod: topMod, modules: "# example.com/left v1.0.0\n## explicit; go 1.20\nexample.com/left\n" + indirect},
		{name: "of a workspace", goMod: topMod, modules: "## workspace\n# example.com/left v1.1.0\n## explicit; go 1.20\nexample.com/left\n" + indirect},
		{name: "without a list", goMod: topMod},
		{name: "before 1.14", goMod: strings.Replace(topMod, "go 1.20", "go 1.13", 1), modules: "# example.com/left v1.1.0\n## explicit; go 1.20\nexample.com/left\n" + indirect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			dir := w.top(t)
			proxytest.Plant(t, dir, map[string]string{"go.mod": tt.goMod, "vendor/example.com/left/left.go": cameAlong})
			if tt.modules != "" {
				proxytest.Plant(t, dir, map[string]string{"vendor/modules.txt": tt.modules})
			}
			g := w.fresh(t)
			p := find(list(t, g, dir, nil, tt.installed), "linux_arm", "example.com/left")
			wantDir := filepath.Join(g.Cache, "example.com", "left@v1.1.0")
			if tt.used {
				wantDir = filepath.Join(dir, "vendor", "example.com", "left")
			}
			if p.Dir != wantDir || p.Error != nil || p.Module.Version != "v1.1.0" || p.Module.GoVersion != "1.20" {
				t.Errorf("got %+v, %+v, want it in %s", p, p.Module, wantDir)
			}
			if asked := w.server.Requests(); (len(asked) == 0) != tt.used {
				t.Errorf("asked the proxy for %q", asked)
			}
			if data, err := os.ReadFile(filepath.Join(dir, "vendor", "example.com", "left", "left.go")); string(data) != cameAlong || err != nil {
				t.Errorf("got %q, %v, want that listing changes nothing", data, err)
			}
		})
	}
}

// TestAltered: a module that is not what go.sum says is refused, wherever it comes from,
// and whatever else can be built; what comes from the network is not kept.
func TestAltered(t *testing.T) {
	w := newWorld(t)
	list(t, w.fresh(t), w.top(t), nil, false)
	left := module.Version{Path: "example.com/left", Version: "v1.1.0"}
	stored, err := w.store.ModuleFile(left, ".zip")
	if err != nil {
		t.Fatal(err)
	}
	if err := proxytest.Alter(stored); err != nil {
		t.Fatal(err)
	}
	want := w.proxy.Module("example.com/left@v1.1.0").Sum
	dir := w.top(t)
	proxytest.Plant(t, dir, map[string]string{"good/good.go": "package good\n"})
	refused := func(g *Go) {
		t.Helper()
		_, err := g.List(t.Context(), dir, nil, false)
		wantError(t, err, "listing packages: go list -e -deps ", "verifying example.com/left@v1.1.0: checksum mismatch", "go.sum:", want)
	}
	refused(w.fresh(t))
	refused(w.offline(t))

	served, err := proxytest.File(w.proxy.Dir, "example.com/left@v1.1.0", ".zip")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(stored), proxytest.Alter(served)); err != nil {
		t.Fatal(err)
	}
	refused(w.fresh(t))
	if w.store.HasModule(left, ".zip") {
		t.Error("the store has kept what was refused")
	}
}

func TestIsPassing(t *testing.T) {
	for text, want := range map[string]bool{
		`example.com/a@v1.0.0: read "https://example.com/a/@v/v1.0.0.zip": unexpected EOF`:                                      true,
		"example.com/a@v1.0.0: zip: not a valid zip file":                                                                       true,
		"example.com/a@v1.0.0: git ls-remote: exit status 128":                                                                  true,
		"no required module provides package example.com/a":                                                                     false,
		"verifying example.com/a@v1.0.0: checksum mismatch":                                                                     true,
		"example.com/a@v1.0.0: verifying module: SECURITY ERROR":                                                                true,
		`a.go:1:2: example.com/a@v1.0.0: Get "https://example.com/a/@v/v1.0.0.zip": dial tcp: lookup example.com: no such host`: true,
		"example.com/a@v1.0.0: reading https://example.com/a/@v/v1.0.0.zip: 404 Not Found":                                      false,
		`example.com/a@v1.0.0: reading file:///store/a/@v/v1.0.0.zip: no such file or directory`:                                false,
	} {
		p := &Package{Error: &struct{ Err string }{text}}
		if got := isPassing(p); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if isPassing(&Package{Dir: "/a", Error: &struct{ Err string }{"build constraints exclude all Go files in /a"}}) {
		t.Error("a package that is there: got true, want false")
	}
}
