package gc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestOldPackageIndexes removes a release from a stage with package repositories: replaced
// indexes go when they are old, and all that the current ones name stays.
func TestOldPackageIndexes(t *testing.T) {
	w, _ := staged(t)
	secret := pgptest.Secret(t, pgptest.Args{Created: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
	at := "file://" + filepath.ToSlash(w.path(stageDir))
	p := profile.Profile{Name: stageProfile, Places: []profile.Place{
		profile.Place{Key: "apt"}.WithText("bucket", at+"/apt").WithList("suites", []string{"stable"}).WithText("key", "env://KEY"),
		profile.Place{Key: "yum"}.WithText("bucket", at+"/yum").WithList("channels", []string{"stable"}).WithText("key", "env://KEY"),
	}}
	put := func(version string) *publish.Receipt {
		tree, err := release.Open(t.Context(), release.Dir(packagetest.Release(t, releasetest.Args{Version: version}, packagetest.Package{Format: "deb"}, packagetest.Package{Format: "rpm"})))
		if err != nil {
			t.Fatal(err)
		}
		all, err := destinations.Open(t.Context(), destinations.Args{Profile: p, Tree: tree, Env: func(string) string { return secret }})
		if err != nil {
			t.Fatal(err)
		}
		publisher := &publish.Publisher{Tree: tree, Line: "demo", Profile: destinations.All().Recorded(p), Destinations: all}
		plan, err := publisher.Plan(t.Context())
		if err == nil {
			plan, err = publisher.Apply(t.Context(), plan)
		}
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := publish.NewReceipt("demo", tree, publisher.Profile, plan)
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	indexes := func() (n int) {
		for _, name := range w.files(stageDir) {
			if strings.Contains(name, "/by-hash/") {
				n++
			}
		}
		return n
	}
	put("1.0.0")
	once := indexes()
	receipt := put("1.1.0")
	if got := indexes(); got != 2*once {
		t.Fatalf("got %d files of indexes, want %d", got, 2*once)
	}
	w.age(".")
	plan := w.collect(w.of("1.0.0"))
	if got := indexes(); got != once {
		t.Errorf("got %d files of indexes, want the %d of the current ones", got, once)
	}
	if err := w.verify(receipt); err != nil {
		t.Error(err)
	}
	notes := ""
	for _, s := range plan.Sections {
		notes += strings.Join(s.Notes, "\n")
	}
	if !strings.Contains(notes, "dists/stable: its packages stay") {
		t.Errorf("got notes %q", notes)
	}
	if _, err := os.Stat(w.path(stageDir + "/apt/pool/main/d/demo/demo_1.0.0_amd64.deb")); err != nil {
		t.Error(err)
	}
}

// TestNewPackageIndexes: a replaced index that a reader may still use stays.
func TestNewPackageIndexes(t *testing.T) {
	w, _ := staged(t)
	w.write(stageDir+"/apt/dists/stable/InRelease", "nothing")
	old := stageDir + "/apt/dists/stable/main/binary-amd64/by-hash/SHA256/" + strings.Repeat("a", 64)
	w.write(old, "old")
	w.collect(w.of("1.0.0"))
	if !w.exists(old) {
		t.Error("a new file: got that it is gone")
	}
	w.age(".")
	w.publish("1.0.0")
	w.collect(w.of("1.0.0"))
	if w.exists(old) {
		t.Error("an old file: got that it is there")
	}
}
