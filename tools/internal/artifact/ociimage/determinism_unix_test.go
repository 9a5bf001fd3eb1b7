//go:build unix

package ociimage

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// TestDeterminism builds one image several times, each time with a change that must not
// affect the output.
func TestDeterminism(t *testing.T) {
	dir := t.TempDir()
	spec := testSpec(t, dir)
	want := fileDigests(t, buildLayout(t, spec))
	check := func(what string, spec Spec) {
		t.Helper()
		if got := fileDigests(t, buildLayout(t, spec)); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%v\nwant\n%v", what, got, want)
		}
	}
	check("again", spec)
	check("layers in another directory, made anew", testSpec(t, t.TempDir()))
	for range 5 {
		shuffled := spec
		shuffled.Platforms = slices.Clone(spec.Platforms)
		rand.Shuffle(len(shuffled.Platforms), func(i, j int) {
			shuffled.Platforms[i], shuffled.Platforms[j] = shuffled.Platforms[j], shuffled.Platforms[i]
		})
		check("shuffled", shuffled)
	}
	zone := spec
	zone.Created = spec.Created.In(time.FixedZone("far east", 14*3600))
	check("created in another time zone", zone)
	for _, n := range []int{1, 8} {
		old := runtime.GOMAXPROCS(n)
		check("GOMAXPROCS", testSpec(t, t.TempDir()))
		runtime.GOMAXPROCS(old)
	}
	local := time.Local
	time.Local = time.FixedZone("far west", -11*3600)
	check("TZ", testSpec(t, t.TempDir()))
	time.Local = local
	for _, mask := range []int{0, 0o077} {
		folder := t.TempDir()
		old := syscall.Umask(mask)
		fresh := testSpec(t, folder)
		check("umask", fresh)
		TestWriteLayoutCopies(t)
		syscall.Umask(old)
	}
	// Relative names in a spec that was written to a file and read again.
	for i := range spec.Platforms {
		for j, l := range spec.Platforms[i].Layers {
			spec.Platforms[i].Layers[j] = LayerSpec{filepath.Base(l.Tar), filepath.Base(l.Descriptor)}
		}
	}
	t.Chdir(dir)
	if err := jsonfile.Write("spec.json", spec); err != nil {
		t.Fatal(err)
	}
	relative, err := ReadSpec("spec.json")
	if err != nil {
		t.Fatal(err)
	}
	check("working directory", relative)
}
