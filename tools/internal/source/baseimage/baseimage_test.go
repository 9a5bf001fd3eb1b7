package baseimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
)

// TestPin pins an index of OCI and a manifest list of Docker.
func TestPin(t *testing.T) {
	for _, docker := range []bool{false, true} {
		r := newTestRegistry(t, nil)
		idx := testIndex(t, docker, "linux/arm64/v8", "linux/amd64", "linux/s390x")
		a := args(t, r.push(t, "team/base:1", idx), "linux/arm64", "linux/amd64")
		img, err := Pin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		arm, amd := imagetest.Find(t, idx, "linux/arm64"), imagetest.Find(t, idx, "linux/amd64")
		want := &lock.Image{Name: "app", Base: a.Base, Digest: digest.Digest(digestString(t, idx)), Platforms: []lock.ImagePlatform{
			{Platform: "linux/amd64", Digest: digest.Digest(digestString(t, amd)), Size: imageSize(t, amd)},
			{Platform: "linux/arm64", Digest: digest.Digest(digestString(t, arm)), Size: imageSize(t, arm)},
		}}
		if !reflect.DeepEqual(img, want) {
			t.Errorf("docker %v: got %+v\nwant %+v", docker, img, want)
		}
		names := append(append(imageBlobs(t, arm), imageBlobs(t, amd)...), want.Digest.Hex())
		slices.Sort(names)
		if got := blobs(t, a.Store.OCIDir()); !slices.Equal(got, names) {
			t.Errorf("docker %v: store has\n%q\nwant\n%q", docker, got, names)
		}
		if got, want := r.asked(), 1+2*4; len(got) != want {
			t.Errorf("docker %v: %d requests, want %d, each blob once: %q", docker, len(got), want, got)
		}
		raw, err := idx.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(a.Store.OCIBlobPath(want.Digest)); err != nil || string(got) != string(raw) {
			t.Errorf("docker %v: index in the store differs from the registry's: %v", docker, err)
		}
		wantError(t, Check(a.Store, img), "")

		// A second time nothing is fetched. In another store the entry is the same.
		again, err := Pin(t.Context(), a)
		if err != nil || !reflect.DeepEqual(again, img) {
			t.Errorf("second Pin: got %+v, %v", again, err)
		}
		if got := r.asked(); len(got) != 1 {
			t.Errorf("second Pin asked for %q, want the index only", got)
		}
		a.Store, a.Platforms = newStore(t), []string{"linux/amd64", "linux/arm64"}
		other, err := Pin(t.Context(), a)
		if err != nil || !reflect.DeepEqual(other, img) {
			t.Errorf("Pin into another store: got %+v, %v", other, err)
		}
	}
}

func imageSize(t *testing.T, img v1.Image) int64 {
	t.Helper()
	n, err := img.Size()
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	n += m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n
}

// TestPinSharedLayers pins two platforms with the same layers.
func TestPinSharedLayers(t *testing.T) {
	var adds []mutate.IndexAddendum
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		adds = append(adds, mutate.IndexAddendum{Add: testImage(t, platform, 1, false), Descriptor: v1.Descriptor{Platform: p}})
	}
	r := newTestRegistry(t, nil)
	a := args(t, r.push(t, "base:1", mutate.AppendManifests(empty.Index, adds...)), "linux/amd64", "linux/arm64")
	var progress []string
	a.Progress = func(format string, _ ...any) { progress = append(progress, format) }
	if _, err := Pin(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got := r.asked(); len(got) != 1+2+2+2 {
		t.Errorf("asked for %q, want an index, 2 manifests, 2 configs and 2 layers", got)
	}
	if len(progress) != 1 {
		t.Errorf("got progress %q, want one line", progress)
	}
}

