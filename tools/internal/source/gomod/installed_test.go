package gomod

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestListIncompleteSums: who installs a module does not read its go.sum. What it lacks
// changes neither what is listed nor which modules are read, and what go.mod does not
// require is not found, although the proxy has it.
func TestListIncompleteSums(t *testing.T) {
	w := newWorldWith(t, map[string]string{
		"example.com/beside@v1.0.0/go.mod":    "module example.com/beside\n",
		"example.com/beside@v1.0.0/beside.go": "package beside\n",
	})
	// Who asks for the latest version of it, gets one.
	if err := os.WriteFile(filepath.Join(w.proxy.Dir, "example.com", "beside", "@v", "list"), []byte("v1.0.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const hack = "package hack\n\nimport _ \"example.com/beside\"\n"
	whole, complete := w.fresh(t), w.top(t)
	proxytest.Plant(t, complete, map[string]string{"hack/hack.go": hack})
	list(t, whole, complete, nil, true)
	want, err := whole.Modules()
	if err != nil || len(want) < 2 {
		t.Fatalf("got %v, %v, want left and Base", want, err)
	}
	one := w.proxy.Module("example.com/left@v1.1.0")
	for _, sums := range []string{"", "example.com/left v1.1.0 " + one.Sum + "\n"} {
		for i, g := range []*Go{w.fresh(t), w.offline(t)} {
			dir := w.top(t)
			name := filepath.Join(dir, "go.sum")
			proxytest.Plant(t, dir, map[string]string{"go.sum": sums, "hack/hack.go": hack})
			if sums == "" {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			l := list(t, g, dir, nil, true)
			for _, platform := range keys() {
				if left, top := find(l, platform, "example.com/left"), find(l, platform, "example.com/top"); left.Dir == "" || left.Error != nil || top.Incomplete {
					t.Errorf("%s, run %d: got %+v and %+v, want left and top", platform, i, left, top)
				}
				if beside := find(l, platform, "example.com/beside"); beside.Dir != "" || beside.Error == nil {
					t.Errorf("%s, run %d: got %+v, want that beside is not found", platform, i, beside)
				}
			}
			if got, err := g.Modules(); err != nil || !slices.Equal(got, want) {
				t.Errorf("run %d: modules: got\n%v, %v\nwant\n%v", i, got, err, want)
			}
			if data, err := os.ReadFile(name); string(data) != sums || (err == nil) != (sums != "") {
				t.Errorf("go.sum: got %q, %v, want that it stays %q", data, err, sums)
			}
		}
	}
}

// TestListWrongSums: a sum that go.sum does have holds.
func TestListWrongSums(t *testing.T) {
	w := newWorld(t)
	dir := w.top(t)
	proxytest.Plant(t, dir, map[string]string{"go.sum": "example.com/left v1.1.0 " + w.proxy.Module("example.com/spare@v0.1.0").Sum + "\n"})
	_, err := w.fresh(t).List(t.Context(), dir, nil, true)
	wantError(t, err, "verifying example.com/left@v1.1.0: checksum mismatch")
}
