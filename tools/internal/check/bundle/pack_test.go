package bundle

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
)

// TestPack checks what is in a bundle, and that it unpacks to a store.
func TestPack(t *testing.T) {
	w := newWorld(t)
	root := w.root()
	archives := []workspacefile.Archive{{Name: "release_builder", File: "MODULE.bazel", Digest: w.blob("an archive")}}
	name, r := w.pack(func(a *Args) { a.Root, a.Archives = root, archives })
	got := regexp.MustCompile(`sha256/[0-9a-f]{64}`).ReplaceAllString(describe(r.Index), "sha256/…")
	want := `content_addressable/sha256/…/file [line demo, file tool linux-amd64]
content_addressable/sha256/…/file [line demo, toolchain go1.26.8 linux_amd64]
content_addressable/sha256/…/file [archive release_builder]
content_addressable/sha256/…/file [line demo, dependency tree]
goproxy/example.com/!age/@v/v1.3.2.zip [line demo, dependency age]
goproxy/example.com/lib/@v/v0.1.0.mod [line demo, dependency age line demo, dependency tree]
goproxy/example.com/lib/@v/v0.1.0.zip [line demo, dependency age line demo, dependency tree]
goproxy/example.com/old/@v/v0.0.1.mod [line demo, dependency age]
goproxy/example.com/rules/@v/v0.65.0.mod [tools example.com/rules]
goproxy/example.com/rules/@v/v0.65.0.zip [tools example.com/rules]
oci/blobs/sha256/… [line demo, image app]
oci/blobs/sha256/… [line demo, image app]
oci/blobs/sha256/… [line demo, image app]
oci/index.json [line demo, image app]
oci/oci-layout [line demo, image app]
root/bazel-7.7.1-0123456789abcdef.packages.json [root bazel-7.7.1-0123456789abcdef]
root/bazel-7.7.1-0123456789abcdef.tar [root bazel-7.7.1-0123456789abcdef]
root/bazel-7.7.1-0123456789abcdef.tar.sha256 [root bazel-7.7.1-0123456789abcdef]
`
	if got != want {
		t.Errorf("entries: got\n%swant\n%s", got, want)
	}
	lines, err := archivetest.ListFile(name) // an independent reader
	if err != nil || len(lines) != len(r.Index.Entries)+1 {
		t.Fatalf("listing: got %d entries, %v, want %d", len(lines), err, len(r.Index.Entries)+1)
	}
	for _, line := range lines {
		if !regexp.MustCompile(`^-rw-r--r-- 0:0 +\d+ 1980-01-01`).MatchString(line) {
			t.Errorf("got %q, want mode 0644, owner 0:0, 1980-01-01", line)
		}
	}

	// The system's tar and sha256sum need to know nothing.
	dir := t.TempDir()
	for _, args := range [][]string{{"tar", "-xf", name, "-C", dir}, {"sh", "-c", "cd '" + dir + "/root' && sha256sum -c *.sha256"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	unpacked, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := baseimage.Layout(t.Context(), unpacked, &w.lock.Images[0], filepath.Join(t.TempDir(), "layout")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(name); err != nil || info.Size() != r.Size || info.Mode().Perm() != 0o644 {
		t.Errorf("bundle: got %v, %v, want %d bytes, mode 0644", info, err, r.Size)
	}
	again, _ := w.pack(func(a *Args) { a.Root, a.Archives = root, archives })
	sameFiles(t, name, again)
	if _, err := Verify(t.Context(), name); err != nil {
		t.Error(err)
	}
	if err := Deep(t.Context(), name, r.Index); err != nil {
		t.Error(err)
	}
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err := errors.Join(err, err2); err != nil || !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ: %v", a, b, err)
	}
}

// TestSeveralLines packs what two lines share once, whatever their order.
func TestSeveralLines(t *testing.T) {
	w := newWorld(t)
	other := *w.lock
	other.Version, other.Dependencies = "2.0.0", w.lock.Dependencies[:1]
	other.Images = []lock.Image{w.image("web")}
	a, b := w.line("a", &other), w.line("demo", w.lock)
	one, r := w.pack(func(args *Args) { args.Lines = []needs.Line{a, b} })
	two, _ := w.pack(func(args *Args) {
		args.Lines = []needs.Line{b, a}
		args.Platforms = []string{"linux_amd64", "linux_amd64"}
	})
	sameFiles(t, one, two)
	if len(r.Index.Lines) != 2 || !strings.Contains(describe(r.Index), "!age/@v/v1.3.2.zip [line a, dependency age line demo, dependency age]\n") {
		t.Errorf("got lines %v, entries\n%s", r.Index.Lines, describe(r.Index))
	}
	data := member(t, one, "oci/index.json")
	if n := strings.Count(data, `"digest"`); n != 2 {
		t.Errorf("oci/index.json: got %d images, want 2\n%s", n, data)
	}
	other.Toolchain.Go.Archives = map[string]lock.Archive{"linux_amd64": {SHA256: w.blob("another SDK")}}
	other.Dependencies = []lock.Dependency{other.Dependencies[0]}
	other.Dependencies[0].GoModules = []lock.GoModule{{Path: "example.com/lib", Version: "v0.1.0", Sum: "h1:other"}}
	args := w.args(filepath.Join(t.TempDir(), "b.tar"))
	args.Lines = []needs.Line{a, b}
	_, err := Pack(t.Context(), args)
	wantError(t, err, `lib/@v/v0.1.0.zip": line a, dependency age wants h1:other, line demo, dependency age wants h1:`)
}

func member(t *testing.T, bundle, name string) string {
	t.Helper()
	out, err := exec.Command("tar", "-xOf", bundle, name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

var wantError = errtest.Contain

// TestSince packs what the next version adds, after a lock and after a bundle.
func TestSince(t *testing.T) {
	w := newWorld(t)
	old := w.line("demo", w.lock)
	oldBundle, oldResult := w.pack(func(a *Args) { a.Root = w.root() })
	next := *w.lock
	next.Version = "1.1.0"
	next.Dependencies = []lock.Dependency{w.lock.Dependencies[0], w.lock.Dependencies[1]}
	added := w.module("example.com/lib", "v0.2.0")
	next.Dependencies[1].GoModules = []lock.GoModule{added}
	w.lock = &next
	root := w.root()

	_, r := w.pack(func(a *Args) { a.SinceLock, a.Root = &old, root })
	want := "goproxy/example.com/lib/@v/v0.2.0.mod [line demo, dependency tree]\ngoproxy/example.com/lib/@v/v0.2.0.zip [line demo, dependency tree]\n" +
		"oci/index.json [line demo, image app]\noci/oci-layout [line demo, image app]\n"
	if got := describe(r.Index); got != want || r.Index.Since.Lock != old.Digest || !r.Index.Since.Tools || r.Index.Root != "" {
		t.Errorf("after a lock: got since %+v\n%swant\n%s", r.Index.Since, got, want)
	}
	name, r := w.pack(func(a *Args) { a.SinceBundle, a.Root = oldResult.Index, root })
	if got := describe(r.Index); got != want || r.Index.Since.Bundle != oldResult.Index.Digest {
		t.Errorf("after a bundle: got since %+v\n%swant\n%s", r.Index.Since, got, want)
	}
	if _, err := Verify(t.Context(), name); err != nil {
		t.Error(err)
	}

	// Both unpacked are what the whole bundle is.
	both, whole := t.TempDir(), t.TempDir()
	full, _ := w.pack(nil)
	for _, args := range [][]string{{oldBundle, both}, {name, both}, {full, whole}} {
		if out, err := exec.Command("tar", "-xf", args[0], "-C", args[1]).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if out, err := exec.Command("sh", "-c", "cd '"+whole+"' && find . -type f ! -name bundle.json | while read f; do cmp \"$f\" '"+both+"'/\"$f\" || exit 1; done").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

	// With another toolchain, the tools come too.
	next.Toolchain.RulesGo.Version = "v0.66.0"
	_, r = w.pack(func(a *Args) { a.SinceLock, a.Root = &old, root })
	if got := describe(r.Index); r.Index.Since.Tools || r.Index.Root == "" || !strings.Contains(got, "example.com/rules") {
		t.Errorf("another toolchain: got since %+v\n%swant the tools and the root", r.Index.Since, got)
	}
}

// TestPackErrors: what is wrong with the store is named, and nothing is left behind.
func TestPackErrors(t *testing.T) {
	other := read(t, filepath.Join(newWorld(t).store.Dir(), "goproxy/example.com/unused/@v/v1.0.0.zip"))
	for _, tt := range []struct {
		name  string
		alter func(*world)
		want  []string
	}{
		{"blob missing", func(w *world) { remove(t, w.store.BlobPath(digest.Digest(w.lock.Dependencies[1].Digest))) },
			[]string{"line demo, dependency tree: tar of test://tree@", ", sha256:", ", is not in the store"}},
		{"several missing", func(w *world) { remove(t, filepath.Join(w.store.Dir(), "goproxy")) }, []string{
			"line demo, dependency age: zip of example.com/Age@v1.3.2, h1:", "line demo, dependency age: mod of example.com/old@v0.0.1, h1:",
			"tools example.com/rules: zip of example.com/rules@v0.65.0, h1:"}},
		{"layer missing", func(w *world) { remove(t, filepath.Join(w.store.OCIDir(), "blobs")) }, []string{`line demo: lock entry "app": `, "is not in the store"}},
		{"blob altered", func(w *world) { w.write(w.store.BlobPath(w.lock.Files[0].Digest), "b tool", 0o644) },
			[]string{"(line demo, file tool linux-amd64): sha256: got sha256:", ", want sha256:"}},
		{"layer altered", func(w *world) {
			w.write(w.store.OCIBlobPath(digest.FromBytes([]byte("layer of app"))), "Layer of app", 0o644)
		}, []string{"(line demo, image app): sha256: got "}},
		{"go.mod altered", func(w *world) {
			w.write(filepath.Join(w.store.Dir(), "goproxy/example.com/old/@v/v0.0.1.mod"), "module x\n", 0o644)
		}, []string{"module example.com/old@v0.0.1 (line demo, dependency age): h1 sum of \"", "v0.0.1.mod\": got h1:"}},
		{"modules altered", func(w *world) {
			w.write(filepath.Join(w.store.Dir(), "goproxy/example.com/lib/@v/v0.1.0.zip"), other, 0o644)
			w.write(filepath.Join(w.store.Dir(), "goproxy/example.com/rules/@v/v0.65.0.zip"), "no zip", 0o644)
		}, []string{
			"module example.com/lib@v0.1.0 (line demo, dependency age; line demo, dependency tree): h1 sum of \"", ".zip\": got h1:",
			"module example.com/rules@v0.65.0 (tools example.com/rules): h1 sum: got none, want h1:", "zip: not a valid zip file",
		}},
		{"no SDK", func(w *world) { w.lock.Toolchain.Go.Archives = map[string]lock.Archive{"linux_arm64": {}} },
			[]string{"line demo, toolchain go1.26.8 linux_amd64: the lock has none, only for linux_arm64"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.alter(w)
			a := w.args(filepath.Join(t.TempDir(), "b.tar"))
			w.write(a.Out, "what was there", 0o644)
			_, err := Pack(t.Context(), a)
			wantError(t, err, tt.want...)
			onlyOld(t, a.Out)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t)
		a := w.args(filepath.Join(t.TempDir(), "b.tar"))
		w.write(a.Out, "what was there", 0o644)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Pack(ctx, a); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		onlyOld(t, a.Out)
	})
	t.Run("no directory", func(t *testing.T) {
		w := newWorld(t)
		_, err := Pack(t.Context(), w.args(filepath.Join(t.TempDir(), "none", "b.tar")))
		wantError(t, err, "packing bundle ")
	})
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func onlyOld(t *testing.T, out string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(out))
	data, err2 := os.ReadFile(out)
	if err := errors.Join(err, err2); err != nil || len(entries) != 1 || string(data) != "what was there" {
		t.Errorf("got %v, %q, %v, want the old file alone", entries, data, err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// TestRootTar: a root's tar has what the launcher takes, whoever reads it.
func TestRootTar(t *testing.T) {
	w := newWorld(t)
	var b bytes.Buffer
	if err := writeRoot(&b, w.root()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "-tvf", "-")
	cmd.Stdin, cmd.Env = &b, append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	got := regexp.MustCompile(`(long/)+`).ReplaceAllString(regexp.MustCompile(`(?m)^.*(long/)+\n`).ReplaceAllString(string(out), ""), "long/")
	got = regexp.MustCompile(` +`).ReplaceAllString(got, " ")
	want := `drwxr-xr-x 0/0 0 1980-01-01 00:00 etc/
-rw-r--r-- 0/0 0 1980-01-01 00:00 etc/hosts
-rw-r--r-- 0/0 11 1980-01-01 00:00 etc/long/Főtanúsítvány.pem
-rw-r--r-- 0/0 3 1980-01-01 00:00 root.packages.json
drwxr-xr-x 0/0 0 1980-01-01 00:00 usr/
drwxr-xr-x 0/0 0 1980-01-01 00:00 usr/bin/
-rwxr-xr-x 0/0 10 1980-01-01 00:00 usr/bin/bwrap
hrwxr-xr-x 0/0 0 1980-01-01 00:00 usr/bin/zwrap link to usr/bin/bwrap
drwxr-xr-x 0/0 0 1980-01-01 00:00 usr/share/
drwxr-xr-x 0/0 0 1980-01-01 00:00 usr/share/doc/
-rw-r--r-- 0/0 4 1980-01-01 00:00 usr/share/doc/a
lrwxrwxrwx 0/0 0 1980-01-01 00:00 usr/share/wrap -> ../bin/bwrap
`
	if err != nil || got != want {
		t.Errorf("got %v\n%swant\n%s", err, got, want)
	}
}

func TestRootErrors(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name string
		root func() string
		want string
	}{
		{"other name", func() string { return t.TempDir() }, "got a name that the launcher does not give"},
		{"no packages", func() string { r := w.root(); remove(t, filepath.Join(r, PackagesName)); return r }, "reading root: "},
		{"no usr", func() string { r := w.root(); remove(t, filepath.Join(r, "usr")); return r }, "reading root "},
	} {
		a := w.args(filepath.Join(t.TempDir(), "b.tar"))
		a.Root = tt.root()
		_, err := Pack(t.Context(), a)
		wantError(t, err, tt.want)
	}
}
