package gc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/check/bundle"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// pack packs what a line needs: that works if a build of it needs no network.
func (w *world) pack(l *lock.Lock) error {
	_, err := bundle.Pack(w.t.Context(), bundle.Args{
		Out: filepath.Join(w.t.TempDir(), "b.tar"), Store: w.store, Lines: []needs.Line{{Name: l.Product, Lock: l, Digest: digest.FromBytes(nil)}},
		Tools: []lock.GoModule{l.Toolchain.RulesGo}, Platforms: []string{"linux_amd64"},
	})
	return err
}

// TestOneOfTwoLines: after gc a build of the kept line needs no network, and of the
// other one nothing is there but what they share.
func TestOneOfTwoLines(t *testing.T) {
	w := newWorld(t)
	for _, l := range []*lock.Lock{w.demo, w.next} {
		if err := w.pack(l); err != nil {
			t.Fatalf("before gc: %v", err)
		}
	}
	w.age(".") // packing uses them
	p := w.collect(w.args())
	if err := w.pack(w.demo); err != nil {
		t.Errorf("the kept line: %v", err)
	}
	if err := w.pack(w.next); !errors.Is(err, store.ErrMissing) {
		t.Errorf("the other line: got %v, want that it is not in the store", err)
	}
	// A module's three files, two blobs, and of the image the manifest and a layer.
	if got := goes(p); len(got) != 7 {
		t.Errorf("got %d entries that go, want 7:\n%s", len(got), strings.Join(got, "\n"))
	}
	if p.Freed != p.Goes || p.Freed == 0 {
		t.Errorf("freed: got %d bytes, want %d", p.Freed, p.Goes)
	}
	for _, name := range w.files("cache/store") {
		if strings.Contains(name, "next") {
			t.Errorf("got %s, want nothing of line next", name)
		}
	}
	if entries, err := os.ReadDir(w.path("cache/store/content_addressable/sha256")); err != nil || len(entries) != 3 {
		t.Errorf("got %d directories of blobs, %v, want 3: those that are empty are gone", len(entries), err)
	}
	index, err := os.ReadFile(w.path("cache/store/oci/index.json"))
	if err != nil || strings.Contains(string(index), string(w.next.Images[0].Digest)) || !strings.Contains(string(index), string(w.demo.Images[0].Digest)) {
		t.Errorf("got index of images %v\n%s\nwant one that has the kept image only", err, index)
	}
	if again := w.collect(w.args()); again.Goes != 0 {
		t.Errorf("a second gc: got %d bytes that go, want none: %q", again.Goes, goes(again))
	}
}

