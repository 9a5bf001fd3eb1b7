package gosource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestLinks: links in the place of files of ours are deleted, and nothing is read or
// written through them.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	proxytest.Plant(t, outside, map[string]string{"BUILD.bazel": "outside", "a.go": "package outside", "LICENSE": "outside"})
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"go.mod": "module example.com/top\n\ngo 1.24\n\nrequire example.com/dep v1.0.0\n", "a/a.go": "package a\n\nimport _ \"example.com/dep\"\n",
	})
	for link, to := range map[string]string{
		"BUILD.bazel": "BUILD.bazel", "a/BUILD.bazel": "BUILD.bazel", "a/BUILD": "BUILD.bazel", "WORKSPACE": "BUILD.bazel", "b": "", Meta: "", "LICENSE": "LICENSE", "vendor": "",
	} {
		if err := os.Symlink(filepath.Join(outside, to), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, outside)
	generate(t, Args{Dir: dir, Roots: []Root{{Dir: ".", Main: Module{Path: "example.com/top", Version: "v1.0.0", Sum: "h1:x"}}}}, map[string]string{"example.com/dep@v1.0.0/dep.go": "package dep\n"})
	if after := tree(t, outside); after != before {
		t.Errorf("outside: got\n%s\nwant\n%s", after, before)
	}
	for _, path := range []string{"BUILD.bazel", "a/BUILD.bazel", ".release/BUILD.bazel", "vendor/example.com/dep/dep.go"} {
		info, err := os.Lstat(filepath.Join(dir, path))
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: got %v, %v, want a file", path, info, err)
		}
	}
	for _, path := range []string{"WORKSPACE", ".release/licenses/example.com/top/LICENSE"} {
		if info, err := os.Lstat(filepath.Join(dir, path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, %v, want none", path, info, err)
		}
	}
}

// TestNames: a package with a file that no label can name is refused by name, and no other is.
func TestNames(t *testing.T) {
	for _, name := range []string{"a:b.go", `a\b.go`, "a\nb.go", `a"b.go`, "../a.go"} {
		p := gomod.Package{Dir: "/x", ImportPath: "example.com/top", Module: &gomod.PackageModule{Path: "example.com/top", Main: true}, GoFiles: []string{"a.go", name}}
		dir := t.TempDir()
		proxytest.Plant(t, dir, map[string]string{"go.mod": "module example.com/top\n"})
		err := Generate(Args{Dir: dir, Roots: []Root{{Dir: ".", Packages: gomod.Listing{"linux_amd64": {p}}}}})
		if err != nil {
			t.Fatal(err)
		}
		build, err := os.ReadFile(filepath.Join(dir, "BUILD.bazel"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"\"a.go\",", "deps = [\n        \":cannot_be_built\"", quote(fmt.Sprintf("file %q: Bazel cannot name it", name))} {
			if !strings.Contains(string(build), want) {
				t.Errorf("%q: got\n%s\nwant %s in it", name, build, want)
			}
		}
	}
}

func TestModulePath(t *testing.T) {
	dir := t.TempDir()
	if _, err := ModulePath(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no go.mod: got %v, want %v", err, fs.ErrNotExist)
	}
	for goMod, want := range map[string]string{"go 1.20\n": "no module line", "module \"x\\nload(:evil)\"\n": "malformed import path"} {
		proxytest.Plant(t, dir, map[string]string{"go.mod": goMod})
		if _, err := ModulePath(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	proxytest.Plant(t, dir, map[string]string{"go.mod": "// comment\nmodule \"example.com/a\" // comment\n"})
	if got, err := ModulePath(dir); got != "example.com/a" || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, "example.com/a")
	}
}

// TestVendorItself: Go files that came along in the vendor directory itself are a package
// to the go command, though the directory is made anew.
func TestVendorItself(t *testing.T) {
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"go.mod": "module example.com/top\n\ngo 1.24\n\nrequire example.com/dep v1.0.0\n", "a.go": "package a\n\nimport _ \"example.com/dep\"\n",
		"vendor/own.go": "package own\n",
	})
	generate(t, Args{Dir: dir, Roots: []Root{{Dir: ".", Main: Module{Path: "example.com/top"}}}}, map[string]string{"example.com/dep@v1.0.0/dep.go": "package dep\n"})
	data, err := os.ReadFile(filepath.Join(dir, "vendor", "BUILD.bazel"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "vendor", "own.go")); strings.Contains(string(data), "own.go") == errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v and\n%s\nwant a BUILD file that names a file if that is there", err, data)
	}
}
