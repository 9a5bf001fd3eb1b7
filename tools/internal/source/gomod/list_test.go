package gomod

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// find returns the package of a path on a platform; none if it is not listed.
func find(l Listing, platform, path string) Package {
	for _, p := range l[platform] {
		if p.ImportPath == path {
			return p
		}
	}
	return Package{}
}

// list lists a module's packages, and fails the test if that fails.
func list(t *testing.T, g *Go, dir string, tags []string, installed bool) Listing {
	t.Helper()
	l, err := g.List(t.Context(), dir, tags, installed)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(l)); !slices.Equal(got, keys()) {
		t.Fatalf("platforms: got %q, want %q", got, keys())
	}
	return l
}

// withSums makes a module of the files, with a go.sum of what the proxy has.
func (w *world) withSums(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{"go.sum": w.proxy.GoSum(files["go.mod"])})
	proxytest.Plant(t, dir, files)
	return dir
}

// TestList: what is imported is listed before what imports it, and is read from the
// network once; the modules read are those with a package in the list.
func TestList(t *testing.T) {
	w := newWorld(t)
	var want []lock.GoModule
	for _, m := range w.proxy.Closure(topMod) {
		if m.Path != "example.com/spare" { // nothing of it is read
			want = append(want, lock.GoModule{Path: m.Path, Version: m.Version, Sum: m.Sum, GoModSum: m.GoModSum})
		}
	}
	for i, g := range []*Go{w.fresh(t), w.fresh(t), w.offline(t)} {
		dir := w.top(t)
		l := list(t, g, dir, nil, i == 1)
		for platform, packages := range l {
			var order []string
			for _, p := range packages {
				if !p.Standard {
					order = append(order, p.ImportPath)
				}
				if p.Error != nil || p.Incomplete {
					t.Errorf("%s: got %+v, want no error", platform, p)
				}
			}
			if want := []string{"example.com/Base", "example.com/left", "example.com/top"}; !slices.Equal(order, want) {
				t.Errorf("%s: got %q, want %q", platform, order, want)
			}
			left, top, std := find(l, platform, "example.com/left"), find(l, platform, "example.com/top"), find(l, platform, "fmt")
			if !left.DepOnly || left.Module.Version != "v1.1.0" || left.Dir != filepath.Join(g.Cache, "example.com", "left@v1.1.0") || !slices.Equal(left.Imports, []string{"example.com/Base"}) {
				t.Errorf("%s: got %+v, want left", platform, left)
			}
			if top.DepOnly || !top.Module.Main || top.Name != "top" || !slices.Equal(top.GoFiles, []string{"top.go"}) || !std.Standard || !std.DepOnly {
				t.Errorf("%s: got %+v and %+v, want top and fmt", platform, top, std)
			}
		}
		got, err := g.Modules()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("modules: got\n%v, %v\nwant\n%v", got, err, want)
		}
		if asked := w.server.Requests(); (len(asked) > 0) != (i == 0) {
			t.Errorf("run %d asked the proxy for %q, want that the first run asks, and no other", i, asked)
		}
		if _, err := os.Stat(filepath.Join(dir, "vendor")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("vendor: got %v, want that there is none", err)
		}
	}
}

