package registry

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// variants makes and opens a release with an image, a variant of it, and another image.
func variants(t testing.TB, version string) *release.Tree {
	t.Helper()
	return releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: version, Images: []string{"app", "app:debug", "proxy"}, Bases: 2, LayerSize: 70_000}))
}

// TestVariants publishes a variant to each registry, and moves its alias.
func TestVariants(t *testing.T) {
	for _, tt := range servers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.start(t)
			if s == nil {
				return
			}
			r := &recorder{inner: s.Transport}
			c := Config{Hub: s.Host + "/team/x", Tags: stable("1.2.0", "latest"), Transport: r, Keychain: keychain{tt.auth}}
			d := open(t, c, variants(t, "1.2.0"))
			items := plan(t, d)
			wantStates(t, items, c.Hub, "image app absent", "image proxy absent", "image app absent",
				"tag app:1.2.0 absent", "tag proxy:1.2.0 absent", "tag app:1.2.0-debug absent",
				"tag app:latest absent", "tag proxy:latest absent", "tag app:latest-debug absent")
			if i := items[8]; i.Alias != "latest" || i.Rule != publish.Stable {
				t.Errorf("got alias %q with rule %q, want latest, so that flags name it", i.Alias, i.Rule)
			}
			r.take()
			publishAll(t, d)
			all, _ := r.take()
			// Two bases, and for each platform a config and two layers.
			if n := count(all, "POST ", "/team/x/app/blobs/uploads/"); n != 2+2*2*3 {
				t.Errorf("app: got %d uploads, want 14: the variant shares the bases\n%s", n, strings.Join(all, "\n"))
			}
			items = plan(t, d)
			if all, writes := r.take(); writes > 0 || len(all) > 6 {
				t.Errorf("plan of what is there: got %q, want 6 reads", all)
			}
			for _, deep := range []bool{false, true} {
				wantError(t, open(t, c, nil).Verify(t.Context(), items, deep), "")
			}
			plain := checkIndex(t, s, tt.auth, c.Hub+"/app:latest")
			debug := checkIndex(t, s, tt.auth, c.Hub+"/app:latest-debug")
			a, err1 := plain.Digest()
			b, err2 := debug.Digest()
			if err1 != nil || err2 != nil || a == b || b.String() != items[2].Digest {
				t.Errorf("got %s, %s, %v, %v, want two, the second %s", a, b, err1, err2, items[2].Digest)
			}
			inspect(t, "docker://"+c.Hub+"/app:1.2.0-debug", tt.auth)

			c.Tags = stable("1.1.9", "latest")
			older := open(t, c, variants(t, "1.1.9"))
			publishAll(t, older)
			wantStates(t, plan(t, older), c.Hub, "image app equal", "image proxy equal", "image app equal",
				"tag app:1.1.9 equal", "tag proxy:1.1.9 equal", "tag app:1.1.9-debug equal",
				"tag app:latest kept", "tag proxy:latest kept", "tag app:latest-debug kept")
			c.Tags = stable("1.3.0", "latest")
			publishAll(t, open(t, c, variants(t, "1.3.0")))
			wantError(t, open(t, c, nil).Verify(t.Context(), items, true), "")
		})
	}
}

// count returns how many requests have a method and a path that ends so.
func count(requests []string, method, suffix string) (n int) {
	for _, r := range requests {
		if strings.HasPrefix(r, method) && strings.HasSuffix(r, suffix) {
			n++
		}
	}
	return n
}

// TestVariantInDirectory publishes a variant into a directory of layouts.
func TestVariantInDirectory(t *testing.T) {
	c := Config{Hub: "file://" + t.TempDir(), Tags: stable("1.2.0", "latest")}
	d := open(t, c, variants(t, "1.2.0"))
	publishAll(t, d)
	items := plan(t, d)
	wantError(t, open(t, c, nil).Verify(t.Context(), items, true), "")
	x, err := d.(*destination).hub.(*dirHub).layout("app").Index()
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, e := range x.Manifests {
		tags = append(tags, e.Tag)
	}
	if want := []string{"1.2.0", "1.2.0-debug", "latest", "latest-debug"}; !slices.Equal(tags, want) {
		t.Errorf("got tags %q, want %q", tags, want)
	}
}

// TestVariantChanged has the tag of a variant change after the plan: then no tag of the same
// rank is written.
func TestVariantChanged(t *testing.T) {
	s := servers[0].start(t)
	c := Config{Hub: s.Host + "/x", Tags: stable("1.2.0", "latest"), Transport: s.Transport}
	d := open(t, c, variants(t, "1.2.0"))
	items := plan(t, d)
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
		t.Fatal(err)
	}
	other(t, s, c.Hub+"/app:latest-debug", "1.1.0")
	wantError(t, d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil), `tag .*/app:latest-debug: got sha256:[0-9a-f]+ there, want nothing: it has changed`)
	for _, ref := range []string{"app:latest", "proxy:latest"} {
		r, err := name.ParseReference(c.Hub + "/" + ref)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Head(r); err == nil {
			t.Errorf("%s was written", ref)
		}
	}
}

