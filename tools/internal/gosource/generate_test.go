package gosource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asGazelle has the test binary stand in for gazelle: it writes down how it was
// called, and a rule beside every Go file.
const asGazelle = "GOSOURCE_TEST_GAZELLE"

func TestMain(m *testing.M) {
	switch os.Getenv(asGazelle) {
	case "":
		os.Exit(m.Run())
	case "fail":
		fmt.Println("gazelle: on standard output")
		fmt.Fprintln(os.Stderr, "gazelle: on standard error")
		os.Exit(3)
	}
	if err := gazelle(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func gazelle() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	call := fmt.Sprintf("%q\nBUILD_WORKSPACE_DIRECTORY=%s\nGOROOT=%s\nPATH=%s\n", os.Args[1:],
		os.Getenv("BUILD_WORKSPACE_DIRECTORY"), os.Getenv("GOROOT"), filepath.SplitList(os.Getenv("PATH"))[0])
	return errors.Join(os.WriteFile("call", []byte(call), 0o644), filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		build := filepath.Join(filepath.Dir(path), "BUILD.bazel")
		old, err := os.ReadFile(build)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		rule := "load(\"@io_bazel_rules_go//go:def.bzl\", \"go_library\")\n\n" + string(old) +
			"go_library(\n    name = \"go_default_library\",\n    importmap = \"x\",\n    visibility = [\"//visibility:private\"],\n)\n"
		return os.WriteFile(build, []byte(rule), 0o644)
	}))
}

func stand(t *testing.T, mode string) string {
	t.Helper()
	t.Setenv(asGazelle, mode)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// top returns the roots of a source that is one module.
func top(path, version string) []Root {
	return []Root{{Dir: ".", Main: Module{Path: path, Version: version}}}
}

func TestGenerate(t *testing.T) {
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", "/elsewhere")
	dir := t.TempDir()
	for _, name := range []string{"BUILD", "BUILD.bazel", "WORKSPACE", "REPO.bazel", ".bazelignore", ".bazelrc", "sub/BUILD", "sub/BUILD.bazel", "sub/WORKSPACE", "only/BUILD", "dir/BUILD.bazel/a.txt", "vendor/example.com/dep/BUILD.bazel"} {
		plant(t, dir, map[string]string{name: "of another workspace"})
	}
	plant(t, dir, map[string]string{
		"go.mod": "module example.com/top\n", "a.go": "package top", "build/BUILD.txt": "stays", "defs.bzl": "stays",
		"vendor/modules.txt": "# example.com/dep v1.0.0\nexample.com/dep\n", "vendor/example.com/dep/dep.go": "package dep",
	})
	a := Args{Dir: dir, Repo: "top", Gazelle: stand(t, "good"), GOROOT: goroot(t), Tags: []string{"one", "two"}, Roots: top("example.com/top", "")}
	if err := Generate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	call, err := os.ReadFile(filepath.Join(dir, "call"))
	if want := fmt.Sprintf("%q\nBUILD_WORKSPACE_DIRECTORY=\nGOROOT=%s\nPATH=%s\n",
		[]string{"-repo_root=" + dir, "-external=vendored", "-build_file_name=BUILD.bazel", "-lang=go", "-build_tags=one,two"},
		a.GOROOT, filepath.Join(a.GOROOT, "bin")); err != nil || string(call) != want {
		t.Errorf("call of gazelle: got %v\n%s\nwant\n%s", err, call, want)
	}
	var got []string
	for line := range strings.Lines(tree(t, dir)) {
		if name, _, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(name, " ") {
			got = append(got, name)
		}
	}
	want := []string{
		".bazelrc", ".release/BUILD.bazel", ".release/aside/.bazelignore.aside", ".release/aside/BUILD.bazel.aside", ".release/aside/REPO.bazel.aside", ".release/aside/WORKSPACE.aside",
		".release/aside/dir/BUILD.bazel/a.txt.aside", ".release/aside/sub/BUILD.bazel.aside", ".release/aside/vendor/example.com/dep/BUILD.bazel.aside", ".release/tags.bzl",
		"BUILD", "BUILD.bazel", "a.go", "build/BUILD.txt", "call", "defs.bzl", "go.mod", "only/BUILD", "only/BUILD.bazel", "sub/BUILD", "sub/BUILD.bazel", "sub/WORKSPACE",
		"vendor/example.com/dep/BUILD.bazel", "vendor/example.com/dep/dep.go", "vendor/modules.txt",
	}
	if !slices.Equal(got, want) {
		t.Errorf("files: got\n%q\nwant\n%q", got, want)
	}
	const buildFile = `load("@io_bazel_rules_go//go:def.bzl", "go_library")

package(
    default_package_metadata = ["//.release:folder/example.com/top"],
    default_visibility = ["//visibility:public"],
)

# gazelle:prefix example.com/top
# gazelle:exclude **/*_test.go
# gazelle:exclude .release
# gazelle:go_naming_convention go_default_library
# gazelle:proto disable_global
go_library(
    name = "go_default_library",
    gc_goopts = ["-trimpath=external/top=>example.com/top"],
)
`
	if data, err := os.ReadFile(filepath.Join(dir, "BUILD.bazel")); err != nil || string(data) != buildFile {
		t.Errorf("BUILD.bazel: got %v\n%s\nwant\n%s", err, data, buildFile)
	}
}

// TestGenerateReplacement: the packages of a module that replaces another are
// imported by the path that its go.mod declares; build information has its own.
func TestGenerateReplacement(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"a.go": "package original", "go.mod": "module example.com/original\n"})
	a := Args{Dir: dir, Gazelle: stand(t, "good"), GOROOT: goroot(t), Roots: top("example.com/fork", "v1.0.1")}
	if err := Generate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	files := tree(t, dir)
	for _, want := range []string{
		"# gazelle:prefix example.com/original\n", `default_package_metadata = ["//.release:folder/example.com/fork@v1.0.1"]`,
		`purl = "pkg:golang/example.com/fork@v1.0.1"`,
	} {
		if !strings.Contains(files, want) {
			t.Errorf("got\n%s\nwant %q", files, want)
		}
	}
}

