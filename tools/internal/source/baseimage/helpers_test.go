package baseimage

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
)

// A testRegistry is a registry in this process that records its requests.
type testRegistry struct {
	host string

	mu       sync.Mutex
	requests []string
}

// newTestRegistry starts a registry. Each request goes through wrap first.
func newTestRegistry(t testing.TB, wrap func(http.Handler) http.Handler) *testRegistry {
	t.Helper()
	r := new(testRegistry)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet && req.URL.Path != "/v2/" {
			r.mu.Lock()
			r.requests = append(r.requests, strings.TrimPrefix(req.URL.Path, "/v2/"))
			r.mu.Unlock()
		}
		handler.ServeHTTP(w, req)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// asked returns the paths that were requested since the last call, sorted.
func (r *testRegistry) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	slices.Sort(all)
	return all
}

// push pushes an image or an index as HOST/REPOSITORY:TAG, which it returns.
func (r *testRegistry) push(t testing.TB, repository string, what any, opts ...remote.Option) string {
	t.Helper()
	base := r.host + "/" + repository
	ref, err := name.ParseReference(base)
	if err != nil {
		t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(ref, what, opts...)
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, what, opts...)
	default:
		t.Fatalf("got %T, want an image or an index", what)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.asked()
	return base
}

// testImage returns an image with two layers, the same for the same seed.
func testImage(t testing.TB, platform string, seed int64, docker bool) v1.Image {
	t.Helper()
	img, err := random.Image(2000, 2, random.WithSource(rand.NewSource(seed)))
	if err != nil {
		t.Fatal(err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	cf.OS, cf.Architecture, cf.Variant = p.OS, p.Architecture, p.Variant
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	if !docker {
		img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	return img
}

// testIndex returns an index, or Docker's manifest list, with an image for each platform
// and BuildKit's attestation.
func testIndex(t testing.TB, docker bool, platforms ...string) v1.ImageIndex {
	t.Helper()
	var adds []mutate.IndexAddendum
	for i, platform := range append(platforms, "unknown/unknown") {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		adds = append(adds, mutate.IndexAddendum{Add: testImage(t, platform, int64(i), docker), Descriptor: v1.Descriptor{Platform: p}})
	}
	idx := mutate.AppendManifests(empty.Index, adds...)
	if docker {
		idx = mutate.IndexMediaType(idx, types.DockerManifestList)
	}
	return idx
}

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// args returns arguments for a base, without pauses.
func args(t testing.TB, base string, platforms ...string) Args {
	t.Helper()
	return Args{Name: "app", Base: base, Platforms: platforms, Store: newStore(t), Idle: time.Minute, Pause: time.Millisecond}
}

// blobs returns the names of a layout's blobs.
func blobs(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// imageBlobs returns the names of an image's blobs.
func imageBlobs(t testing.TB, img v1.Image) []string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{h.Hex, m.Config.Digest.Hex}
	for _, l := range m.Layers {
		names = append(names, l.Digest.Hex)
	}
	return names
}

func digestString(t testing.TB, d interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	h, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// keychain has one login for all registries.
type keychain struct{ user, password string }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: k.user, Password: k.password}), nil
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

var wantError = errtest.Match

// A refuser refuses every request.
type refuser struct{}

func (refuser) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, errors.New("no network for " + req.URL.Scheme)
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