// TestListedAnyStore: which modules are read does not depend on what a store has of others.
// Nothing imports deep; its go.mod is only read on a search in all go.mod files.
func TestListedAnyStore(t *testing.T) {
	w := newWorldWith(t, map[string]string{
		"example.com/mid@v1.0.0/go.mod":   "module example.com/mid\n\ngo 1.16\n\nrequire example.com/deep v1.0.0\n",
		"example.com/mid@v1.0.0/mid.go":   "package mid\n",
		"example.com/deep@v1.0.0/go.mod":  "module example.com/deep\n",
		"example.com/deep@v1.0.0/deep.go": "package deep\n",
	})
	const requires = "require (\n\texample.com/left v1.1.0\n\texample.com/mid v1.0.0\n)\n\nrequire example.com/Base v1.0.0 // indirect\n"
	module := func(version, imports string) string {
		return w.withSums(t, map[string]string{
			"go.mod": "module example.com/top\n\ngo " + version + "\n\n" + requires, "top.go": "package top\n\nimport _ \"example.com/" + imports + "\"\n",
		})
	}
	read := func(dir string) []lock.GoModule {
		t.Helper()
		g := w.fresh(t)
		got, err := g.Listed(func() error {
			_, err := g.List(t.Context(), dir, nil, false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	dir := module("1.20", "mid")
	empty := w.store
	var err error
	if w.store, err = store.Open(filepath.Join(t.TempDir(), "store")); err != nil {
		t.Fatal(err)
	}
	if others := read(module("1.16", "left")); !slices.ContainsFunc(others, func(m lock.GoModule) bool { return m.Path == "example.com/deep" && m.Sum == "" }) {
		t.Fatalf("got %v, want deep's go.mod among them", others)
	}
	some := read(dir)
	full := read(dir)
	w.store = empty
	if got := read(dir); len(got) == 0 || !slices.Equal(got, some) || !slices.Equal(got, full) {
		t.Errorf("got, by what the store had before,\nnothing:    %v\nsomething:  %v\neverything: %v", got, some, full)
	}
}

// TestListPlatforms: what is imported on one platform is read too, and listed there.
func TestListPlatforms(t *testing.T) {
	w := newWorld(t)
	dir := w.top(t)
	proxytest.Plant(t, dir, map[string]string{
		"top.go": "package top\n", "top_windows.go": "package top\n\nimport _ \"example.com/spare\"\n",
		"small.go": "//go:build small\n\npackage top\n\nimport _ \"example.com/left\"\n",
	})
	for _, tags := range [][]string{nil, {"other", "small"}} {
		l := list(t, w.fresh(t), dir, tags, false)
		for _, platform := range keys() {
			if got, want := find(l, platform, "example.com/spare").Dir != "", platform == "windows_amd64"; got != want {
				t.Errorf("spare on %s: got %v, want %v", platform, got, want)
			}
			if got, want := find(l, platform, "example.com/Base").Dir != "", tags != nil; got != want {
				t.Errorf("Base on %s with tags %q: got %v, want %v", platform, tags, got, want)
			}
		}
	}
}

// TestListLanguages: a module that is replaced is written in the language of its replacement.
func TestListLanguages(t *testing.T) {
	w := newWorldWith(t, map[string]string{
		"example.com/patch@v1.0.0/go.mod":   "module example.com/patch\n\ngo 1.19\n",
		"example.com/patch@v1.0.0/patch.go": "package patch\n",
	})
	const indirect = "require example.com/Base v1.0.0 // indirect\n" // as a go.mod has it since 1.17
	for _, tt := range []struct{ goLine, indirect, own string }{{"go 1.24.1\n", indirect, "1.24.1"}, {"go 1.13\n", "", "1.13"}, {"", "", "1.16"}} {
		t.Run(tt.own, func(t *testing.T) {
			goMod := "module example.com/top\n\n" + tt.goLine + "require (\n\texample.com/left v1.1.0\n\texample.com/spare v0.1.0\n)\n" + tt.indirect +
				"replace example.com/spare => example.com/patch v1.0.0\n"
			dir := w.withSums(t, map[string]string{"go.mod": goMod, "top.go": "package top\n\nimport (\n\t_ \"example.com/left\"\n\t_ \"example.com/spare\"\n)\n"})
			l := list(t, w.fresh(t), dir, nil, false)
			for path, want := range map[string]string{"example.com/top": tt.own, "example.com/left": "1.20", "example.com/Base": "", "example.com/spare": "1.19"} {
				if p := find(l, "linux_arm64", path); p.Module == nil || p.Module.GoVersion != want {
					t.Errorf("%s: got %+v, want language %q", path, p.Module, want)
				}
			}
			spare := find(l, "linux_arm64", "example.com/spare").Module
			if spare.Version != "v0.1.0" || spare.Replace == nil || spare.Replace.Path != "example.com/patch" || spare.Replace.Version != "v1.0.0" {
				t.Errorf("got %+v, want spare with what stands in its place", spare)
			}
		})
	}
}

func TestListGODEBUG(t *testing.T) {
	program := func(lines string) string { return lines + "package main\n\nfunc main() {}\n" }
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"lib/lib.go":               "package lib\n",
		"plain/main.go":            program(""),
		"says/main.go":             program("//go:debug http2client=0\n"),
		"one/main.go":              program(""),
		"one/main_windows.go":      "//go:debug http2client=0\npackage main\n",
		"win/main_windows.go":      program("//go:debug http2client=0\n"),
		"tag/main.go":              program(""),
		"tag/tagged.go":            "//go:build small\n\n//go:debug http2client=0\npackage main\n",
		"vendor/x/y/main.go":       program("//go:debug http2client=0\n"),
		"testdata/program/main.go": program(""),
	})
	const goLine = "module example.com/top\n\ngo 1.26\n"
	for _, tt := range []struct {
		name, goMod string
		tags        []string
		installed   bool
		want        string // platform and value of each program where they are no empty ones
	}{
		{name: "directives of files hold where the files do", goMod: goLine, want: "one windows_amd64 http2client=0; says * http2client=0; win windows_amd64 http2client=0"},
		{name: "files that tags choose count", goMod: goLine, tags: []string{"other", "small"}, want: "one windows_amd64 http2client=0; says * http2client=0; tag * http2client=0; win windows_amd64 http2client=0"},
		{
			name: "go.mod decides where the module is the main one", goMod: goLine + "\ngodebug panicnil=1\n",
			want: "one * panicnil=1; one windows_amd64 http2client=0,panicnil=1; plain * panicnil=1; says * http2client=0,panicnil=1; tag * panicnil=1; win windows_amd64 http2client=0,panicnil=1",
		},
		{name: "go.mod does not decide where the module is installed", goMod: goLine + "\ngodebug panicnil=1\n", installed: true, want: "one windows_amd64 http2client=0; says * http2client=0; win windows_amd64 http2client=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxytest.Plant(t, dir, map[string]string{"go.mod": tt.goMod})
			l := list(t, newWorld(t).offline(t), dir, tt.tags, tt.installed)
			for platform, packages := range l {
				own := 0
				for _, p := range packages {
					if !p.Standard {
						own++
					}
				}
				if want := 5; platform == "windows_amd64" && own != want+1 || own < want || own > want+1 {
					t.Errorf("%s: got %d packages, want %d, and win where it has files", platform, own, want)
				}
			}
			if text := godebugs(l); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

// godebugs prints what is not empty, with * for where most platforms have the same.
func godebugs(l Listing) string {
	var lines []string
	for _, name := range []string{"lib", "one", "plain", "says", "tag", "win"} {
		common := find(l, "linux_arm64", "example.com/top/"+name).DefaultGODEBUG
		if common != "" {
			lines = append(lines, name+" * "+common)
		}
		for _, platform := range keys() {
			if v := find(l, platform, "example.com/top/"+name).DefaultGODEBUG; v != common && v != "" {
				lines = append(lines, name+" "+platform+" "+v)
			}
		}
	}
	return strings.Join(lines, "; ")
}

// TestListGODEBUGOld: an installed module that does not say a version of Go has the
// GODEBUG of 1.20, and its own main module that of the language without a go line.
func TestListGODEBUGOld(t *testing.T) {
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{"go.mod": "module example.com/top\n", "main.go": "package main\n\nfunc main() {}\n"})
	g := newWorld(t).offline(t)
	godebug := func(installed bool) string {
		return find(list(t, g, dir, nil, installed), "linux_amd64", "example.com/top").DefaultGODEBUG
	}
	own, installed := godebug(false), godebug(true)
	proxytest.Plant(t, dir, map[string]string{"go.mod": "module example.com/top\n\ngo 1.20\n"})
	if want := godebug(true); installed != want || want == "" {
		t.Errorf("installed: got %q, want %q", installed, want)
	}
	if own == "" {
		t.Error("own: got none, want the GODEBUG of an old version")
	}
}

func TestListFiles(t *testing.T) {
	w := newWorldWith(t, map[string]string{
		"example.com/data@v1.0.0/go.mod":       "module example.com/data\n\ngo 1.20\n",
		"example.com/data@v1.0.0/data.go":      "package data\n\nimport _ \"embed\"\n\n//go:embed text/a.txt\nvar text string\n",
		"example.com/data@v1.0.0/text/a.txt":   "a",
		"example.com/data@v1.0.0/text/b.txt":   "b",
		"example.com/data@v1.0.0/x_arm64.syso": "object",
		"example.com/data@v1.0.0/x_arm64.s":    "// nothing\n",
		"example.com/data@v1.0.0/x.h":          "",
		"example.com/data@v1.0.0/data_test.go": "package data\n\nimport _ \"example.com/none\"\n",
	})
	dir := w.withSums(t, map[string]string{
		"go.mod":              "module example.com/top\n\ngo 1.20\n\nrequire example.com/data v1.0.0\n",
		"main.go":             "package main\n\nimport _ \"embed\"\n\nimport _ \"example.com/data\"\n\n//go:embed all:skeleton\nvar skeleton string\n\nfunc main() {}\n",
		"main_windows.go":     "package main\n\nimport _ \"embed\"\n\n//go:embed windows.txt\nvar windows string\n",
		"small.go":            "//go:build small\n\npackage main\n\nimport _ \"embed\"\n\n//go:embed small.txt\nvar small string\n",
		"skeleton/BUILD":      "",
		"skeleton/.hidden":    "",
		"skeleton/in/main.go": "package in\n",
		"windows.txt":         "", "small.txt": "", "other.txt": "",
		"rsrc_windows_amd64.syso": "", "rsrc_plan9.syso": "",
	})
	files := func(p Package) string {
		return fmt.Sprint(p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles, p.EmbedFiles)
	}
	const data, skeleton = "[data.go] [] [x.h] [] [text/a.txt]", "skeleton/.hidden skeleton/BUILD skeleton/in/main.go"
	for _, tt := range []struct {
		platform, top, data string
		tags                []string
	}{
		{platform: "linux_amd64", top: "[main.go] [] [] [] [" + skeleton + "]", data: data},
		{platform: "linux_arm64", top: "[main.go] [] [] [] [" + skeleton + "]", data: "[data.go] [x_arm64.s] [x.h] [x_arm64.syso] [text/a.txt]"},
		{platform: "windows_amd64", top: "[main.go main_windows.go] [] [] [rsrc_windows_amd64.syso] [" + skeleton + " windows.txt]", data: data},
		{platform: "linux_amd64", tags: []string{"small"}, top: "[main.go small.go] [] [] [] [" + skeleton + " small.txt]", data: data},
	} {
		l := list(t, w.fresh(t), dir, tt.tags, false)
		if got := files(find(l, tt.platform, "example.com/top")); got != tt.top {
			t.Errorf("%s %q: got\n%s\nwant\n%s", tt.platform, tt.tags, got, tt.top)
		}
		if got := files(find(l, tt.platform, "example.com/data")); got != tt.data {
			t.Errorf("%s %q: got\n%s\nwant\n%s", tt.platform, tt.tags, got, tt.data)
		}
	}
}

// TestListBroken: a package that cannot be built has an error, and fails nothing else.
func TestListBroken(t *testing.T) {
	const good = "package good\n\nimport _ \"example.com/Base\"\n"
	w := newWorld(t)
	for _, tt := range []struct {
		name  string
		files map[string]string // of package bad; beside it is a good one
		path  string            // of the package with the error
		want  string
	}{
		{"a package that no module has", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"example.com/none/x\"\n"}, "example.com/none/x", "no required module provides package example.com/none/x"},
		{"a package that its module has not", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"example.com/left/none\"\n"}, "example.com/left/none", "no required module provides package example.com/left/none"},
		{"one of the SDK", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"none\"\n"}, "none", "package none is not in std"},
		{"constraints exclude all files", map[string]string{"bad/bad.go": "//go:build none\n\npackage bad\n", "use/use.go": "package use\n\nimport _ \"example.com/top/bad\"\n"}, "example.com/top/bad", "build constraints exclude all Go files"},
		{"two packages in a directory", map[string]string{"bad/bad.go": "package bad\n", "bad/other.go": "package other\n"}, "example.com/top/bad", "found packages bad (bad.go) and other (other.go)"},
		{"no Go", map[string]string{"bad/bad.go": "nonsense\n"}, "example.com/top/bad", "expected 'package', found nonsense"},
		{"nothing to embed", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"embed\"\n\n//go:embed none.txt\nvar text string\n"}, "example.com/top/bad", "pattern none.txt: no matching files found"},
		{"in a circle", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"example.com/top/worse\"\n", "worse/worse.go": "package worse\n\nimport _ \"example.com/top/bad\"\n"}, "example.com/top/bad", "import cycle not allowed"},
		{"of another's internals", map[string]string{"bad/bad.go": "package bad\n\nimport _ \"internal/abi\"\n"}, "example.com/top/bad", "use of internal package internal/abi not allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := w.top(t)
			proxytest.Plant(t, dir, map[string]string{"good/good.go": good})
			proxytest.Plant(t, dir, tt.files)
			l := list(t, w.fresh(t), dir, nil, false)
			for _, platform := range keys() {
				bad := find(l, platform, tt.path)
				if bad.Error == nil || !strings.Contains(bad.Error.Err, tt.want) {
					t.Errorf("%s: got %+v, %+v, want %q", platform, bad, bad.Error, tt.want)
				}
				for _, path := range []string{"example.com/top", "example.com/top/good", "example.com/Base"} {
					if p := find(l, platform, path); p.Dir == "" || p.Error != nil || p.Incomplete {
						t.Errorf("%s: got %+v, want no error", platform, p)
					}
				}
			}
		})
	}
}