// TestVariantLater publishes a variant of an image that is there.
func TestVariantLater(t *testing.T) {
	s := servers[0].start(t)
	r := &recorder{inner: s.Transport}
	c := Config{Hub: s.Host + "/x", Tags: stable("1.2.0"), Transport: r}
	publishAll(t, open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Images: []string{"app"}, Bases: 2, LayerSize: 70_000}))))
	d := open(t, c, variants(t, "1.2.0"))
	wantStates(t, plan(t, d)[:3], c.Hub, "image app equal", "image proxy absent", "image app absent")
	r.take()
	publishAll(t, d)
	if all, _ := r.take(); count(all, "POST ", "/x/app/blobs/uploads/") != 2*3 {
		t.Errorf("got %q, want 6 uploads to app: the bases are there", all)
	}
	wantError(t, open(t, c, nil).Verify(t.Context(), plan(t, d), true), "")
}

func TestSplitVariant(t *testing.T) {
	for _, tt := range []struct{ name, ref, version, image, suffix string }{
		{"app", "1.2.0", "1.2.0", "app", ""},
		{"app", "", "1.2.0", "app", ""},
		{"app-debug", "1.2.0", "1.2.0", "app-debug", ""}, // an image of that name
		{"app-debug", "1.2.0-debug", "1.2.0", "app", "-debug"},
		{"app-debug-debug", "1.2.0-debug", "1.2.0", "app-debug", "-debug"},
		{"app-a-b", "1.2.0-rc.1-a-b", "1.2.0-rc.1", "app", "-a-b"},
		{"app", "1.2.0-debug", "1.2.0", "app", ""},
		{"-debug", "1.2.0-debug", "1.2.0", "-debug", ""},
		{"app1", "1.2.01", "1.2.0", "app1", ""},
		{"app-debug", "1.3.0-debug", "1.2.0", "app-debug", ""},
	} {
		if image, suffix := layout.SplitVariant(tt.name, tt.ref, tt.version); image != tt.image || suffix != tt.suffix {
			t.Errorf("%q called %q in %s: got %q, %q, want %q, %q", tt.name, tt.ref, tt.version, image, suffix, tt.image, tt.suffix)
		}
	}
}

// TestSameVariant publishes a variant whose content is the image's: two tags of one index.
func TestSameVariant(t *testing.T) {
	dir := releasetest.Make(t, releasetest.Args{Images: []string{"app", "proxy"}})
	same := filepath.Join(dir, "images", "app-debug")
	if err := os.CopyFS(same, os.DirFS(filepath.Join(dir, "images", "app"))); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(same, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(same, "index.json"), bytes.ReplaceAll(index, []byte(`"1.2.0"`), []byte(`"1.2.0-debug"`)), 0o644); err != nil {
		t.Fatal(err)
	}
	releasetest.Seal(t, dir)
	tree := releasetest.Open(t, dir)
	s := servers[0].start(t)
	for _, c := range []Config{
		{Hub: "file://" + t.TempDir(), Tags: stable("1.2.0", "latest")},
		{Hub: s.Host + "/x", Tags: stable("1.2.0", "latest"), Transport: s.Transport},
	} {
		d := open(t, c, tree)
		wantStates(t, plan(t, d), c.Hub, "image app absent", "image proxy absent",
			"tag app:1.2.0 absent", "tag proxy:1.2.0 absent", "tag app:1.2.0-debug absent",
			"tag app:latest absent", "tag proxy:latest absent", "tag app:latest-debug absent")
		var mu sync.Mutex
		done := map[string]int{}
		items := plan(t, d)
		for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
			err := d.Apply(t.Context(), phase, todo(items, phase), func(p publish.Progress) {
				mu.Lock()
				defer mu.Unlock()
				if p.Done != nil {
					done[p.Done.Name]++
				}
			})
			wantError(t, err, "")
		}
		for _, i := range items {
			if done[i.Name] != 1 {
				t.Errorf("%s was published %d times, want once", i.Name, done[i.Name])
			}
		}
		items = plan(t, d)
		wantStates(t, items, c.Hub, "image app equal", "image proxy equal",
			"tag app:1.2.0 equal", "tag proxy:1.2.0 equal", "tag app:1.2.0-debug equal",
			"tag app:latest equal", "tag proxy:latest equal", "tag app:latest-debug equal")
		wantError(t, open(t, c, nil).Verify(t.Context(), items, true), "")
	}
}

// TestVariantTaken has an image and an alias whose tags are those of a variant.
func TestVariantTaken(t *testing.T) {
	_, err := New(t.Context(), Config{Hub: "file:///x", Tags: stable("latest", "latest-debug")}, variants(t, "1.2.0"))
	wantError(t, err, `image "app": duplicate tag "latest-debug"`)
}
