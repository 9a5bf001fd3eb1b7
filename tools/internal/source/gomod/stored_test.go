package gomod

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestCheckStored: each altered file is named with both sums; what is not there is not
// altered.
func TestCheckStored(t *testing.T) {
	w := newWorld(t)
	dir := w.top(t)
	list(t, w.fresh(t), dir, nil, false)
	sums, err := ReadSums(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	left := module.Version{Path: "example.com/left", Version: "v1.1.0"}
	if got, want := sums[left].Sum, w.proxy.Module(left.String()).Sum; got != want || sums[left].GoModSum == "" {
		t.Fatalf("go.sum: got %+v, want the sum %s", sums[left], want)
	}
	absent := lock.GoModule{Path: "example.com/absent", Version: "v1.0.0", Sum: "h1:x", GoModSum: "h1:y"}
	modules := []lock.GoModule{sums[left], absent}
	if err := CheckStored(w.store, modules); err != nil {
		t.Fatal(err)
	}
	zip, err := w.store.ModuleFile(left, ".zip")
	if err == nil {
		err = proxytest.Alter(zip)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = CheckStored(w.store, modules)
	wantError(t, err, `zip of module example.com/left@v1.1.0: h1 sum of "`+zip+`": got h1:`, "want "+sums[left].Sum)
	if strings.Contains(err.Error(), "\n") || hintOf(err) == "" {
		t.Errorf("got %v with hint %q, want one line and a hint", err, hintOf(err))
	}
	goMod := strings.TrimSuffix(zip, ".zip") + ".mod"
	if err := os.WriteFile(goMod, []byte("module example.com/right\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(zip, []byte("no zip"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, CheckStored(w.store, modules), `mod of module example.com/left@v1.1.0: h1 sum of "`+goMod+`": got h1:`, "want "+sums[left].GoModSum,
		"zip of module example.com/left@v1.1.0: h1 sum: got none, want "+sums[left].Sum, "not a valid zip file")
}