// TestPinSingle pins bases without an index, or with an index without platforms.
func TestPinSingle(t *testing.T) {
	r := newTestRegistry(t, nil)
	single := testImage(t, "linux/arm64", 1, true)
	unnamed := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: single}, mutate.IndexAddendum{Add: testImage(t, "linux/amd64", 2, false)})
	for _, tc := range []struct {
		name      string
		base      string
		platforms []string
		err       string
	}{
		{"single", r.push(t, "single:1", single), []string{"linux/arm64"}, ``},
		{"single, with variant", r.push(t, "single:1", single), []string{"linux/arm64/v8"}, ``},
		{"single, by digest", r.host + "/single@" + digestString(t, single), []string{"linux/arm64"}, ``},
		{"single, more wanted", r.push(t, "single:1", single), []string{"linux/amd64", "linux/arm64", "linux/arm/v7"},
			`^image "app": base ".*/single:1": platform "linux/amd64": no image for it; available: linux/arm64/v8\nplatform "linux/arm/v7": no image`},
		{"no platforms in the index", r.push(t, "unnamed:1", unnamed), []string{"linux/amd64", "linux/arm64"}, ``},
		{"none for it", r.push(t, "index:1", testIndex(t, false, "linux/s390x", "linux/amd64")), []string{"linux/arm64"}, `no image for it; available: linux/amd64, linux/s390x$`},
		{"none at all", r.push(t, "index:2", testIndex(t, false)), []string{"linux/arm64"}, `available: none$`},
		{"two for it", r.push(t, "index:3", testIndex(t, false, "linux/arm64", "linux/arm64/v8")), []string{"linux/arm64"}, `platform "linux/arm64": got 2 images for it, want 1: sha256:[0-9a-f]+, sha256:`},
		{"no platform wanted", r.push(t, "single:1", single), nil, `no platforms given`},
		{"not a platform", r.push(t, "single:1", single), []string{"linux/x86_64"}, `architecture is "x86_64", want "amd64"`},
	} {
		a := args(t, tc.base, tc.platforms...)
		img, err := Pin(t.Context(), a)
		wantError(t, err, tc.err)
		if err == nil {
			wantError(t, Check(a.Store, img), "")
		}
	}
}

// TestBring fetches a pinned image after its tag moved.
func TestBring(t *testing.T) {
	r := newTestRegistry(t, nil)
	a := args(t, r.push(t, "base:1", testIndex(t, false, "linux/amd64", "linux/arm64")), "linux/amd64")
	img, err := Pin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	want := blobs(t, a.Store.OCIDir())
	r.push(t, "base:1", testImage(t, "linux/amd64", 99, true))

	b := args(t, "")
	if err := Check(b.Store, img); !errors.Is(err, store.ErrMissing) {
		t.Errorf("empty store: got %v", err)
	}
	if err := Bring(t.Context(), b, img); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, b.Store.OCIDir()); !slices.Equal(got, want) {
		t.Errorf("store has %q\nwant %q", got, want)
	}
	wantError(t, Check(b.Store, img), "")

	// Each blob is fetched again if it is missing.
	for _, name := range want {
		if err := os.Remove(filepath.Join(b.Store.OCIDir(), "blobs", "sha256", name)); err != nil {
			t.Fatal(err)
		}
		err := Check(b.Store, img)
		wantError(t, err, `^lock entry "app": .*blob sha256:`+name+` is not in the store "`)
		if !errors.Is(err, store.ErrMissing) {
			t.Errorf("%s: %v does not wrap ErrMissing", name, err)
		}
		wantError(t, Bring(t.Context(), b, img), "")
		wantError(t, Check(b.Store, img), "")
	}
	if _, list, err := Contents(b.Store, img); err != nil || len(list) != len(want) {
		t.Errorf("Blobs: got %q, %v, want %d", list, err, len(want))
	}
}