// TestWhatKeeps: each source of what is needed keeps all of line next.
func TestWhatKeeps(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep func(w *world, a *Args) error
	}{
		{"a directory of locks, at any depth", func(w *world, a *Args) error {
			w.json("locks/a/b/lock.json", w.next)
			return a.Keep.AddLocks(w.path("locks"))
		}},
		{"another checkout", func(w *world, a *Args) error {
			w.json("other/manifests/next/lock.json", w.next)
			_, err := a.Keep.AddCheckout(w.path("other"))
			return err
		}},
		{"a checkout whose path has a bracket", func(w *world, a *Args) error {
			w.json("[o]ther*/manifests/next/lock.json", w.next)
			_, err := a.Keep.AddCheckout(w.path("[o]ther*"))
			return err
		}},
		{"a commit that is not the last", func(w *world, a *Args) error {
			w.json("ws/manifests/next/lock.json", w.next)
			w.git("init", "-q", "-b", "main")
			w.git("add", ".")
			w.git("commit", "-q", "-m", "both")
			w.git("rm", "-q", "manifests/next/lock.json")
			w.git("commit", "-q", "-m", "one")
			return a.Keep.AddGit(w.t.Context(), w.path("ws"), "HEAD")
		}},
		{"that it was used of late", func(w *world, a *Args) error {
			a.MinAge = 72 * time.Hour
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.args()
			if err := tt.keep(w, &a); err != nil {
				t.Fatal(err)
			}
			if p := w.collect(a); p.Goes != 0 {
				t.Errorf("got %q that go, want nothing", goes(p))
			}
			if err := w.pack(w.next); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsNotKnownIsAnError(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		keep       func(w *world, k *Keep) error
	}{
		{"a lock of the checkout is damaged", "reading lock", func(w *world, k *Keep) error {
			w.write("ws/manifests/next/lock.json", "{}")
			_, err := k.AddCheckout(w.path("ws"))
			return err
		}},
		{"a lock of the checkout is a directory", "lock.json", func(w *world, k *Keep) error {
			w.write("ws/manifests/next/lock.json/x", "")
			_, err := k.AddCheckout(w.path("ws"))
			return err
		}},
		{"the SDK's pins are damaged", "reading the Go SDK's pins", func(w *world, k *Keep) error {
			w.write("ws/release/sources/go_sdk.json", "{")
			_, err := k.AddCheckout(w.path("ws"))
			return err
		}},
		{"a directory has no locks", "has no file lock.json", func(w *world, k *Keep) error { return k.AddLocks(w.path("state")) }},
		{"a range has no commits", "it has no commits", func(w *world, k *Keep) error {
			w.git("init", "-q", "-b", "main")
			w.git("commit", "-q", "--allow-empty", "-m", "first")
			return k.AddGit(w.t.Context(), w.path("ws"), "HEAD..HEAD")
		}},
		{"a range is an option", "running git rev-list", func(w *world, k *Keep) error {
			w.git("init", "-q", "-b", "main")
			w.git("commit", "-q", "--allow-empty", "-m", "first")
			return k.AddGit(w.t.Context(), w.path("ws"), "--all")
		}},
		{"a lock of a commit is damaged", ":manifests/demo/lock.json", func(w *world, k *Keep) error {
			w.write("ws/manifests/demo/lock.json", "{}")
			w.git("init", "-q", "-b", "main")
			w.git("add", ".")
			w.git("commit", "-q", "-m", "first")
			return k.AddGit(w.t.Context(), w.path("ws"), "HEAD")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if err := os.MkdirAll(w.path("state"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := tt.keep(w, &Keep{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestStore: what is in a store beside what a lock needs.
func TestStore(t *testing.T) {
	const id = "cache/store/content_addressable/sha256/"
	for _, tt := range []struct {
		name, file string
		goes       bool
	}{
		{"a file that nothing needs", id + strings.Repeat("1", 64) + "/file", true},
		{"a temporary file of a blob", id + ".tmp-123", true},
		{"a temporary file of a module", "cache/store/goproxy/example.com/lib/@v/.tmp-1", true},
		{"a temporary file of an image", "cache/store/oci/blobs/sha256/.tmp-1", true},
		{"a temporary file of the images' index", "cache/store/oci/.index.json.tmp-12", true},
		{"the images' index", "cache/store/oci/index.json", false},
		{"a version that nothing needs", "cache/store/goproxy/example.com/lib/@v/v0.2.0.mod", true},
		{"a file of another name beside a blob", id + strings.Repeat("1", 64) + "/other", false},
		{"a blob by another algorithm", "cache/store/content_addressable/sha512/x/file", false},
		{"a proxy's list of versions", "cache/store/goproxy/example.com/lib/@v/list", false},
		{"a file in no @v", "cache/store/goproxy/example.com/lib/x.zip", false},
		{"a directory that the store does not have", "cache/store/mine/x", false},
		{"a root that nothing wants", "cache/store/root/bazel-6.5.0-0123456789abcdef.tar", true},
		{"a root whose Bazel is wanted", "cache/store/root/bazel-7.7.1-0123456789abcdef.tar.sha256", false},
		{"a file beside the roots", "cache/store/root/README", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.json("ws/manifests/next/lock.json", w.next)
			w.write(tt.file, "text")
			w.age(".")
			p := w.collect(w.args())
			if w.exists(tt.file) == tt.goes || len(goes(p)) > 1 {
				t.Errorf("got that %q go, want that it goes: %t", goes(p), tt.goes)
			}
			for _, l := range []*lock.Lock{w.demo, w.next} {
				if err := w.pack(l); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestBazelsOwn: no lock names what Bazel fetched by a URL for itself.
func TestBazelsOwn(t *testing.T) {
	w := newWorld(t)
	own := w.blob("bazel_skylib")
	if err := os.WriteFile(filepath.Join(filepath.Dir(w.store.BlobPath(own)), "id-0123"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.age(".")
	w.collect(w.args())
	if !w.store.HasBlob(own) {
		t.Error("got no blob that Bazel fetched, want that it stays")
	}
}

// TestImagesThatAreNotKnown: without its manifest nobody knows which layers a kept image needs.
func TestImagesThatAreNotKnown(t *testing.T) {
	w := newWorld(t)
	if err := os.Remove(w.store.OCIBlobPath(w.demo.Images[0].Digest)); err != nil {
		t.Fatal(err)
	}
	before := w.files("cache/store/oci")
	p := w.collect(w.args())
	if got := w.files("cache/store/oci"); !slices.Equal(got, before) {
		t.Errorf("got\n%q\nwant that all stay:\n%q", got, before)
	}
	if notes := strings.Join(p.Sections[0].Notes, "\n"); !strings.Contains(notes, "all base images stay") || !strings.Contains(notes, "is not in the store") {
		t.Errorf("got notes %q, want one that says why all images stay", notes)
	}
}

// TestImageThatIsYoung: nothing needs it yet, as when a resolve has fetched it and has
// not written its lock.
func TestImageThatIsYoung(t *testing.T) {
	w := newWorld(t)
	manifest, now := w.next.Images[0].Digest, time.Now()
	if err := os.Chtimes(w.store.OCIBlobPath(manifest), now, now); err != nil {
		t.Fatal(err)
	}
	w.collect(w.args())
	index, err := os.ReadFile(w.path("cache/store/oci/index.json"))
	if err != nil || !strings.Contains(string(index), string(manifest)) {
		t.Errorf("got index of images %v\n%s\nwant that it still has the young one", err, index)
	}
}

// TestUsedMeanwhile: a build looks something up after gc has decided about it.
func TestUsedMeanwhile(t *testing.T) {
	w := newWorld(t)
	p, err := New(t.Context(), w.args())
	if err != nil {
		t.Fatal(err)
	}
	tool := w.next.Files[0].Digest
	if !w.store.HasBlob(tool) {
		t.Fatal("got no blob, want that gc has removed nothing yet")
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.store.HasBlob(tool) {
		t.Error("got no blob, want that what was looked up stays")
	}
	if w.store.HasBlob(digest.Digest(w.next.Dependencies[1].Digest)) {
		t.Error("got the other blob, want that it is gone")
	}
}

// TestBesideWriters: while gc runs again and again, what writers put is there when they look.
func TestBesideWriters(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	collected := make(chan error, 1)
	a := w.args()
	go func() {
		var errs []error
		for ctx.Err() == nil && len(errs) == 0 {
			a.Now = time.Now()
			p, err := New(context.WithoutCancel(ctx), a)
			if err == nil {
				err = p.Remove(context.WithoutCancel(ctx))
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		collected <- errors.Join(errs...)
	}()
	old := time.Now().Add(-48 * time.Hour)
	for range 300 {
		d := w.blob("a blob that comes and goes")
		if !w.store.HasBlob(d) {
			t.Error("got no blob, want the one that was put")
			break
		}
		if err := os.Chtimes(w.store.BlobPath(d), old, old); err != nil {
			t.Error(err)
			break
		}
	}
	cancel()
	if err := <-collected; err != nil {
		t.Error(err)
	}
}

// TestInterrupted: what an ended gc has not removed, the next one does, half of a directory included.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	gone := w.base(w.path("gone"))
	p, err := New(t.Context(), w.args())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Remove(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if p.Freed != 0 || !w.exists("bases/"+gone) {
		t.Errorf("got %d bytes that were freed, want none", p.Freed)
	}
	// As if it had ended after it renamed the output base.
	if err := os.Mkdir(w.path("bases/"+trash), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.path("bases/"+gone), w.path("bases/"+trash+"/1-"+gone)); err != nil {
		t.Fatal(err)
	}
	p = w.collect(w.args())
	if p.Freed != p.Goes || w.exists("bases/"+trash) || len(w.files("bases")) != 0 {
		t.Errorf("got %q in output bases, and %d of %d bytes freed, want that all are gone", w.files("bases"), p.Freed, p.Goes)
	}
	if err := w.pack(w.next); !errors.Is(err, store.ErrMissing) {
		t.Errorf("line next: got %v, want that it is gone", err)
	}
}
