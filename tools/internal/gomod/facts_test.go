package gomod

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// factsModule is a module whose dependencies are written in several versions of the
// language, one of them in the place of another.
func factsModule(t *testing.T, goLine, indirect string) (*Go, string) {
	t.Helper()
	w := newWorldWith(t, map[string]string{
		"example.com/patch@v1.0.0/go.mod":   "module example.com/patch\n\ngo 1.19\n",
		"example.com/patch@v1.0.0/patch.go": "package patch\n",
	})
	goMod := "module example.com/top\n\n" + goLine + `
require (
	example.com/left v1.1.0
	example.com/spare v0.1.0
)
` + indirect + `
replace example.com/spare => example.com/patch v1.0.0
`
	dir := t.TempDir()
	files := map[string]string{
		"go.mod": goMod, "go.sum": w.proxy.GoSum(goMod),
		"top.go": "package top\n\nimport (\n\t_ \"example.com/left\"\n\t_ \"example.com/spare\"\n)\n",
	}
	write(t, dir, files)
	g := w.fresh(t)
	if err := g.Vendor(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return g, dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLanguages(t *testing.T) {
	const indirect = "require example.com/Base v1.0.0 // indirect\n" // as a go.mod has it since 1.17
	for _, tt := range []struct{ goLine, indirect, own string }{{"go 1.24.1\n", indirect, "go1.24"}, {"go 1.13\n", "", "go1.13"}, {"", "", "go1.16"}} {
		t.Run(tt.own, func(t *testing.T) {
			g, dir := factsModule(t, tt.goLine, tt.indirect)
			got, err := g.Languages(t.Context(), dir, []string{"example.com/Base", "example.com/left", "example.com/spare"})
			want := map[string]string{
				"example.com/top": tt.own, "example.com/left": "go1.20", "example.com/Base": "go1.16", "example.com/spare": "go1.19",
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
	g, dir := factsModule(t, "go 1.24\n", indirect)
	_, err := g.Languages(t.Context(), dir, []string{"example.com/none"})
	wantError(t, err, "reading the modules' versions of Go: ", "example.com/none")
}

func TestGODEBUG(t *testing.T) {
	program := func(lines string) string { return lines + "package main\n\nfunc main() {}\n" }
	dir := t.TempDir()
	write(t, dir, map[string]string{
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
			write(t, dir, map[string]string{"go.mod": tt.goMod})
			got, err := newWorld(t).offline(t).GODEBUG(t.Context(), dir, tt.tags, tt.installed)
			if err != nil {
				t.Fatal(err)
			}
			if len(got["plain"]) != len(platforms) || len(got["win"]) != 1 || got["lib"] != nil {
				t.Errorf("got %v, want plain on each platform, win on one and no library", got)
			}
			if text := summary(got); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

// summary prints what is not empty, with * for where most platforms have the same.
func summary(godebug map[string]map[string]string) string {
	var list []string
	for _, dir := range []string{"one", "plain", "says", "tag", "win"} {
		common := godebug[dir]["linux_arm64"]
		if common != "" {
			list = append(list, dir+" * "+common)
		}
		for _, platform := range platforms {
			if v := godebug[dir][platform]; v != common && v != "" {
				list = append(list, dir+" "+platform+" "+v)
			}
		}
	}
	return strings.Join(list, "; ")
}

// TestGODEBUGInstalledOld: an installed module that does not say a version of Go has
// the GODEBUG of 1.20, and its own main module that of the language without a go line.
func TestGODEBUGInstalledOld(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module example.com/top\n", "main.go": "package main\n\nfunc main() {}\n"})
	g := newWorld(t).offline(t)
	own, err := g.GODEBUG(t.Context(), dir, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	installed, err := g.GODEBUG(t.Context(), dir, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"go.mod": "module example.com/top\n\ngo 1.20\n"})
	want, err := g.GODEBUG(t.Context(), dir, nil, true)
	if err != nil || want["."]["linux_amd64"] == "" || !maps.Equal(installed["."], want["."]) {
		t.Errorf("got %v, %v, want %v", installed, err, want)
	}
	if own["."]["linux_amd64"] == "" {
		t.Errorf("got %v, want the GODEBUG of an old version", own)
	}
}

func TestFiles(t *testing.T) {
	w := newWorldWith(t, map[string]string{
		"example.com/data@v1.0.0/go.mod":       "module example.com/data\n\ngo 1.20\n",
		"example.com/data@v1.0.0/data.go":      "package data\n\nimport _ \"embed\"\n\n//go:embed text/a.txt\nvar text string\n",
		"example.com/data@v1.0.0/text/a.txt":   "a",
		"example.com/data@v1.0.0/text/b.txt":   "b",
		"example.com/data@v1.0.0/x_arm64.syso": "object",
	})
	goMod := "module example.com/top\n\ngo 1.20\n\nrequire example.com/data v1.0.0\n"
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod": goMod, "go.sum": w.proxy.GoSum(goMod),
		"main.go":             "package main\n\nimport _ \"embed\"\n\nimport _ \"example.com/data\"\n\n//go:embed all:skeleton\nvar skeleton string\n\nfunc main() {}\n",
		"main_windows.go":     "package main\n\nimport _ \"embed\"\n\n//go:embed windows.txt\nvar windows string\n",
		"small.go":            "//go:build small\n\npackage main\n\nimport _ \"embed\"\n\n//go:embed small.txt\nvar small string\n",
		"skeleton/BUILD":      "",
		"skeleton/.hidden":    "",
		"skeleton/in/main.go": "package in\n",
		"windows.txt":         "", "small.txt": "", "other.txt": "",
		"rsrc_windows_amd64.syso": "", "rsrc_plan9.syso": "",
	})
	g := w.fresh(t)
	if err := g.Vendor(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		tags []string
		want string
	}{
		{"files of any platform, of vendored packages too", nil, "[skeleton/.hidden skeleton/BUILD skeleton/in/main.go windows.txt] [text/a.txt] [rsrc_windows_amd64.syso] [x_arm64.syso]"},
		{"and of the tags", []string{"small"}, "[skeleton/.hidden skeleton/BUILD skeleton/in/main.go small.txt windows.txt] [text/a.txt] [rsrc_windows_amd64.syso] [x_arm64.syso]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := g.Files(t.Context(), dir, tt.tags)
			if err != nil {
				t.Fatal(err)
			}
			const vendored = "vendor/example.com/data"
			if got := fmt.Sprint(f.Embed["."], f.Embed[vendored], f.Syso["."], f.Syso[vendored]); got != tt.want || len(f.Embed) != 2 || len(f.Syso) != 2 {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
