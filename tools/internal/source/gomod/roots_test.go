package gomod

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

func TestRoots(t *testing.T) {
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{
		"go.mod": "module example.com/top\n", "tools/gen/go.mod": "module example.com/gen\n", "docs/a.md": "", "vendor/x/go.mod": "", "odd/go.mod/x": "",
	})
	if err := os.Symlink("tools", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		wanted, want []string
		err          string
	}{
		{nil, []string{"."}, ""},
		{[]string{"tools/gen", "."}, []string{".", "tools/gen"}, ""},
		{[]string{"tools/gen", "tools/gen"}, []string{"tools/gen"}, ""},
		{[]string{"docs"}, nil, `module directory "docs" has no go.mod`},
		{[]string{"none"}, nil, `module directory "none" has no go.mod`},
		{[]string{"odd"}, nil, `module directory "odd" has no go.mod`},
		{[]string{"link/gen"}, nil, `module directory "link/gen": its path has a symbolic link`},
		{[]string{"vendor/x"}, nil, `module directory "vendor/x": a vendored package is not a module of the source`},
		{[]string{"../x"}, nil, `module directory "../x": want a path inside the source`},
		{[]string{"/tools"}, nil, `module directory "/tools": want a path inside the source`},
		{[]string{"tools/gen/"}, nil, `module directory "tools/gen/": want a path inside the source`},
		{[]string{""}, nil, `module directory "": want a path inside the source`},
	} {
		got, err := Roots(dir, tt.wanted)
		if tt.err == "" && (err != nil || !slices.Equal(got, tt.want)) {
			t.Errorf("%q: got %q, %v, want %q", tt.wanted, got, err, tt.want)
		}
		if tt.err != "" {
			wantError(t, err, tt.err)
		}
	}
	if got, err := Roots(filepath.Join(dir, "docs"), nil); len(got) != 0 || err != nil {
		t.Errorf("without a go.mod: got %q, %v, want none", got, err)
	}
	if got, want := modulesHint(dir), "go.mod is in ., tools/gen, vendor/x"; got != want {
		t.Errorf("hint: got %q, want %q", got, want)
	}
	if got, want := modulesHint(filepath.Join(dir, "docs")), "the source has no go.mod"; got != want {
		t.Errorf("hint: got %q, want %q", got, want)
	}
	for _, sub := range "abcdefghi" {
		proxytest.Plant(t, dir, map[string]string{"many/" + string(sub) + "/go.mod": ""})
	}
	if got, want := modulesHint(dir), "go.mod is in ., many/a, many/b, many/c, many/d, many/e, many/f, many/g, many/h, many/i and 2 more"; got != want {
		t.Errorf("hint: got %q, want %q", got, want)
	}
}

// source makes a source of two modules, which require different versions of
// example.com/left; the second imports a package of the first by replace.
func (w *world) source(t *testing.T) string {
	t.Helper()
	const subMod = "module example.com/top/sub\n\ngo 1.20\n\nrequire (\n\texample.com/left v1.2.0\n\texample.com/top v0.0.0\n)\n\n" +
		"require example.com/spare v0.1.0 // indirect\n\nrequire example.com/Base v1.0.0 // indirect\n\nreplace example.com/top => ..\n"
	dir := w.top(t)
	proxytest.Plant(t, dir, map[string]string{
		"sub/go.mod": subMod, "sub/go.sum": w.proxy.GoSum(strings.Replace(subMod, "\texample.com/top v0.0.0\n", "", 1)), "near/near.go": "package near\n\nimport _ \"strings\"\n",
		"sub/main.go":         "package main\n\nimport (\n\t_ \"embed\"\n\n\t_ \"example.com/left\"\n\t_ \"example.com/top/near\"\n)\n\nfunc main() {}\n",
		"other/go.mod":        "module example.com/other\n\nrequire example.com/none v1.0.0\n",
		"other/other.go":      "package other\n\nimport _ \"crypto/x509\"\n",
		"vendor/evil/evil.go": "package evil\n\nimport _ \"net\"\n",
		"sub/vendor/go.mod":   "came along",
		// What a source says about how to build it does not hold.
		"go.work": "go 1.99\n\nuse ./other\n", "go.env": "GOFLAGS=-mod=mod\nGOTOOLCHAIN=go1.99.0\n",
	})
	return dir
}

