package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

// world is a small store, a lock that it serves, and what the tools are built from.
type world struct {
	t     *testing.T
	store *store.Store
	lock  *lock.Lock
	tools []lock.GoModule
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "the store"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s}
	sdk := w.blob("the Go SDK")
	w.lock = &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1.0.0", Product: "demo", Time: time.Unix(1e9, 0).UTC(),
		Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {SHA256: sdk}}}},
		Dependencies: []lock.Dependency{
			{Name: "age", Primary: true, Module: &lock.Module{Path: "example.com/Age", Version: "v1.3.2"}},
			{Name: "tree", Git: &lock.Git{URL: "test://tree", Commit: strings.Repeat("a", 40)}, Digest: string(w.blob("the tar of tree"))},
		},
		Images: []lock.Image{w.image("app")},
		Files:  []lock.File{{Name: "tool", Platform: "linux-amd64", URL: "test://tool", Digest: w.blob("a tool")}},
	}
	age := w.module("example.com/Age", "v1.3.2")
	w.lock.Dependencies[0].Digest = age.Sum
	lib, old := w.module("example.com/lib", "v0.1.0"), w.module("example.com/old", "v0.0.1")
	old.Sum = "" // only its go.mod is read
	w.lock.Dependencies[0].GoModules = []lock.GoModule{lib, old}
	w.lock.Dependencies[1].GoModules = []lock.GoModule{lib}
	w.tools = []lock.GoModule{w.module("example.com/rules", "v0.65.0")}
	w.blob("what nobody needs")
	w.module("example.com/unused", "v1.0.0")
	w.lock.Seal()
	return w
}

func (w *world) blob(text string) digest.Digest {
	w.t.Helper()
	v, err := storetest.Blob(w.store, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// module puts a module into the store, as a proxy has it.
func (w *world) module(path, version string) lock.GoModule {
	w.t.Helper()
	v, err := storetest.Module(w.store, path, version)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// image puts a base image for one platform into the store.
func (w *world) image(name string) lock.Image {
	w.t.Helper()
	v, err := storetest.Image(w.store, name, "layer of "+name)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// line returns a line of that lock.
func (w *world) line(name string, l *lock.Lock) needs.Line {
	w.t.Helper()
	data, err := jsonfile.Marshal(l)
	if err != nil {
		w.t.Fatal(err)
	}
	return needs.Line{Name: name, Lock: l, Digest: digest.FromBytes(data)}
}

// root makes a small root directory.
func (w *world) root() string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "bazel-7.7.1-0123456789abcdef")
	for name, text := range map[string]string{
		"etc/hosts": "", "etc/shadow": "secret", "usr/bin/bwrap": "#!/bin/sh\n", "usr/share/doc/a": "doc\n", "dev/null": "x", "var/lib/x": "x", "usr/local/y": "y",
		"etc/" + strings.Repeat("long/", 60) + "Főtanúsítvány.pem": "a long name",
		PackagesName: "{}\n",
	} {
		mode := os.FileMode(0o644)
		if strings.Contains(name, "/bin/") {
			mode = 0o755
		}
		if name == "etc/shadow" {
			mode = 0o600
		}
		w.write(filepath.Join(dir, filepath.FromSlash(name)), text, mode)
	}
	for _, err := range []error{
		os.Link(filepath.Join(dir, "usr/bin/bwrap"), filepath.Join(dir, "usr/bin/zwrap")),
		os.Symlink("usr/bin", filepath.Join(dir, "bin")), os.Symlink("../bin/bwrap", filepath.Join(dir, "usr/share/wrap")),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return dir
}

func (w *world) write(name, text string, mode os.FileMode) {
	w.t.Helper()
	for _, err := range []error{os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600), os.Chmod(name, mode)} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) args(out string) Args {
	return Args{Out: out, Store: w.store, Lines: []needs.Line{w.line("demo", w.lock)}, Tools: w.tools, Platforms: []string{"linux_amd64"}}
}

// pack packs, and returns the bundle's path.
func (w *world) pack(alter func(*Args)) (string, *Result) {
	w.t.Helper()
	a := w.args(filepath.Join(w.t.TempDir(), "b.tar"))
	if alter != nil {
		alter(&a)
	}
	r, err := Pack(w.t.Context(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Out, r
}

// describe returns a line for each entry: its path and uses.
func describe(x *Index) string {
	var b strings.Builder
	for _, e := range x.Entries {
		fmt.Fprintf(&b, "%s %v\n", e.Path, e.For)
	}
	return b.String()
}
