package baseimage

import (
	"io"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// TestChildLies pins indexes whose manifests do not match their descriptors.
func TestChildLies(t *testing.T) {
	child := testImage(t, "linux/amd64", 1, false)
	good := func(f func(*v1.Descriptor)) string {
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: layout.Hash(digest.Digest(digestString(t, child))), Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}
		size, err := child.Size()
		if err != nil {
			t.Fatal(err)
		}
		d.Size = size
		f(&d)
		return marshal(t, v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{d}})
	}
	for _, tc := range []struct {
		name  string
		index string
		err   string
	}{
		{"none", good(func(*v1.Descriptor) {}), ``},
		{"media type", good(func(d *v1.Descriptor) { d.MediaType = types.DockerManifestSchema2 }), `mediaType is "application/vnd.oci.image.manifest.v1\+json", want "application/vnd.docker.distribution.manifest.v2\+json"`},
		{"size", good(func(d *v1.Descriptor) { d.Size-- }), `manifest sha256:[0-9a-f]+: .*Content-Length: got \d+ bytes, want \d+`},
		{"giant", good(func(d *v1.Descriptor) { d.Size = 5 << 20 }), `index: manifest sha256:[0-9a-f]+: size is 5242880 bytes, want 1 to 4194304`},
		{"an index below", good(func(d *v1.Descriptor) { d.MediaType = types.OCIImageIndex }), `no image for it; available: none`},
	} {
		lying := false
		r := newTestRegistry(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if lying && strings.HasSuffix(req.URL.Path, "/manifests/1") {
					io.WriteString(w, tc.index)
					return
				}
				next.ServeHTTP(w, req)
			})
		})
		a := args(t, r.push(t, "base:1", child), "linux/amd64")
		lying = true
		_, err := Pin(t.Context(), a)
		wantError(t, err, tc.err)
	}
}

// TestBringLies fetches from a registry that answers with another manifest.
func TestBringLies(t *testing.T) {
	lying := false
	r := newTestRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if lying && strings.Contains(req.URL.Path, "/manifests/") {
				req.URL.Path = "/v2/base/manifests/2"
			}
			next.ServeHTTP(w, req)
		})
	})
	img, err := Pin(t.Context(), args(t, r.push(t, "base:1", testImage(t, "linux/amd64", 1, false)), "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}
	r.push(t, "base:2", testImage(t, "linux/amd64", 2, false))
	lying = true
	wantError(t, Bring(t.Context(), args(t, ""), img), `manifest `+string(img.Digest)+`: digest: got sha256:[0-9a-f]+, want `+string(img.Digest))
}
