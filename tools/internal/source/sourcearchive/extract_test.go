package sourcearchive

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// treeTar writes a canonical tar of path → content. A content that begins with "-> " is a link;
// one that begins with "#!" is executable.
func treeTar(t testing.TB, files map[string]string) Source {
	t.Helper()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	w := sourcetar.NewWriter(&b, sourcetar.Options{})
	for _, name := range names {
		content := files[name]
		e := sourcetar.Entry{Name: name, Mode: 0o644}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			e, content = sourcetar.Entry{Name: name, Link: target}, ""
		} else if strings.HasPrefix(content, "#!") {
			e.Mode = 0o755
		}
		if err := w.Add(e, int64(len(content)), strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := Source{Name: "app", Archive: filepath.Join(t.TempDir(), "source.tar"), Digest: string(digest.FromBytes(b.Bytes()))}
	if err := os.WriteFile(s.Archive, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// contents returns path → content of all files below dir.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		got[filepath.ToSlash(rel)] = string(data)
		if !d.Type().IsRegular() {
			t.Errorf("%q is not a regular file", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var sample = map[string]string{
	"BUILD.bazel":       "broken(\n",
	"bin/run":           "#!/bin/sh\n",
	"bin/same":          "-> run",
	"charts/a.yaml":     "a\n",
	"charts/web/a.yaml": "-> ../a.yaml",
	"charts/web/b.yaml": "b\n",
	"charts/web/lib":    "-> ../../lib",
	"charts-other/x":    "x\n",
	"lib/BUILD":         "lib\n",
	"lib/deep/c":        "-> ../../bin/run",
	"gone":              "-> nothing",
	"loop/a":            "-> b",
	"loop/b":            "-> a",
	"nest/again":        "-> .",
	"web":               "-> charts/web/",
}

func TestExtract(t *testing.T) {
	for _, tt := range []struct {
		name        string
		files       []string
		directories []string
		want        map[string]string
		executables []string
	}{
		{"a file", []string{"bin/run"}, nil, map[string]string{"bin/run": "#!/bin/sh\n"}, []string{"bin/run"}},
		{"links", []string{"bin/same", "web/a.yaml", "web/lib/deep/c"}, nil,
			map[string]string{"bin/same": "#!/bin/sh\n", "web/a.yaml": "a\n", "web/lib/deep/c": "#!/bin/sh\n"}, []string{"bin/same", "web/lib/deep/c"}},
		{"a directory", nil, []string{"charts"}, map[string]string{
			"charts/a.yaml": "a\n", "charts/web/a.yaml": "a\n", "charts/web/b.yaml": "b\n",
			"charts/web/lib/BUILD": "lib\n", "charts/web/lib/deep/c": "#!/bin/sh\n",
		}, []string{"charts/web/lib/deep/c"}},
		{"a link to a directory", []string{"BUILD.bazel"}, []string{"web"}, map[string]string{
			"BUILD.bazel": "broken(\n", "web/a.yaml": "a\n", "web/b.yaml": "b\n", "web/lib/BUILD": "lib\n", "web/lib/deep/c": "#!/bin/sh\n",
		}, []string{"web/lib/deep/c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			got, err := Extract(Selection{Source: treeTar(t, sample), Files: tt.files, Directories: tt.directories}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.executables) {
				t.Errorf("executables: got %q, want %q", got, tt.executables)
			}
			files := contents(t, dir)
			for name, want := range tt.want {
				if files[name] != want {
					t.Errorf("%s: got %q, want %q", name, files[name], want)
				}
				delete(files, name)
			}
			if len(files) > 0 {
				t.Errorf("also there: %q", files)
			}
		})
	}
}

func TestExtractPatterns(t *testing.T) {
	source := treeTar(t, map[string]string{"s/a.sh": "a", "s/deep/b.sh": "#!b", "s/deep/c.py": "c", "s/Makefile": "m", "s/web": "-> ../web", "web/d.sh": "d", "web/e.txt": "e", "x.py": "x"})
	for _, tt := range []struct {
		patterns, executables []string
		want                  string // the files
		modes                 string // the executable ones
		err                   string
	}{
		{[]string{"*.sh", "Makefile"}, []string{"*.sh"}, "s/Makefile s/a.sh s/deep/b.sh s/web/d.sh x.py", "s/a.sh s/deep/b.sh s/web/d.sh", ""},
		{[]string{"s/*/*"}, nil, "s/deep/b.sh s/deep/c.py s/web/d.sh s/web/e.txt x.py", "s/deep/b.sh", ""},
		{[]string{"*", "*.sh"}, []string{"x.py", "s/*.sh"}, "s/Makefile s/a.sh s/deep/b.sh s/deep/c.py s/web/d.sh s/web/e.txt x.py", "s/a.sh s/deep/b.sh x.py", ""},
		{[]string{"*.md", "*.sh"}, []string{"*.md", "b.sh"}, "s/a.sh s/deep/b.sh s/web/d.sh x.py", "s/deep/b.sh", ""},
		{[]string{"*.md", "*.rs"}, nil, "", "", `source "app": no file matches any of the patterns ["*.md" "*.rs"]`},
		{[]string{"*.sh"}, []string{"*.txt"}, "", "", `source "app": no file matches any of the patterns ["*.txt"]`},
		{[]string{"["}, nil, "", "", `source "app": pattern "[": syntax error in pattern`},
		{nil, []string{"["}, "", "", `source "app": pattern "[": syntax error in pattern`},
	} {
		dir := t.TempDir()
		modes, err := Extract(Selection{Source: source, Files: []string{"x.py"}, Directories: []string{"s"}, Patterns: tt.patterns, Executables: tt.executables}, dir)
		got := strings.Join(slices.Sorted(maps.Keys(contents(t, dir))), " ")
		if tt.err != "" {
			if err == nil || err.Error() != tt.err || got != "" {
				t.Errorf("%q %q: got %q and %v, want %s", tt.patterns, tt.executables, got, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want || strings.Join(modes, " ") != tt.modes {
			t.Errorf("%q %q: got %q, %q, %v, want %q, %q", tt.patterns, tt.executables, got, modes, err, tt.want, tt.modes)
		}
	}
}

// TestExtractModule: a module's zip begins with its path and version.
func TestExtractModule(t *testing.T) {
	s := writeModule(t, "lib")
	whole, one := t.TempDir(), t.TempDir()
	if _, err := Extract(Selection{Source: s, Files: nil, Directories: []string{"."}}, whole); err != nil {
		t.Fatal(err)
	}
	all := contents(t, whole)
	if all["m.go"] == "" {
		t.Fatalf("got no m.go: %q", all)
	}
	if _, err := Extract(Selection{Source: s, Files: []string{"m.go"}, Directories: nil}, one); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, one); len(got) != 1 || got["m.go"] != all["m.go"] {
		t.Errorf("got %q, want m.go", got)
	}
}

func TestExtractRefuses(t *testing.T) {
	good := treeTar(t, sample)
	circle := map[string]string{}
	for i := range 20 { // each directory leads to the next in two ways
		next := fmt.Sprintf("-> ../d%d", (i+1)%20)
		circle[fmt.Sprintf("d%d/a", i)], circle[fmt.Sprintf("d%d/b", i)] = next, next
	}
	mutual := treeTar(t, circle)
	changed := good
	changed.Digest = "sha256:x"
	for _, tt := range []struct {
		source             Source
		files, directories []string
		want               string
	}{
		{changed, []string{"lib/BUILD"}, nil, `^source "app": digest of ".*": got sha256:\w+, want sha256:x$`},
		{good, []string{"charts/c.yaml"}, nil, `^source "app": path "charts/c.yaml" does not exist: directory "charts" has "a.yaml", "web"$`},
		{good, []string{"no/such"}, nil, `directory "\." has "BUILD.bazel", "bin", .*"…$|directory "\." has .*…$`},
		{good, []string{"charts"}, nil, `path "charts" is a directory: want it in directories$`},
		{good, nil, []string{"web/a.yaml"}, `path "web/a.yaml" is a file: want it in files$`},
		{good, []string{"."}, nil, `path "\."`},
		{good, []string{"../x"}, nil, `path "../x"`},
		{good, []string{"/bin/run"}, nil, `path "/bin/run"`},
		{good, []string{"gone"}, nil, `path "gone" is a symbolic link to "nothing", which does not exist$`},
		{good, []string{"loop/a"}, nil, `path "loop/a" leads through more than 40 symbolic links$`},
		{good, nil, []string{"nest"}, `path "nest/again" is a symbolic link to "nest", which leads back to it$`},
		{mutual, nil, []string{"d0"}, `path "d19/a" is a symbolic link to "d0", which leads back to it$`},
		{good, nil, []string{"."}, `path "gone" is a symbolic link`},
	} {
		dir := t.TempDir()
		_, err := Extract(Selection{Source: tt.source, Files: tt.files, Directories: tt.directories}, dir)
		if err == nil || !regexp.MustCompile(tt.want).MatchString(err.Error()) {
			t.Errorf("%q %q: got %v, want %s", tt.files, tt.directories, err, tt.want)
		}
		if got := contents(t, dir); len(got) > 0 {
			t.Errorf("%q %q: wrote %q", tt.files, tt.directories, got)
		}
	}
}

// FuzzExtract: whatever links there are, nothing is written outside of the directory, and it ends.
func FuzzExtract(f *testing.F) {
	f.Add("a", "b", "c/d", "../a", "c")
	f.Add("x/y", ".", "x/z", "..", "x")
	f.Fuzz(func(t *testing.T, link, target, other, to, selected string) {
		files := map[string]string{"file": "f", "d/file": "#!"}
		for name, content := range map[string]string{link: target, other: to} {
			if err := sourcetar.CheckName(name); err != nil || content == "" {
				return
			}
			files[name] = "-> " + content
		}
		var b bytes.Buffer
		w := sourcetar.NewWriter(&b, sourcetar.Options{})
		names := make([]string, 0, len(files))
		for name := range files {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			e := sourcetar.Entry{Name: name, Mode: 0o644}
			e.Link, _ = strings.CutPrefix(files[name], "-> ")
			content := files[name]
			if strings.HasPrefix(content, "-> ") {
				e.Mode, content = 0, ""
			} else {
				e.Link = ""
			}
			if w.Add(e, int64(len(content)), strings.NewReader(content)) != nil {
				return
			}
		}
		if _, err := w.Close(); err != nil {
			return
		}
		s := Source{Name: "app", Archive: filepath.Join(t.TempDir(), "source.tar"), Digest: string(digest.FromBytes(b.Bytes()))}
		if err := os.WriteFile(s.Archive, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		top := t.TempDir()
		dir := filepath.Join(top, "out")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, asDirectory := Extract(Selection{Source: s, Files: nil, Directories: []string{selected}}, dir)
		_, asFile := Extract(Selection{Source: s, Files: []string{selected}, Directories: nil}, dir)
		for name, content := range contents(t, top) {
			if !strings.HasPrefix(name, "out/") || content != "f" && content != "#!" {
				t.Errorf("%q: %q, %v, %v", name, content, asDirectory, asFile)
			}
		}
	})
}
