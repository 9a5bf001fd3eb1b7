package gosource

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/proxytest"
)

// TestGolden generates repositories with the real gazelle. A case's comment says
// the arguments, one a line; in/ is the source and out/ what was written.
func TestGolden(t *testing.T) {
	gazelle := proxytest.GazelleCommand(t)
	root := filepath.Dir(filepath.Dir(proxytest.GoCommand(t)))
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
			var kept []txtar.File
			for _, f := range archive.Files {
				if path, ok := strings.CutPrefix(f.Name, "in/"); ok {
					plant(t, dir, map[string]string{path: string(f.Data)})
					kept = append(kept, f)
				} else {
					want.Files = append(want.Files, f)
				}
			}
			a := arguments(t, string(archive.Comment))
			a.Dir, a.Repo, a.Gazelle, a.GOROOT = dir, "repo", gazelle, root
			if err := Generate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			got := &txtar.Archive{Files: written(t, dir, kept)}
			if *update {
				archive.Files = slices.Concat(kept, got.Files)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if g, w := txtar.Format(got), txtar.Format(want); string(g) != string(w) {
				t.Errorf("got\n%s\nwant\n%s\n(go test ./tools/internal/gosource -update writes what it is now)", g, w)
			}
		})
	}
}

// arguments reads "name: NAME", "tags: TAG…" and "root: DIR PATH [VERSION [SUM]]"
// lines and, of the last root, "lang: MODULE VERSION", "godebug: DIR PLATFORM VALUE",
// "embed: DIR FILE…", "syso: DIR FILE…" and "vcs: REVISION TIME";
// others are comments.
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
			a.Roots = append(a.Roots, Root{
				Dir: f[1], Main: Module{Path: f[2], Version: f[3], Sum: f[4]},
				Lang: map[string]string{}, GODEBUG: map[string]map[string]string{}, Embed: map[string][]string{}, Syso: map[string][]string{},
			})
		case "lang:":
			a.Roots[len(a.Roots)-1].Lang[f[1]] = f[2]
		case "vcs:":
			at, err := time.Parse(time.RFC3339, f[2])
			if err != nil {
				t.Fatal(err)
			}
			a.Roots[len(a.Roots)-1].VCS = VCS{f[1], at}
		case "embed:":
			a.Roots[len(a.Roots)-1].Embed[f[1]] = strings.Fields(line)[2:]
		case "syso:":
			a.Roots[len(a.Roots)-1].Syso[f[1]] = strings.Fields(line)[2:]
		case "godebug:":
			of := a.Roots[len(a.Roots)-1].GODEBUG
			if of[f[1]] == nil {
				of[f[1]] = map[string]string{}
			}
			of[f[1]][f[2]] = f[3]
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
	proxytest.Folder(t, dir, files)
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