// TestGenerateLinks: links in the place of files of ours are deleted, and nothing
// is read or written through them.
func TestGenerateLinks(t *testing.T) {
	outside := t.TempDir()
	plant(t, outside, map[string]string{"BUILD.bazel": "outside", "a.go": "package outside", "LICENSE": "outside"})
	dir := t.TempDir()
	plant(t, dir, map[string]string{"go.mod": "module example.com/top\n", "a/a.go": "package a"})
	for link, to := range map[string]string{
		"BUILD.bazel": "BUILD.bazel", "a/BUILD.bazel": "BUILD.bazel", "a/BUILD": "BUILD.bazel", "WORKSPACE": "BUILD.bazel", "b": "", Meta: "", "LICENSE": "LICENSE",
	} {
		if err := os.Symlink(filepath.Join(outside, to), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, outside)
	a := Args{Dir: dir, Gazelle: stand(t, "good"), GOROOT: goroot(t), Roots: top("example.com/top", "")}
	if err := Generate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, outside); after != before {
		t.Errorf("outside: got\n%s\nwant\n%s", after, before)
	}
	for _, path := range []string{"BUILD.bazel", "a/BUILD.bazel", ".release/BUILD.bazel"} {
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

func TestGenerateErrors(t *testing.T) {
	good := map[string]string{"go.mod": "module example.com/top\n", "a.go": "package top"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		args  func(*Args)
		want  string
	}{
		{"gazelle fails", good, func(a *Args) { a.Gazelle = stand(t, "fail") }, "running gazelle: exit status 3\ngazelle: on standard output\ngazelle: on standard error"},
		{"no gazelle", good, func(a *Args) { a.Gazelle = filepath.Join(a.Dir, "none") }, "running gazelle: fork/exec"},
		{"no folder", good, func(a *Args) { a.Dir = filepath.Join(a.Dir, "none") }, "setting BUILD files aside: "},
		{"no module line", map[string]string{"go.mod": "go 1.20\n"}, func(*Args) {}, "no module line"},
		{"modules.txt", map[string]string{"go.mod": "module example.com/top\n", "vendor/modules.txt": "x\n"}, func(*Args) {}, "reading vendor/modules.txt:1: "},
		{"no go.mod", map[string]string{"a.go": ""}, func(*Args) {}, "no such file"},
		{"hostile path", map[string]string{"go.mod": "module \"x\\nload(:evil)\"\n"}, func(*Args) {}, "malformed import path"},
		{"in a folder", map[string]string{"sub/go.mod": "go 1.20\n"}, func(a *Args) { a.Roots[0].Dir = "sub" }, `module in folder "sub": reading `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, tt.files)
			a := Args{Dir: dir, Gazelle: stand(t, "good"), GOROOT: goroot(t), Roots: top("example.com/top", "")}
			tt.args(&a)
			if err := Generate(t.Context(), a); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	plant(t, dir, good)
	if err := Generate(ctx, Args{Dir: dir, Gazelle: stand(t, "good"), GOROOT: goroot(t), Roots: top("example.com/top", "")}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
}

func TestModulePath(t *testing.T) {
	dir := t.TempDir()
	if _, err := ModulePath(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no go.mod: got %v, want %v", err, fs.ErrNotExist)
	}
	plant(t, dir, map[string]string{"go.mod": "// comment\nmodule \"example.com/a\" // comment\n"})
	if got, err := ModulePath(dir); got != "example.com/a" || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, "example.com/a")
	}
	plant(t, dir, map[string]string{"go.mod": "go 1.20\n"})
	if _, err := ModulePath(dir); err == nil || err.Error() != `reading "`+filepath.Join(dir, "go.mod")+`": no module line` {
		t.Errorf("got %v, want that there is no module line", err)
	}
}
