package main

import (
	"errors"
	goformat "go/format"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/buildtools/build"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

// TestSizeProduct: the BUILD file has as many targets as it should, of every kind, and what it
// names is there.
func TestSizeProduct(t *testing.T) {
	for _, targets := range []int{10, 11, 50, 1000} {
		p := sizeProduct{targets: targets, version: "1.2.3"}
		line, source := p.line(), p.source("a licence")
		f, err := build.ParseBuild("BUILD.bazel", []byte(line["release/size/BUILD.bazel"]))
		if err != nil {
			t.Fatal(err)
		}
		loaded, names, called := 0, map[string]bool{}, map[string]int{}
		for _, rule := range f.Rules("") {
			if rule.Kind() == "load" {
				loaded += len(rule.Call.List) - 1
				continue
			}
			called[rule.Kind()]++
			name := rule.Name()
			if names[name] && name != "" {
				t.Errorf("%d targets: %q is there twice", targets, name)
			}
			names[name] = true
		}
		total := 0
		for _, n := range called {
			total += n
		}
		if want := len(sizeKinds) + len(sizeStatements); total != targets || len(called) != want {
			t.Errorf("got %d targets of %d rules, want %d of %d", total, len(called), targets, want)
		}
		if most, least := called["binary"], called["check"]; most-least > 1 || most != p.programs() {
			t.Errorf("got %d binaries and %d checks of %d programs, want as many", most, least, p.programs())
		}
		text := line["release/size/BUILD.bazel"]
		for _, m := range regexp.MustCompile(`":(p\d+)"`).FindAllStringSubmatch(text, -1) {
			if !names[m[1]] {
				t.Errorf("%d targets: no target %q", targets, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`@size_src//(cmd/p\d+)"`).FindAllStringSubmatch(text, -1) {
			if source[m[1]+"/main.go"] == "" {
				t.Errorf("%d targets: no program %q", targets, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`glob\(\["(charts/c\d+)/`).FindAllStringSubmatch(text, -1) {
			if line["release/size/"+m[1]+"/Chart.yaml"] == "" {
				t.Errorf("%d targets: no chart %q", targets, m[1])
			}
		}
		checkSizeInputs(t, p, line, source)
	}
}

// checkSizeInputs reads the files as their readers do.
func checkSizeInputs(t *testing.T, p sizeProduct, line, source map[string]string) {
	t.Helper()
	m, err := manifest.Parse("manifest.yaml", []byte(line["manifests/size/manifest.yaml"]))
	if err != nil || m.Version != p.version || m.Product != sizeLine {
		t.Errorf("manifest: got %+v, %v", m, err)
	}
	if _, err := destinations.All().Schema().Parse("destinations.yaml", []byte(line["manifests/size/destinations.yaml"])); err != nil {
		t.Error(err)
	}
	for name, text := range source {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		if tidy, err := goformat.Source([]byte(text)); err != nil || string(tidy) != text {
			t.Errorf("%s: got\n%s\nwant\n%s%v", name, text, tidy, err)
		}
	}
}

// TestSizeEdit: a new version changes one file, and so does an edit of the source.
func TestSizeEdit(t *testing.T) {
	w := &sizeWorkspace{dir: t.TempDir()}
	w.root = filepath.Join(w.dir, "workspace")
	p := sizeProduct{targets: 50, version: "1.0.0"}
	if err := w.write(p); err != nil {
		t.Fatal(err)
	}
	old := fileTexts(t, w.dir)
	p.version, p.edit = "1.0.1", 7
	if err := w.edit(p); err != nil {
		t.Fatal(err)
	}
	edited := fileTexts(t, w.dir)
	var changed []string
	for name, text := range edited {
		if old[name] != text {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if want := []string{"source/cmd/p0000/main.go", "workspace/manifests/size/manifest.yaml"}; !slices.Equal(changed, want) {
		t.Errorf("got changes of %q, want %q", changed, want)
	}
	// Another size leaves nothing of the one before.
	p.targets = 10
	if err := w.write(p); err != nil {
		t.Fatal(err)
	}
	want := len(p.line()) + len(p.source(""))
	if got := fileTexts(t, w.dir); len(got) != want {
		t.Errorf("got files %q, want %d", slices.Sorted(maps.Keys(got)), want)
	}
}

// fileTexts returns the files of a directory.
func fileTexts(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, relErr := filepath.Rel(dir, name)
		files[filepath.ToSlash(rel)] = string(data)
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	err := writeFiles(from, map[string]string{"a/b": "b", ".git/x": "x", "bazel-out/y": "y", "user.bazelrc": "z", "a/user.bazelrc": "kept"})
	if err == nil {
		err = copyTree(t.Context(), to, from, notOfWorkspace)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fileTexts(t, to), map[string]string{"a/b": "b", "a/user.bazelrc": "kept"}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseHeap(t *testing.T) {
	for text, want := range map[string]float64{"66MB": 66 << 20, "700KB": 700 << 10, "9GB": 9 << 30, "12B": 12} {
		if got, err := parseHeap(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := parseHeap("much"); err == nil {
		t.Errorf("much: got %v, want an error", got)
	}
}

func TestParseSizes(t *testing.T) {
	if got, err := parseSizes("200,50,200"); err != nil || !slices.Equal(got, []int{50, 200}) {
		t.Errorf("got %v, %v, want 50 and 200", got, err)
	}
	for _, bad := range []string{"", "9", "10,", "10 20", "100000"} {
		if got := run(t.Context(), []string{"-run", "^size$", "-sizes", bad}, io.Discard, io.Discard); got != 2 {
			t.Errorf("-sizes %q: got exit status %d, want 2", bad, got)
		}
	}
}

// sizeResults returns results in which every sample is f of the targets.
func sizeResults(f func(targets, measure float64) float64, sizes ...int) []sizeResult {
	var all []sizeResult
	for _, targets := range sizes {
		r := sizeResult{targets: targets}
		for i, m := range sizeMeasures {
			v := f(float64(targets), float64(i))
			if m.unit == bytes {
				v *= 1 << 20
			}
			r.samples[i] = Sample{v}
		}
		all = append(all, r)
	}
	return all
}

// TestSizeRows: a row fails if a target costs more than its goal, or if the cost grows faster
// than the targets.
func TestSizeRows(t *testing.T) {
	failing := func(f func(targets float64) float64) (each, growth bool) {
		results := sizeResults(func(targets, _ float64) float64 { return f(targets) }, 50, 200, 1000)
		rows := sizeRows(results)
		if want := 2 * (len(sizeMeasures) - 1); len(rows) != want { // one has no goal
			t.Fatalf("got %d rows, want %d", len(rows), want)
		}
		return !rows[0].Pass, !rows[1].Pass // of the build without a change, at most 1 ms
	}
	for _, tt := range []struct {
		name         string
		f            func(float64) float64
		each, growth bool
	}{
		{"flat", func(float64) float64 { return 3 }, false, false},
		{"0.9 ms", func(n float64) float64 { return 1 + 0.0009*n }, false, false},
		{"1.1 ms", func(n float64) float64 { return 1 + 0.0011*n }, true, false},
		{"quadratic", func(n float64) float64 { return n * n / 2e6 }, false, true},
	} {
		if each, growth := failing(tt.f); each != tt.each || growth != tt.growth {
			t.Errorf("%s: got failures %v and %v, want %v and %v", tt.name, each, growth, tt.each, tt.growth)
		}
	}
	results := sizeResults(func(n, _ float64) float64 { return n }, 50, 200)
	if got := sizeRows(results[:1]); got != nil {
		t.Errorf("one size: got %v, want no rows", got)
	}
	results[1].samples[sizeVerifyMemory] = nil
	if got, want := len(sizeRows(results)), 2*(len(sizeMeasures)-2); got != want {
		t.Errorf("without a sample: got %d rows, want %d", got, want)
	}
}