// TestBringRefused checks the errors for lock entries that do not match the registry.
func TestBringRefused(t *testing.T) {
	r := newTestRegistry(t, nil)
	a := args(t, r.push(t, "base:1", testIndex(t, false, "linux/amd64", "linux/arm64")), "linux/amd64")
	img, err := Pin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	other := digest.FromBytes(nil)
	for _, tc := range []struct {
		name  string
		alter func(*lock.Image)
		err   string
	}{
		{"digest", func(i *lock.Image) { i.Digest = other }, `^lock entry "app": base ".*/base:1": requesting manifests/sha256:e3b0.*: got status 404`},
		{"platform's digest", func(i *lock.Image) { i.Platforms[0].Digest = other }, `platform "linux/amd64": index sha256:[0-9a-f]+ has no manifest sha256:e3b0`},
		{"size", func(i *lock.Image) { i.Platforms[0].Size++ }, `platform "linux/amd64": size of sha256:[0-9a-f]+: got \d+ bytes, want \d+`},
		{"no digest", func(i *lock.Image) { i.Digest = "sha256:1" }, `parsing digest "sha256:1"`},
		{"single image's platform", func(i *lock.Image) { i.Digest = img.Platforms[0].Digest; i.Platforms[0].Digest = other }, `digest of the image: got sha256:[0-9a-f]+, want sha256:e3b0`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entry := *img
			entry.Platforms = slices.Clone(img.Platforms)
			tc.alter(&entry)
			wantError(t, Bring(t.Context(), args(t, ""), &entry), tc.err)
			if err := Check(a.Store, &entry); err == nil {
				t.Error("Check accepts it")
			}
		})
	}
}

// TestLayout writes the layout of a pinned base, and flips a byte of each blob in the store.
func TestLayout(t *testing.T) {
	r := newTestRegistry(t, nil)
	a := args(t, r.push(t, "base:1", testIndex(t, true, "linux/amd64", "linux/arm64")), "linux/amd64")
	img, err := Pin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := Layout(t.Context(), a.Store, img, dir); err != nil {
		t.Fatal(err)
	}
	if got, want := blobs(t, dir), blobs(t, a.Store.OCIDir()); !slices.Equal(got, want) {
		t.Errorf("layout has %q\nwant %q", got, want)
	}
	// The layout can be used as a base.
	b := args(t, "oci-layout:"+dir, "linux/amd64")
	same, err := Pin(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if same.Base = img.Base; !reflect.DeepEqual(same, img) {
		t.Errorf("pinned from the layout: got %+v\nwant %+v", same, img)
	}
	wantError(t, Layout(t.Context(), a.Store, img, dir), "file exists")
	wantError(t, Layout(t.Context(), newStore(t), img, dir), "is not in the store")

	for _, name := range blobs(t, b.Store.OCIDir()) {
		file := filepath.Join(b.Store.OCIDir(), "blobs", "sha256", name)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		err = Layout(t.Context(), b.Store, img, filepath.Join(t.TempDir(), "layout"))
		wantError(t, err, `^lock entry "app": .*digest of ".*/`+name+`": got sha256:[0-9a-f]+, want sha256:`+name+`$`)
		if errors.Is(err, store.ErrMissing) {
			t.Errorf("%v says that it is missing", err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, append(data, 'x'), 0o644); err != nil {
			t.Fatal(err)
		}
		wantError(t, Layout(t.Context(), b.Store, img, filepath.Join(t.TempDir(), "layout")), `(digest|size) of ".*/`+name+`": got .*, want `)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, Layout(t.Context(), b.Store, img, filepath.Join(t.TempDir(), "layout")), "")
}

func TestCancelled(t *testing.T) {
	r := newTestRegistry(t, nil)
	a := args(t, r.push(t, "base:1", testImage(t, "linux/amd64", 1, false)), "linux/amd64")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pin(ctx, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := blobs(t, a.Store.OCIDir()); len(got) > 0 {
		t.Errorf("store has %q", got)
	}
}

func TestReference(t *testing.T) {
	for base, want := range map[string]string{
		"":                            `parsing reference`,
		"host.invalid/Upper:1":        `parsing reference: .*Upper`,
		"oci-layout:":                 `parsing "": want PATH or PATH:TAG`,
		"oci-layout:x:":               `parsing "x:": want PATH or PATH:TAG`,
		"oci-layout:x@sha256:1":       `parsing digest "sha256:1"`,
		"docker-archive:":             `parsing "": want PATH or PATH:TAG`,
		"docker-archive:no-such-file": `no such file`,
		"oci-layout:no-such-folder":   `no such file`,
		"registry.invalid@sha256:" + strings.Repeat("0", 63): `parsing reference`,
	} {
		a := args(t, base, "linux/amd64")
		a.Transport = refuser{}
		_, err := Pin(t.Context(), a)
		wantError(t, err, want)
	}
}
