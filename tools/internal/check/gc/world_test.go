package gc

import (
	"crypto/md5"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

// world is a machine: a checkout with the line demo, and a store that has what it needs and
// what another line, next, does.
type world struct {
	t     *testing.T
	dir   string
	store *store.Store
	demo  *lock.Lock // in the checkout
	next  *lock.Lock // in no checkout
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	var err error
	if w.store, err = store.Open(filepath.Join(w.dir, "cache", "store")); err != nil {
		t.Fatal(err)
	}
	w.demo, w.next = w.lockOf("demo", "1.0.0"), w.lockOf("next", "2.0.0")
	w.json("ws/manifests/demo/lock.json", w.demo)
	w.write("ws/go.sum", "")
	w.write("ws/.bazelversion", "7.7.1\n")
	w.age(".")
	return w
}

// lockOf puts what a line needs into the store, and returns its lock. All lines share a
// module, a layer and the SDK.
func (w *world) lockOf(name, version string) *lock.Lock {
	w.t.Helper()
	app, lib := w.module("example.com/"+name, "v"+version), w.module("example.com/lib", "v0.1.0")
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: version, Product: name, Time: time.Unix(1e9, 0).UTC(),
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"},
		Toolchain: lock.Toolchain{
			Bazel: "7.7.1", RulesGo: w.module("example.com/rules", "v0.65.0"),
			Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {Sum: "h1:sdk", SHA256: w.blob("the Go SDK")}}},
		},
		Dependencies: []lock.Dependency{
			{Name: "app", Primary: true, Module: &lock.Module{Path: app.Path, Version: app.Version}, Digest: app.Sum, Time: time.Unix(1e9, 0).UTC(), GoModules: []lock.GoModule{lib}},
			{Name: "tree", Git: &lock.Git{URL: "https://git.example/" + name, Commit: strings.Repeat("a", 40)}, Digest: string(w.blob("the tar of " + name)), Time: time.Unix(1e9, 0).UTC()},
		},
		Files: []lock.File{{Name: "tool", URL: "https://files.example/" + name, Digest: w.blob("a tool of " + name), Size: 10}},
	}
	img, err := storetest.Image(w.store, "app", "a layer that lines share", "a layer of "+name)
	if err != nil {
		w.t.Fatal(err)
	}
	l.Images = []lock.Image{img}
	l.Seal()
	return l
}

func (w *world) blob(text string) digest.Digest {
	w.t.Helper()
	d, err := storetest.Blob(w.store, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) module(path, version string) lock.GoModule {
	w.t.Helper()
	m, err := storetest.Module(w.store, path, version)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) json(name string, v any) {
	w.t.Helper()
	data, err := jsonfile.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name, string(data))
}

// age makes everything below a directory, but for links, two days old.
func (w *world) age(name string) {
	w.t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	if err := filepath.WalkDir(w.path(name), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(name, old, old)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// base makes an output base for a workspace and returns its name.
func (w *world) base(workspace string) string {
	w.t.Helper()
	sum := md5.Sum([]byte(workspace))
	name := hex.EncodeToString(sum[:])
	w.write("bases/"+name+"/"+workspaceFile, workspace)
	w.write("bases/"+name+"/execroot/out", "an output")
	w.age("bases/" + name)
	return name
}

// args are those of a gc in the checkout.
func (w *world) args() Args {
	w.t.Helper()
	a := Args{
		Keep: &Keep{}, Store: w.store.Dir(), Cache: w.path("cache"), Disk: w.path("cache/disk"), OutputBases: w.path("bases"), State: w.path("state"),
		DiskSize: -1, Now: time.Now(), MinAge: 24 * time.Hour,
	}
	if _, err := a.Keep.AddCheckout(w.path("ws")); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// collect plans and removes.
func (w *world) collect(a Args) *Plan {
	w.t.Helper()
	p, err := New(w.t.Context(), a)
	if err == nil {
		err = p.Remove(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// files lists all files and links below a directory, sorted.
func (w *world) files(dir string) []string {
	w.t.Helper()
	var list []string
	if err := filepath.WalkDir(w.path(dir), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(w.dir, name)
		list = append(list, filepath.ToSlash(rel))
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func (w *world) exists(name string) bool {
	_, err := os.Lstat(w.path(name))
	return err == nil
}

// git runs git in the checkout.
func (w *world) git(args ...string) {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", w.path("ws"), "-c", "user.name=me", "-c", "user.email=me@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// goes lists what goes by a plan, as SECTION/PATH.
func goes(p *Plan) []string {
	var list []string
	for _, s := range p.Sections {
		for _, it := range s.Goes {
			list = append(list, s.Name+": "+it.Path)
		}
	}
	return list
}