func TestListRoot(t *testing.T) {
	modules := map[string]string{"example.com/left@v1.2.0/go.mod": "module example.com/left\n\ngo 1.20\n", "example.com/left@v1.2.0/left.go": "package left // two\n"}
	w := newWorldWith(t, modules)
	dir := w.source(t)
	g := w.fresh(t)
	for root, want := range map[string][]string{
		".":   {"example.com/Base v1.0.0", "example.com/left v1.1.0", "example.com/top ", "example.com/top/near "},
		"sub": {"example.com/left v1.2.0", "example.com/top/near v0.0.0", "example.com/top/sub "},
	} {
		l, err := g.ListRoot(t.Context(), dir, root, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range l["linux_amd64"] {
			if p.Error != nil {
				t.Errorf("%s: package %s: %s", root, p.ImportPath, p.Error.Err)
			}
			if !p.Standard {
				got = append(got, p.ImportPath+" "+p.Module.Version)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", root, got, want)
		}
		near := find(l, "linux_amd64", "example.com/top/near")
		if near.Dir != filepath.Join(dir, "near") || near.Module.Main != (root == ".") {
			t.Errorf("%s: got %+v, want the source's own", root, near)
		}
	}
	modulesRead, err := g.Modules()
	var read []string
	for _, m := range modulesRead {
		if m.Sum != "" {
			read = append(read, m.Path+"@"+m.Version)
		}
	}
	if want := []string{"example.com/Base@v1.0.0", "example.com/left@v1.1.0", "example.com/left@v1.2.0"}; err != nil || !slices.Equal(read, want) {
		t.Errorf("modules: got %q, %v, want %q", read, err, want)
	}
	w.server.Requests()
	if _, err := w.offline(t).ListRoot(t.Context(), w.source(t), "sub", nil, false); err != nil {
		t.Errorf("again, offline: %v", err)
	}
	w.silent(t)
}

func TestListRootErrors(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ name, goMod, want, hint string }{
		{"later Go", "module example.com/x\n\ngo 1.99\n", "go.mod requires go >= 1.99 (running go 1.", "pin a later one"},
		{"outside", "module example.com/x\n\nreplace example.com/y => ../../y\n", `reading "sub/go.mod": it replaces example.com/y by the directory "../../y", which is outside the source`, ""},
		{"absolute", "module example.com/x\n\nreplace example.com/y => /etc\n", `by the directory "/etc", which is outside the source`, ""},
		{"through itself", "module example.com/x\n\nreplace example.com/y => ./a/../../../y\n", "outside the source", ""},
		{"no Go module", "nonsense\n", `reading "sub/go.mod": sub/go.mod:1: unknown directive: nonsense`, ""},
		{"incomplete", "module example.com/x\n\ngo 1.20\n", `module in directory "sub": listing packages: package example.com/spare: `, "run go mod tidy there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			proxytest.Plant(t, dir, map[string]string{"sub/go.mod": tt.goMod, "sub/a.go": "package a\n\nimport _ \"example.com/spare\"\n"})
			_, err := w.fresh(t).ListRoot(t.Context(), dir, "sub", nil, false)
			wantError(t, err, tt.want)
			if got := hintOf(err); tt.hint != "" && !strings.Contains(got, tt.hint) {
				t.Errorf("got hint %q, want %q", got, tt.hint)
			}
		})
	}
	_, err := w.fresh(t).ListRoot(t.Context(), t.TempDir(), "none", nil, false)
	wantError(t, err, `module directory "none" has no go.mod`)
	// A replacement inside the source may lead anywhere in it.
	dir := t.TempDir()
	proxytest.Plant(t, dir, map[string]string{"sub/go.mod": "module example.com/x\n\nreplace example.com/y => ../y\n"})
	l, err := w.fresh(t).ListRoot(t.Context(), dir, "sub", nil, false)
	if err != nil || len(l["linux_amd64"]) != 0 {
		t.Errorf("replacement inside: got %v, %v, want no packages", l, err)
	}
}
