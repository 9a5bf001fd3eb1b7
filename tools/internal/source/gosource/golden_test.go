package gosource

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

var update = flag.Bool("update", false, "rewrite testdata/generate/*.txtar")

// TestGolden generates repositories by what the real go command says. A case's comment
// says the arguments, one a line; in/ is the source, mod/ are modules that a store has,
// and out/ is what was written.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join("testdata", "generate", "*.txtar"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := &txtar.Archive{}
			modules := map[string]string{}
			var kept, in []txtar.File
			for _, f := range archive.Files {
				if path, ok := strings.CutPrefix(f.Name, "in/"); ok {
					proxytest.Plant(t, dir, map[string]string{path: string(f.Data)})
					in = append(in, f)
				} else if path, ok := strings.CutPrefix(f.Name, "mod/"); ok {
					modules[path] = string(f.Data)
				} else {
					want.Files = append(want.Files, f)
					continue
				}
				kept = append(kept, f)
			}
			a := arguments(t, string(archive.Comment))
			a.Dir, a.Repo = dir, "repo"
			generate(t, a, modules)
			got := &txtar.Archive{Files: written(t, dir, in)}
			if *update {
				archive.Files = slices.Concat(kept, got.Files)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if g, w := txtar.Format(got), txtar.Format(want); string(g) != string(w) {
				t.Errorf("got\n%s\nwant\n%s\n(go test ./tools/internal/source/gosource -update writes what it is now)", g, w)
			}
		})
	}
}

// generate makes a repository of a source that imports the given modules. Each root
// without a go.sum gets one that has them.
func generate(t *testing.T, a Args, modules map[string]string) {
	t.Helper()
	proxy := proxytest.New(t, modules)
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err == nil {
		_, err = s.ImportModules(proxy.Dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	proxytest.Setenv(t, "off")
	g := &gomod.Go{Command: proxytest.GoCommand(t), Store: s, Cache: filepath.Join(t.TempDir(), "modcache"), Offline: true}
	for i := range a.Roots {
		r := &a.Roots[i]
		goMod, err := os.ReadFile(filepath.Join(a.join(*r), "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Join(a.join(*r), "go.sum"); len(modules) > 0 {
			if _, err := os.Stat(name); err != nil {
				proxytest.Plant(t, a.join(*r), map[string]string{"go.sum": proxy.GoSum(string(goMod))})
			}
		}
		if r.Packages, err = g.List(t.Context(), a.join(*r), a.Tags, r.Main.Sum != ""); err != nil {
			t.Fatal(err)
		}
	}
	read, err := g.Modules()
	if err != nil {
		t.Fatal(err)
	}
	a.Sums = gomod.ByVersion(read)
	if err := Vendor(a); err != nil {
		t.Fatal(err)
	}
	if err := Generate(a); err != nil {
		t.Fatal(err)
	}
}

// arguments reads "name: NAME", "tags: TAG…", "stdlib: PACKAGE…" and "root: DIR PATH [VERSION [SUM]]"
// lines and, of the last root, "vcs: REVISION TIME"; others are comments.
func arguments(t *testing.T, text string) (a Args) {
	t.Helper()
	for line := range strings.Lines(text) {
		f := append(strings.Fields(line), "", "", "", "", "")
		switch f[0] {
		case "name:":
			a.Name = f[1]
		case "tags:":
			a.Tags = strings.Fields(line)[1:]
		case "root:":
			a.Roots = append(a.Roots, Root{Dir: f[1], Main: Module{Path: f[2], Version: f[3], Sum: f[4]}})
		case "stdlib:":
			a.Stdlib = strings.Fields(line)[1:]
		case "vcs:":
			at, err := time.Parse(time.RFC3339, f[2])
			if err != nil {
				t.Fatal(err)
			}
			a.Roots[len(a.Roots)-1].VCS = VCS{f[1], at}
		}
	}
	return a
}

// written returns the files below dir that the source has not, and says which of
// the source's own are gone.
func written(t *testing.T, dir string, source []txtar.File) []txtar.File {
	t.Helper()
	own := map[string]string{}
	for _, f := range source {
		own[strings.TrimPrefix(f.Name, "in/")] = string(f.Data)
	}
	var list []txtar.File
	var gone strings.Builder
	found := map[string]bool{}
	files := map[string]string{}
	proxytest.Directory(t, dir, files)
	for path, data := range files {
		found[path] = true
		if old, ok := own[path]; !ok || old != data {
			list = append(list, txtar.File{Name: "out/" + path, Data: []byte(data)})
		}
	}
	slices.SortFunc(list, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range source {
		if path := strings.TrimPrefix(f.Name, "in/"); !found[path] {
			gone.WriteString(path + "\n")
		}
	}
	return append(list, txtar.File{Name: "gone", Data: []byte(gone.String())})
}
