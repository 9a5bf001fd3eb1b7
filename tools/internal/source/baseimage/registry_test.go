package baseimage

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

const user, password = "robot", "secret"

// basicAuth requires a password on every request.
func basicAuth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != basicHeader(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}`)
			return
		}
		next.ServeHTTP(w, req)
	})
}

// bearerAuth returns a token for a password, and requires it on every other request.
func bearerAuth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/token" && req.Header.Get("Authorization") == basicHeader(user, password):
			io.WriteString(w, `{"token": "ticket"}`)
		case req.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case req.Header.Get("Authorization") != "Bearer ticket":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, req.Host))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, req)
		}
	})
}

func TestCredentials(t *testing.T) {
	for name, wrap := range map[string]func(http.Handler) http.Handler{"basic": basicAuth, "bearer": bearerAuth} {
		r := newTestRegistry(t, wrap)
		base := r.push(t, "base:1", testIndex(t, false, "linux/amd64"), remote.WithAuth(&authn.Basic{Username: user, Password: password}))
		a := args(t, base, "linux/amd64")
		a.Keychain = keychain{user, password}
		if _, err := Pin(t.Context(), a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, k := range []authn.Keychain{nil, keychain{user, "wrong"}} {
			a.Keychain, a.Store = k, newStore(t)
			_, err := Pin(t.Context(), a)
			wantError(t, err, `^image "app": base ".*/base:1": requesting manifests/1 of .*: got status 401 Unauthorized, want 200`)
			wantHint(t, err, "run docker login "+r.host)
			if err != nil && strings.Contains(err.Error(), "wrong") {
				t.Errorf("%s: %v shows the password", name, err)
			}
		}
	}
}

func wantHint(t *testing.T, err error, want string) {
	t.Helper()
	var b strings.Builder
	cli.Fail(&b, "x", err)
	if !strings.Contains(b.String(), "hint: "+want) {
		t.Errorf("got %q, want hint %q", b.String(), want)
	}
}

// TestRedirect fetches from a registry that keeps its blobs on another host, which must
// not get the credentials.
func TestRedirect(t *testing.T) {
	var files http.Handler
	var seen []string
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen = append(seen, req.Header.Get("Authorization"))
		req.Header.Set("Authorization", basicHeader(user, password))
		files.ServeHTTP(w, req)
	}))
	defer storage.Close()
	redirecting := false
	r := newTestRegistry(t, func(next http.Handler) http.Handler {
		files = next
		return basicAuth(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if redirecting && strings.Contains(req.URL.Path, "/blobs/") {
				http.Redirect(w, req, storage.URL+req.URL.Path+"?signature=secret", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, req)
		}))
	})
	base := r.push(t, "base:1", testImage(t, "linux/amd64", 1, false), remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	redirecting = true
	a := args(t, base, "linux/amd64")
	a.Keychain = keychain{user, password}
	if _, err := Pin(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "", ""}; !slices.Equal(seen, want) {
		t.Errorf("the other host saw credentials %q, want none with 3 blobs", seen)
	}
	storage.Close()
	a.Store = newStore(t)
	_, err := Pin(t.Context(), a)
	wantError(t, err, `requesting blobs/sha256:[0-9a-f]+ of .*: dial tcp .* connection refused$`)
	if strings.Contains(err.Error(), "signature") {
		t.Errorf("%v shows the signature in the URL", err)
	}
}

// TestLies fetches from registries that answer wrongly.
func TestLies(t *testing.T) {
	img := testImage(t, "linux/amd64", 1, false)
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	layer := "blobs/" + m.Layers[0].Digest.String()
	answer := func(body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
	}
	chunked := func(body io.Reader) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.Copy(w, body) }
	}
	hang := func(w http.ResponseWriter, req *http.Request) {
		w.(http.Flusher).Flush()
		select {
		case <-req.Context().Done():
		case <-time.After(20 * time.Second):
		}
	}
	typed := func(mediaType types.MediaType, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", string(mediaType))
			io.WriteString(w, body)
		}
	}
	altered := func(f func(m *v1.Manifest)) func(http.ResponseWriter, *http.Request) {
		c := m.DeepCopy()
		f(c)
		return answer(marshal(t, c))
	}
	layerSize := int(m.Layers[0].Size)
	for _, tc := range []struct {
		name, path string
		lie        func(http.ResponseWriter, *http.Request)
		err        string
	}{
		{"other layer", layer, answer(strings.Repeat("x", layerSize)), `layer sha256:[0-9a-f]+: .*digest: got sha256:[0-9a-f]+, want ` + m.Layers[0].Digest.String()},
		{"longer layer", layer, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(layerSize+1))
			io.WriteString(w, strings.Repeat("x", layerSize+1))
		}, `Content-Length: got 2\d+ bytes, want \d+`},
		{"shorter layer", layer, chunked(strings.NewReader("x")), `size: got 1 bytes, want \d+`},
		{"endless layer", layer, chunked(endless{}), `size: got more than \d+ bytes, want \d+`},
		{"endless config", "blobs/" + m.Config.Digest.String(), chunked(endless{}), `blob sha256:[0-9a-f]+: .*size: got more than`},
		{"other config", "blobs/" + m.Config.Digest.String(), answer(strings.Repeat("x", int(m.Config.Size))), `digest: got sha256:`},
		{"hanging layer", layer, hang, `the server was silent for 500 ms`},
		{"hanging manifest", "manifests/1", hang, `the server was silent for 500 ms`},
		{"hanging before its first word", "", func(_ http.ResponseWriter, req *http.Request) { hang(httptest.NewRecorder(), req) }, `the server was silent for 500 ms`},
		{"compressed in transit", layer, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, strings.Repeat("x", layerSize))
		}, `Content-Encoding is "gzip", want none`},
		{"missing layer", layer, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, `got status 404 Not Found, want 200$`},
		{"garbage", "manifests/1", answer("<html>"), `parsing manifest: invalid character '<'`},
		{"garbage layers", "manifests/1", answer(`{"schemaVersion": 2, "config": {}, "layers": {}}`), `parsing manifest: json: cannot unmarshal object`},
		{"nothing", "manifests/1", answer(""), `parsing manifest: unexpected end`},
		{"huge manifest", "manifests/1", chunked(endless{}), `size: got more than 4194304 bytes`},
		{"schema 1", "manifests/1", answer(`{"schemaVersion": 1, "fsLayers": []}`), `manifest has Docker's schema 1, .*: want schema 2 or OCI`},
		{"schema 1, signed", "manifests/1", typed(types.DockerManifestSchema1Signed, `{"schemaVersion": 2}`), `manifest has Docker's schema 1`},
		{"schema 3", "manifests/1", answer(`{"schemaVersion": 3}`), `schemaVersion is 3, want 2`},
		{"two media types", "manifests/1", typed(types.OCIImageIndex, string(raw)), `mediaType is "application/vnd.oci.image.manifest.v1\+json", want "application/vnd.oci.image.index.v1\+json" as in its descriptor or Content-Type`},
		{"index and image", "manifests/1", answer(`{"schemaVersion": 2, "manifests": [], "config": {}, "layers": []}`), `document is both an index and an image`},
		{"chart", "manifests/1", altered(func(m *v1.Manifest) { m.Config.MediaType = "application/vnd.cncf.helm.config.v1+json" }), `not the manifest of an image: mediaType of config is "application/vnd.cncf.helm`},
		{"other type", "manifests/1", answer(`{"schemaVersion": 2, "mediaType": "text/plain"}`), `mediaType is "text/plain", want one of \["application/vnd.oci`},
		{"foreign layer", "manifests/1", altered(func(m *v1.Manifest) { m.Layers[0].MediaType = types.DockerForeignLayer }), `layer sha256:[0-9a-f]+: .*such a layer may not be distributed`},
		{"unknown layer", "manifests/1", altered(func(m *v1.Manifest) { m.Layers[0].MediaType = "text/plain" }), `want an OCI or Docker layer`},
		{"giant layer", "manifests/1", altered(func(m *v1.Manifest) { m.Layers[0].Size = 1 << 40 }), `size is 1099511627776 bytes, want 1 to 17179869184`},
		{"negative layer", "manifests/1", altered(func(m *v1.Manifest) { m.Layers[0].Size = -1 }), `size is -1 bytes`},
		{"giant config", "manifests/1", altered(func(m *v1.Manifest) { m.Config.Size = 9 << 20 }), `config sha256:.*: size is 9437184 bytes, want 1 to 8388608`},
		{"many layers", "manifests/1", altered(func(m *v1.Manifest) { m.Layers = slices.Repeat(m.Layers, 257) }), `image has 514 layers, want at most 512`},
		{"layer with two sizes", "manifests/1", altered(func(m *v1.Manifest) {
			m.Layers = append(m.Layers, m.Layers[0])
			m.Layers[2].Size++
		}), `layer sha256:[0-9a-f]+ has two sizes: \d+ and \d+ bytes`},
		{"sha512", "manifests/1", altered(func(m *v1.Manifest) {
			m.Layers[0].Digest = v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("0", 128)}
		}), `parsing digest "sha512:`},
		{"many manifests", "manifests/1", answer(`{"schemaVersion": 2, "manifests": [{}` + strings.Repeat(",{}", 1000) + `]}`), `array has more than 1000 elements`},
		{"path for a digest", "manifests/1", answer(strings.Replace(string(raw), m.Layers[0].Digest.String(), "sha256:../../etc/passwd", 1)), `parsing manifest: `},
		{"error of many words", "manifests/1", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"errors": [{"code": "DENIED", "message": "\u001b[31m%s"}]}`, strings.Repeat("no", 1000))
		}, `got status 403 Forbidden, want 200; registry says "DENIED": "\\x1b\[31m(no){97}n?"$`},
		{"no error but a page", "manifests/1", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.Copy(w, endless{})
		}, `got status 404 Not Found, want 200$`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			lying := false
			r := newTestRegistry(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if lying && strings.HasSuffix(req.URL.Path, tc.path) {
						tc.lie(w, req)
						return
					}
					next.ServeHTTP(w, req)
				})
			})
			a := args(t, r.push(t, "base:1", img), "linux/amd64")
			if strings.HasPrefix(tc.name, "hanging") {
				a.Idle = 500 * time.Millisecond
			}
			lying = true
			_, err := Pin(t.Context(), a)
			wantError(t, err, `^(?s)image "app": base ".*/base:1": .*`+strings.TrimPrefix(tc.err, "^"))
			if list, err := os.ReadDir(a.Store.OCIDir()); err == nil && slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() == "index.json" }) {
				t.Error("the store's layout points to what was refused")
			}
			for _, name := range blobs(t, a.Store.OCIDir()) {
				if got, _, err := digest.FromFile(a.Store.OCIBlobPath(digest.Digest("sha256:" + name))); err != nil || got.Hex() != name {
					t.Errorf("store has blob %s: digest is %s, %v", name, got, err)
				}
			}
		})
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestRetry fetches from a registry that fails a few times.
func TestRetry(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	for _, tc := range []struct {
		name  string
		fail  func(http.ResponseWriter)
		times int32
		err   string
		want  int32 // requests
	}{
		{"429", status(429), 2, ``, 3},
		{"503", status(503), 3, ``, 4},
		{"503, again and again", status(503), 100, `got status 503 Service Unavailable, want 200$`, 4},
		{"404", status(404), 1, `got status 404`, 1},
		{"403", status(403), 1, `got status 403`, 1},
		{"408", status(408), 1, `got status 408`, 1},
		{"reset", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2, ``, 3},
		{"cut off", func(w http.ResponseWriter) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 2, ``, 3},
	} {
		var n atomic.Int32
		img := testImage(t, "linux/amd64", 1, false)
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		failing := false
		r := newTestRegistry(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if failing && strings.HasSuffix(req.URL.Path, m.Layers[0].Digest.String()) && n.Add(1) <= tc.times {
					w.Header().Set("Content-Length", fmt.Sprint(m.Layers[0].Size))
					tc.fail(w)
					return
				}
				next.ServeHTTP(w, req)
			})
		})
		a := args(t, r.push(t, "base:1", img), "linux/amd64")
		failing = true
		_, err = Pin(t.Context(), a)
		wantError(t, err, tc.err)
		if got := n.Load(); got != tc.want {
			t.Errorf("%s: got %d requests, want %d", tc.name, got, tc.want)
		}
	}
}

func TestNotFound(t *testing.T) {
	r := newTestRegistry(t, nil)
	r.push(t, "base:1", testImage(t, "linux/amd64", 1, false))
	_, err := Pin(t.Context(), args(t, r.host+"/base:2", "linux/amd64"))
	wantError(t, err, `got status 404 Not Found, want 200; registry says "MANIFEST_UNKNOWN": `)
	wantHint(t, err, "check the tag")
	_, err = Pin(t.Context(), args(t, r.host+"/other:1", "linux/amd64"))
	wantError(t, err, `registry says "NAME_UNKNOWN": `)
	wantHint(t, err, "check the repository's name, other")
}
