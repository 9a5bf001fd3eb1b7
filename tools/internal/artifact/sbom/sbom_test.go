package sbom

import (
	"bytes"
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden documents")

// documents returns all documents of a release, by name.
func documents(tb testing.TB, a Args) *txtar.Archive {
	tb.Helper()
	inv, err := Collect(context.Background(), a)
	check(tb, err)
	image, err := inv.Image("images/tool")
	check(tb, err)
	graphs := map[string]*Graph{"release": inv.Release([]string{"sbom/tool-1.0.0.spdx.json", "sbom/tool-1.0.0.cdx.json"}), "image": image}
	for _, d := range a.Lock.Dependencies {
		graphs[d.Name], err = inv.Source(d.Name)
		check(tb, err)
	}
	all := new(txtar.Archive)
	for _, name := range []string{"release", "image", "agent", "data", "tool"} {
		spdx, err := graphs[name].SPDX()
		check(tb, err)
		cdx, err := graphs[name].CycloneDX()
		check(tb, err)
		all.Files = append(all.Files, txtar.File{Name: name + ".spdx.json", Data: spdx}, txtar.File{Name: name + ".cdx.json", Data: cdx})
	}
	return all
}

// TestGolden compares all documents of a small release, in any order of the input and in
// any directory.
func TestGolden(t *testing.T) {
	const golden = "testdata/release.txtar"
	a := Args{Lock: testLock(), Artifacts: testRelease(t, t.TempDir()), Licenses: map[string]string{"example.com/tool@v1.2.3": "Apache-2.0"}}
	got := txtar.Format(documents(t, a))
	if *update {
		check(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("the documents differ from %s: run go test -update, and look at the difference", golden)
	}
	for range 5 {
		a.Artifacts = testRelease(t, filepath.Join(t.TempDir(), "other", "directory"))
		rand.Shuffle(len(a.Artifacts), func(i, j int) { a.Artifacts[i], a.Artifacts[j] = a.Artifacts[j], a.Artifacts[i] })
		for i := range a.Artifacts {
			slices.Reverse(a.Artifacts[i].Contents)
		}
		if again := txtar.Format(documents(t, a)); !bytes.Equal(got, again) {
			t.Fatal("the documents depend on the order of the artifacts")
		}
	}
	if bytes.Contains(got, []byte("somebody")) {
		t.Error("a directory of this machine is in a document")
	}
}

// TestIDs: what identifies elements is valid, and no two have the same.
func TestIDs(t *testing.T) {
	inv, err := Collect(context.Background(), Args{Lock: testLock(), Artifacts: testRelease(t, t.TempDir())})
	check(t, err)
	g := inv.Release(nil)
	seen := map[string]bool{}
	for _, e := range g.Elements {
		if !regexp.MustCompile(`^[a-zA-Z0-9.-]+$`).MatchString(e.ID) || seen[e.ID] {
			t.Errorf("ID %q is not valid, or a duplicate", e.ID)
		}
		seen[e.ID] = true
	}
	for _, r := range g.Relations {
		if !seen[r.From] || !seen[r.To] {
			t.Errorf("%v: no such element", r)
		}
	}
	b := newBuilder()
	if one, two := b.add("a/b", "a/b", Element{Kind: File}), b.add("a-b", "a-b", Element{Kind: File}); one.ID == two.ID {
		t.Errorf("a/b and a-b are both %q", one.ID)
	}
}