// TestListPackages: those of other modules, by path, with what they import; a path is
// never a flag.
func TestListPackages(t *testing.T) {
	w := newWorld(t)
	dir := w.withSums(t, map[string]string{"go.mod": topMod}) // no package of its own
	l, err := w.fresh(t).ListPackages(t.Context(), dir, "example.com/left", "fmt")
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range keys() {
		left, base := find(l, platform, "example.com/left"), find(l, platform, "example.com/Base")
		if left.Dir == "" || left.DepOnly || left.Incomplete || base.Dir == "" || !base.DepOnly || find(l, platform, "fmt").Name != "fmt" || find(l, platform, "example.com/spare").Dir != "" {
			t.Errorf("%s: got %+v and %+v, want left, and Base for its sake", platform, left, base)
		}
	}
	l, err = w.fresh(t).ListPackages(t.Context(), dir, "example.com/left", "example.com/none")
	if err != nil {
		t.Fatal(err)
	}
	if p := find(l, "linux_amd64", "example.com/none"); p.Error == nil || !strings.Contains(p.Error.Err, "cannot find module providing package example.com/none") {
		t.Errorf("got %+v, %+v, want that there is none", p, p.Error)
	}
	_, err = w.fresh(t).ListPackages(t.Context(), dir, "-toolexec=none")
	wantError(t, err, "listing packages: ", "-toolexec=none")
}
