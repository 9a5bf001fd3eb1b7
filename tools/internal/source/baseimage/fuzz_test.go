package baseimage

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// FuzzArchive pins a docker-archive with any manifest.json. If that works, Check and Layout
// work too.
func FuzzArchive(f *testing.F) {
	entries := savedImage(f)
	last := len(entries) - 1
	f.Add([]byte(entries[last].body))
	f.Add([]byte(`[{"Config": "manifest.json", "Layers": []}]`))
	f.Add([]byte(`[{"Config": "config.json", "Layers": ["../config.json"]}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		all := append([]entry(nil), entries...)
		all[last].body = string(manifest)
		pinAny(t, args(t, "docker-archive:"+writeFile(t, writeTar(t, all...)), "linux/amd64"))
	})
}

// FuzzRegistry pins from a registry that answers with any manifest, and has the blobs of
// the seeds.
func FuzzRegistry(f *testing.F) {
	idx, img := testIndex(f, false, "linux/amd64"), testImage(f, "linux/amd64", 0, false)
	for _, m := range []interface{ RawManifest() ([]byte, error) }{idx, img, testIndex(f, true, "linux/amd64")} {
		raw, err := m.RawManifest()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, string(types.OCIImageIndex))
		f.Add(raw, "")
	}
	f.Add([]byte(`{"schemaVersion": 2, "manifests": [{"digest": "sha256:00"}]}`), "application/json")
	var answer func(w http.ResponseWriter)
	r := newTestRegistry(f, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if answer != nil && filepath.Base(req.URL.Path) == "1" {
				answer(w)
				return
			}
			next.ServeHTTP(w, req)
		})
	})
	base := r.push(f, "base:1", idx)
	r.push(f, "base:2", img)
	f.Fuzz(func(t *testing.T, manifest []byte, mediaType string) {
		answer = func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", mediaType)
			w.Write(manifest) //nolint:errcheck // the client may stop reading
		}
		pinAny(t, args(t, base, "linux/amd64"))
	})
}

// pinAny pins a base. If that works, the entry must be complete.
func pinAny(t *testing.T, a Args) {
	t.Helper()
	img, err := Pin(t.Context(), a)
	if err != nil {
		return
	}
	if err := Layout(t.Context(), a.Store, img, filepath.Join(t.TempDir(), "layout")); err != nil {
		t.Error(err)
	}
}
