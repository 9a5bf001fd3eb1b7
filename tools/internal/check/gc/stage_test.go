package gc

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const stageDir = "state/demo/stage"

// staged is a world whose stage has the releases 1.0.0 and 1.1.0, which latest names.
func staged(t *testing.T) (*world, map[string]*publish.Receipt) {
	t.Helper()
	w := newWorld(t)
	receipts := map[string]*publish.Receipt{}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		receipts[version] = w.publish(version)
		w.git("init", "-q", "--bare", w.path(stageDir+"/git/app.git"))
	}
	w.tag("1.0.0", "v1.0.0", "1.1.0", "v1.1.0")
	return w, receipts
}

// testKey signs the releases. It is for tests only.
const testKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIGpiHWCrVJnEYbFtT3YJd6bqu5jMrCps4On9Dx5EBCNh
-----END PRIVATE KEY-----
`

// publish publishes a signed release to the stage, as //release:publish does.
func (w *world) publish(version string) *publish.Receipt {
	w.t.Helper()
	tree := releasetest.Open(w.t, releasetest.Make(w.t, releasetest.Args{
		Version: version, Files: map[string]string{"demo": "demo " + version}, Images: []string{"app"}, Charts: []string{"chart"},
	}))
	k, err := signing.OpenKey(w.t.Context(), signing.KeyArgs{Ref: "env://KEY", Env: func(string) string { return testKey }})
	if err == nil {
		tree, err = signing.Sign(w.t.Context(), tree, k, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	at := "file://" + filepath.ToSlash(w.path(stageDir))
	profile := profile.Profile{Name: stageProfile, Places: []profile.Place{
		profile.Place{Key: "buckets"}.WithText("url", at+"/bucket").WithList("aliases", []string{"latest"}),
		profile.Place{Key: "registries"}.WithText("hub", at+"/registry").WithList("tags", []string{version, "latest"}),
		profile.Place{Key: "charts"}.WithText("bucket", at+"/charts"),
		profile.Place{Key: "github", Single: true}.WithText("dir", w.path(stageDir+"/github")),
	}}
	all, err := destinations.Open(w.t.Context(), destinations.Args{Profile: profile, Tree: tree, Env: os.Getenv})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &publish.Publisher{Tree: tree, Line: "demo", Profile: destinations.All().Recorded(profile), Destinations: all}
	plan, err := p.Plan(w.t.Context())
	if err == nil {
		plan, err = p.Apply(w.t.Context(), plan)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	receipt, err := publish.NewReceipt("demo", tree, profile, plan)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(stageDir+"/runs/"+version+"/receipt.json", "{}")
	return receipt
}

// tag makes a commit for each tag in the stage's repository.
func (w *world) tag(tags ...string) {
	w.t.Helper()
	for _, tag := range tags {
		w.git("init", "-q", "-b", "main")
		w.git("commit", "-q", "--allow-empty", "-m", tag)
		w.git("push", "-q", w.path(stageDir+"/git/app.git"), "HEAD:refs/tags/"+tag)
	}
}

func (w *world) tags() string {
	w.t.Helper()
	out, err := exec.Command("git", "-C", w.path(stageDir+"/git/app.git"), "tag", "--list").CombinedOutput()
	if err != nil {
		w.t.Fatalf("git tag: %v: %s", err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// verify asks the stage whether it has a release.
func (w *world) verify(r *publish.Receipt) error {
	all, err := destinations.Open(w.t.Context(), destinations.Args{Profile: r.Profile, Env: os.Getenv})
	if err != nil {
		return err
	}
	return r.Verify(w.t.Context(), all, true)
}

// of removes releases of line demo.
func (w *world) of(versions ...string) Args {
	a := w.args()
	a.Stage = Releases{Line: "demo", Versions: versions}
	return a
}

// holds returns the contents of a stage, without git's objects.
func (w *world) holds() map[string]digest.Digest {
	w.t.Helper()
	all := map[string]digest.Digest{}
	for _, name := range w.files(stageDir) {
		if strings.Contains(name, "/git/") {
			continue
		}
		d, _, err := digest.FromFile(w.path(name))
		if err != nil {
			w.t.Fatal(err)
		}
		all[name] = d
	}
	return all
}

// TestNothingOfAStageGoes: however old it is, if it is not named.
func TestNothingOfAStageGoes(t *testing.T) {
	w, receipts := staged(t)
	before := w.holds()
	w.age(".")
	p := w.collect(w.args())
	if !maps.Equal(before, w.holds()) {
		t.Errorf("got\n%v\nwant what was there:\n%v", w.holds(), before)
	}
	if err := w.verify(receipts["1.1.0"]); err != nil {
		t.Error(err)
	}
	var kept []string
	for _, s := range p.Sections {
		if s.Name == "runs and stages" {
			for _, g := range s.Stays {
				kept = append(kept, g.Why)
			}
		}
	}
	for _, want := range []string{"line demo, stage/bucket/1.0.0", "line demo, stage/registry/app", "line demo, stage, runs of 1.1.0"} {
		if !slices.Contains(kept, want) {
			t.Errorf("got %q, want %q among it", kept, want)
		}
	}
}

// TestRemoveRelease: all of a release that is named goes, all of the other stays, and the
// stage takes the release once more.
func TestRemoveRelease(t *testing.T) {
	w, receipts := staged(t)
	for _, name := range []string{"bucket/1.0.0.receipt.json", "bucket/1.0.0/SHA256SUMS", "charts/chart-1.0.0.tgz", "github/1.0.0.json", "runs/1.0.0/receipt.json"} {
		if !w.exists(stageDir + "/" + name) {
			t.Errorf("%s: got none, want that the stage has it before", name)
		}
	}
	p := w.collect(w.of("1.0.0"))
	if err := w.verify(receipts["1.1.0"]); err != nil {
		t.Errorf("the other release: %v", err)
	}
	if got, want := w.tags(), "1.1.0 v1.1.0"; got != want {
		t.Errorf("got git tags %s, want %s", got, want)
	}
	for _, name := range w.files(stageDir) {
		if strings.Contains(name, "1.0.0") {
			t.Errorf("got %s, want nothing of 1.0.0", name)
		}
	}
	for _, name := range []string{"charts/index.yaml", "registry/app/index.json"} {
		if data, err := os.ReadFile(w.path(stageDir + "/" + name)); err != nil || strings.Contains(string(data), "1.0.0") {
			t.Errorf("%s: got %v\n%s\nwant nothing of 1.0.0", name, err, data)
		}
	}
	if p.Freed != p.Goes {
		t.Errorf("freed: got %d bytes, want %d", p.Freed, p.Goes)
	}
	// Equal releases give equal stages, so what was left of 1.0.0 would show.
	only := newWorld(t)
	only.publish("1.1.0")
	for name := range only.holds() {
		if !w.exists(name) {
			t.Errorf("%s: got that it is gone, want what 1.1.0 needs", name)
		}
	}
	if got, want := len(w.files(stageDir+"/registry")), len(only.files(stageDir+"/registry")); got != want {
		t.Errorf("got %d files in the registry, want the %d that one release needs", got, want)
	}
	if _, err := New(t.Context(), w.of("1.0.0")); err == nil || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("once more: got error %v, want that it is not there", err)
	}
}

// TestRemoveAll: two releases that are named share blobs that nothing else needs.
func TestRemoveAll(t *testing.T) {
	w, _ := staged(t)
	for _, name := range []string{"bucket/latest", "github/latest"} {
		if err := os.Remove(w.path(stageDir + "/" + name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := retagIn(w, "latest"); err != nil {
		t.Fatal(err)
	}
	p := w.collect(w.of("1.0.0", "1.1.0"))
	if w.exists(stageDir+"/registry/app/blobs/sha256") || p.Freed != p.Goes {
		t.Errorf("got %q, and %d of %d bytes freed, want that all blobs are gone", w.files(stageDir+"/registry/app"), p.Freed, p.Goes)
	}
}

// retagIn removes a tag of the stage's image.
func retagIn(w *world, tag string) error {
	root, err := os.OpenRoot(w.path(stageDir + "/registry"))
	if err != nil {
		return err
	}
	return errors.Join(retag(root, "app", tag, ""), root.Close())
}

func TestReleasesThatStay(t *testing.T) {
	for _, tt := range []struct {
		name, version string
		set           func(w *world) error
		want          string
	}{
		{"the bucket's alias names it", "1.1.0", func(w *world) error {
			return errors.Join(os.Remove(w.path(stageDir+"/github/latest")), retagIn(w, "latest"))
		}, "demo/stage/bucket/latest names it"},
		{"a tag of the registry names it", "1.1.0", func(w *world) error {
			return errors.Join(os.Remove(w.path(stageDir+"/github/latest")), os.Remove(w.path(stageDir+"/bucket/latest")))
		}, "demo/stage/registry/app:latest names it"},
		{"it is GitHub's latest", "1.1.0", func(w *world) error {
			return errors.Join(os.Remove(w.path(stageDir+"/bucket/latest")), retagIn(w, "latest"))
		}, "demo/stage/github/latest names it"},
		{"it is not there", "1.2.0", func(*world) error { return nil }, `the stage of line "demo" does not have it`},
		{"it is a path", "../1.0.0", func(*world) error { return nil }, "does not have it"},
		{"the index of charts is damaged", "1.0.0", func(w *world) error { w.write(stageDir+"/charts/index.yaml", "entries: ["); return nil }, "reading index.yaml"},
		{"the index of images is damaged", "1.0.0", func(w *world) error { w.write(stageDir+"/registry/app/index.json", "{"); return nil }, "index.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := staged(t)
			if err := tt.set(w); err != nil {
				t.Fatal(err)
			}
			before := w.holds()
			if _, err := New(t.Context(), w.of(tt.version)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if !maps.Equal(before, w.holds()) {
				t.Error("got another stage, want that nothing has changed")
			}
		})
	}
	for _, line := range []string{"", ".", "..", "a/b", "/"} {
		r := &Releases{Line: line, Versions: []string{"1.0.0"}}
		if err := r.check(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a line") {
			t.Errorf("line %q: got error %v, want that it is none", line, err)
		}
	}
}

// TestRemovalGoesOn: wherever a gc ends, at no moment does the other release lack
// anything, and the next gc removes the rest.
func TestRemovalGoesOn(t *testing.T) {
	w, _ := staged(t)
	p, err := New(t.Context(), w.of("1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, s := range p.Sections {
		for i := range s.entries {
			if s.entries[i].named {
				steps++
			}
		}
	}
	if steps < 8 {
		t.Fatalf("got %d steps, want more: an asset, tags, a chart, an image, the files", steps)
	}
	for end := 1; end < steps; end += 3 {
		w, receipts := staged(t)
		if p, err = New(t.Context(), w.of("1.0.0")); err != nil {
			t.Fatal(err)
		}
		s := p.Sections[len(p.Sections)-1]
		s.entries = slices.DeleteFunc(s.entries, func(e entry) bool { return !e.named })[:end]
		if err := p.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.verify(receipts["1.1.0"]); err != nil {
			t.Errorf("after %d steps: the other release: %v", end, err)
		}
		w.collect(w.of("1.0.0"))
		if err := w.verify(receipts["1.1.0"]); err != nil {
			t.Errorf("%d steps, and the rest: the other release: %v", end, err)
		}
		only := newWorld(t)
		only.publish("1.1.0")
		if got, want := len(w.files(stageDir+"/registry")), len(only.files(stageDir+"/registry")); got != want {
			t.Errorf("%d steps, and the rest: got %d files in the registry, want %d", end, got, want)
		}
		for _, name := range w.files(stageDir) {
			if strings.Contains(name, "1.0.0") {
				t.Errorf("%d steps, and the rest: got %s, want nothing of 1.0.0", end, name)
			}
		}
	}
}
