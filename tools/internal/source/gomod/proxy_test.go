package gomod

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// locked are the modules of topMod as a lock has them: the content of the first
// two, for the second without a sum of its go.mod, and only go.mod of the third.
func (w *world) locked() []lock.GoModule {
	left, base, spare := w.proxy.Module("example.com/left@v1.1.0"), w.proxy.Module("example.com/Base@v1.0.0"), w.proxy.Module("example.com/spare@v0.1.0")
	return []lock.GoModule{
		{Path: left.Path, Version: left.Version, Sum: left.Sum},
		{Path: base.Path, Version: base.Version, Sum: base.Sum, GoModSum: base.GoModSum},
		{Path: spare.Path, Version: spare.Version, GoModSum: spare.GoModSum},
	}
}

// stored returns the files of a version that the store has, which have to be the proxy's.
func (w *world) stored(t *testing.T, version string) (have string) {
	t.Helper()
	for _, ext := range []string{".info", ".mod", ".zip"} {
		theirs, err := proxytest.File(w.proxy.Dir, version, ext)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := proxytest.File(w.store.Dir()+"/goproxy", version, ext)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(ours)
		if err != nil {
			continue
		}
		have += ext
		if want, err := os.ReadFile(theirs); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, or the store's file is not the proxy's", theirs, err)
		}
	}
	return have
}

// TestFillDirectly: what the proxy has comes without the go command's cache.
func TestFillDirectly(t *testing.T) {
	w := newWorld(t)
	g := w.fresh(t)
	modules := w.locked()
	modules = append(modules, lock.GoModule{Path: modules[0].Path, Version: modules[0].Version, GoModSum: w.proxy.Module("example.com/left@v1.1.0").GoModSum})
	if err := g.Fill(t.Context(), modules); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"example.com/left@v1.1.0": ".info.mod.zip", "example.com/Base@v1.0.0": ".info.mod.zip", "example.com/spare@v0.1.0": ".info.mod"} {
		if got := w.stored(t, version); got != want {
			t.Errorf("%s: got %q, want %q", version, got, want)
		}
	}
	if _, err := os.Stat(g.Cache); !os.IsNotExist(err) {
		t.Errorf("the go command's cache: got %v, want none", err)
	}
	if got := w.server.Requests(); len(got) != 8 {
		t.Errorf("got requests %q, want one for each of 8 files", got)
	}
	if err := g.Fill(t.Context(), modules); err != nil || len(w.server.Requests()) > 0 {
		t.Errorf("again: got %v, or requests, want neither", err)
	}
}

// TestFillLeaves: what cannot be brought directly is left to the go command.
func TestFillLeaves(t *testing.T) {
	file := func(t *testing.T, w *world, version, ext string) string {
		t.Helper()
		name, err := proxytest.File(w.proxy.Dir, version, ext)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	const left, base, spare = "example.com/left@v1.1.0", "example.com/Base@v1.0.0", "example.com/spare@v0.1.0"
	write := func(version, ext, text string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			if err := os.WriteFile(file(t, w, version, ext), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		alter func(*testing.T, *world)
		want  []string
	}{
		{"all there", func(*testing.T, *world) {}, nil},
		{"private", func(t *testing.T, _ *world) { t.Setenv("GOPRIVATE", "*.org,example.com/Base") }, []string{base}},
		{"file proxy", func(t *testing.T, w *world) { t.Setenv("GOPROXY", w.proxy.URL()+",off") }, []string{left, base, spare}},
		{"list", func(t *testing.T, w *world) { t.Setenv("GOPROXY", w.server.URL+"/|direct") }, nil},
		{"no file", func(t *testing.T, w *world) {
			if err := os.Remove(file(t, w, left, ".zip")); err != nil {
				t.Fatal(err)
			}
		}, []string{left}},
		{"content", func(t *testing.T, w *world) {
			if err := proxytest.Alter(file(t, w, base, ".zip")); err != nil {
				t.Fatal(err)
			}
		}, []string{base}},
		{"no zip", write(base, ".zip", "PK"), []string{base}},
		{"go.mod without a sum", write(left, ".mod", "module example.com/left\n"), []string{left}},
		{"go.mod with a sum", write(base, ".mod", "module example.com/Base\n\n"), []string{base}},
		{"go.mod alone", write(spare, ".mod", "module example.com/other\n"), []string{spare}},
		{"no time", write(spare, ".info", "x"), []string{spare}},
		{"another version", write(spare, ".info", `{"Version":"v0.2.0"}`), []string{spare}},
		{"large", write(spare, ".info", `{"Version":"v0.1.0"}`+strings.Repeat(" ", maxText)), []string{spare}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.alter(t, w)
			rest, err := w.fresh(t).fillDirectly(t.Context(), w.locked())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range rest {
				got = append(got, m.Path+"@"+m.Version)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("left: got %q, want %q", got, tt.want)
			}
			for _, version := range got {
				if have := w.stored(t, version); have != "" {
					t.Errorf("%s: the store has %s", version, have)
				}
			}
		})
	}
}

// TestFillConflict: a lock with two sums for one module is refused.
func TestFillConflict(t *testing.T) {
	w := newWorld(t)
	modules := w.locked()
	other := modules[0]
	other.Sum = modules[1].Sum
	wantError(t, w.fresh(t).Fill(t.Context(), append(modules, other)), "example.com/left@v1.1.0 has two sums", other.Sum)
	if got := w.server.Requests(); len(got) > 0 {
		t.Errorf("got requests %q, want none", got)
	}
}

// TestCheckZipLimits: a list of files that is too long, and content that is too
// large, are refused before they take memory or time.
func TestCheckZipLimits(t *testing.T) {
	archive := func(n int, size uint64) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i := range n {
			h := &zip.FileHeader{Name: fmt.Sprintf("m@v1/%s%d", strings.Repeat("x", 60000), i), UncompressedSize64: size}
			if _, err := w.CreateRaw(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, tt := range []struct {
		data []byte
		want string
	}{
		{archive(2*maxDirectory/60000, 0), "the list of files has more than"},
		{archive(2, 300<<20), "size of content: got more than"},
		{archive(1, 1<<63), "size of content: got more than"},
	} {
		m := &lock.GoModule{Path: "m", Version: "v1", Sum: "h1:"}
		wantError(t, checkContent(bytes.NewReader(tt.data), int64(len(tt.data)), m, nil), tt.want)
	}
}
