package baseimage

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
)

// TestDockerRegistry pins from Docker's registry, which is stricter than the one in this
// process.
func TestDockerRegistry(t *testing.T) {
	server := registrytest.Docker(t, registrytest.Args{})
	if server == nil {
		return
	}
	r := &testRegistry{host: server.Host}
	for name, what := range map[string]any{
		"oci": testIndex(t, false, "linux/amd64", "linux/arm64"), "docker": testIndex(t, true, "linux/amd64", "linux/arm64"),
	} {
		a := args(t, r.push(t, "team/"+name+":1", what), "linux/arm64", "linux/amd64")
		img, err := Pin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		r.push(t, "team/"+name+":1", testImage(t, "linux/amd64", 9, true))
		b := args(t, "")
		if err := Bring(t.Context(), b, img); err != nil {
			t.Fatal(err)
		}
		if got, want := blobs(t, b.Store.OCIDir()), blobs(t, a.Store.OCIDir()); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: store has %q, want %q", name, got, want)
		}
		wantError(t, Layout(t.Context(), b.Store, img, filepath.Join(t.TempDir(), "layout")), "")
	}
	_, err := Pin(t.Context(), args(t, r.host+"/team/oci:none", "linux/amd64"))
	wantError(t, err, `got status 404 Not Found, want 200; registry says "MANIFEST_UNKNOWN": `)
	wantHint(t, err, "check the tag")
}
