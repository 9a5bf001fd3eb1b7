package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestFloor counts the bytes and the requests of a first push.
func TestFloor(t *testing.T) {
	t.Parallel()
	names := strings.Fields("a b c d e f g h i j k l")
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Images: names, Bases: 3, LayerSize: minProbe}))
	// 3 bases, 2 layers and a config each of 24 manifests, 11 mounts of 3 bases.
	floor := 2*(3+24*3) + 11*3 + 24 + 12 + 12
	for _, server := range servers[:2] {
		s := server.start(t)
		r := &recorder{inner: s.Transport}
		publishAll(t, open(t, Config{Hub: s.Host + "/x", Transport: r}, tree))
		all, _ := r.take()
		t.Logf("%s: %d requests, floor %d; %d bytes of %d", server.name, len(all), floor, r.bytes, unique(t, tree))
		if n := float64(len(all)) / float64(floor); n > 1.25 {
			t.Errorf("%s: got %d requests, want at most 1.25 times %d", server.name, len(all), floor)
		}
		if n := float64(r.bytes) / float64(unique(t, tree)); n > 1.01 {
			t.Errorf("%s: got %d bytes, want at most 1.01 times %d", server.name, r.bytes, unique(t, tree))
		}
	}
}

// TestNextVersion publishes a version on the same bases: they are not sent again.
func TestNextVersion(t *testing.T) {
	t.Parallel()
	args := releasetest.Args{Version: "1.2.0", Images: []string{"app", "proxy"}, Bases: 1, LayerSize: 300_000}
	first := releasetest.Open(t, releasetest.Make(t, args))
	args.Version = "1.2.1" // the same layers, another index
	second := releasetest.Open(t, releasetest.Make(t, args))
	for _, server := range servers[:2] {
		s := server.start(t)
		r := &recorder{inner: s.Transport}
		publishAll(t, open(t, Config{Hub: s.Host + "/x", Transport: r}, first))
		r.bytes = 0
		publishAll(t, open(t, Config{Hub: s.Host + "/x", Transport: r}, second))
		if r.bytes > 30_000 {
			t.Errorf("%s: got %d bytes, want manifests only", server.name, r.bytes)
		}
	}
}

// TestMountFrom promotes from a stage in the same registry.
func TestMountFrom(t *testing.T) {
	t.Parallel()
	tree := images(t, "1.2.0")
	for _, server := range servers[:3] {
		s := server.start(t)
		if s == nil {
			continue
		}
		r := &recorder{inner: s.Transport}
		publishAll(t, open(t, Config{Hub: s.Host + "/stage", Transport: r}, tree))
		r.bytes = 0
		d := open(t, Config{Hub: s.Host + "/prod", MountFrom: s.Host + "/stage", Transport: r}, tree)
		publishAll(t, d)
		if r.bytes > 20_000 {
			t.Errorf("%s: got %d bytes, want manifests only", server.name, r.bytes)
		}
		wantError(t, d.Verify(t.Context(), plan(t, d), true), "")
		// What a stage lacks is sent.
		d = open(t, Config{Hub: s.Host + "/other", MountFrom: s.Host + "/none", Transport: r}, tree)
		publishAll(t, d)
		wantError(t, d.Verify(t.Context(), plan(t, d), true), "")
	}
}

// TestMountAccepted has a registry answer 202 to a mount, as the specification
// lets it, with a store for each repository.
func TestMountAccepted(t *testing.T) {
	s := registrytest.Strict(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == "POST" {
				req.URL.RawQuery = ""
			}
			h.ServeHTTP(w, req)
		})
	})
	d := open(t, Config{Hub: s.Host, Transport: s.Transport}, images(t, "1.2.0"))
	publishAll(t, d)
	wantError(t, d.Verify(t.Context(), plan(t, d), true), "")
}

// TestLogin has a registry that gives tokens, and takes uploads on another host.
func TestLogin(t *testing.T) {
	t.Parallel()
	var tokens atomic.Int64
	var realm string
	wantAuth := func(want string, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			got := req.Header.Get("Authorization")
			switch {
			case strings.HasPrefix(req.URL.Path, "/token"):
				tokens.Add(1)
				if user, password, _ := req.BasicAuth(); user != "kim" || password != "s3cret" {
					t.Errorf("token: got user %q", user)
				}
				if got, want := strings.Join(req.URL.Query()["scope"], " "), "repository:x/app:push,pull repository:x/proxy:push,pull"; got != want {
					t.Errorf("scopes: got %q, want %q", got, want)
				}
				json.NewEncoder(w).Encode(map[string]string{"token": "t0ken"})
			case got != want && want != "":
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`/token",service="test"`)
				w.WriteHeader(http.StatusUnauthorized)
			case got != want:
				t.Errorf("%s %s: the other host got %q", req.Method, req.URL.Path, got)
			default:
				h.ServeHTTP(w, req)
			}
		})
	}
	var backend http.Handler
	s := registrytest.Strict(t, func(h http.Handler) http.Handler {
		backend = h
		uploads := httptest.NewServer(wantAuth("", backend))
		t.Cleanup(uploads.Close)
		return wantAuth("Bearer t0ken", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			h.ServeHTTP(&elsewhere{w, uploads.URL}, req)
		}))
	})
	realm = "http://" + s.Host
	r := &recorder{inner: s.Transport}
	c := Config{Hub: s.Host + "/x", Transport: r, Keychain: keychain{authn.AuthConfig{Username: "kim", Password: "s3cret"}}}
	d := open(t, c, images(t, "1.2.0"))
	publishAll(t, d)
	for _, i := range plan(t, d) {
		if i.State != publish.Equal {
			t.Errorf("got %+v", i)
		}
	}
	if n := tokens.Load(); n != 1 {
		t.Errorf("got %d tokens, want 1", n)
	}
}

// An elsewhere answers uploads with a Location on another host.
type elsewhere struct {
	http.ResponseWriter
	host string
}

func (e *elsewhere) WriteHeader(status int) {
	if l := e.Header().Get("Location"); status == http.StatusAccepted {
		e.Header().Set("Location", e.host+l+"?state=a%20b&x=1")
	}
	e.ResponseWriter.WriteHeader(status)
}

// TestSecrets has a registry refuse a login.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := registrytest.Docker(t, registrytest.Args{TLS: true, User: "kim", Password: "s3cret"})
	if s == nil {
		return
	}
	c := Config{Hub: s.Host + "/x", Transport: s.Transport, Keychain: keychain{authn.AuthConfig{Username: "kim", Password: "wr0ng"}}}
	_, err := open(t, c, images(t, "1.2.0")).Plan(t.Context())
	wantError(t, err, `got status 401 Unauthorized, want 200`)
	if strings.Contains(fmt.Sprint(err), "wr0ng") || !strings.HasPrefix(hintOf(err), "run docker login "+s.Host) {
		t.Errorf("got %v, hint %q", err, hintOf(err))
	}
	c.Transport = http.DefaultTransport // that does not know the certificate
	if _, err := open(t, c, images(t, "1.2.0")).Plan(t.Context()); err == nil {
		t.Error("an unknown certificate: got no error")
	}
}

// TestFolder publishes to a directory of layouts.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hub")
	hub := "file://" + filepath.ToSlash(dir)
	c := Config{Hub: hub, Tags: stable("1.2.0", "latest")}
	d := open(t, c, images(t, "1.2.0"))
	items := plan(t, d)
	wantStates(t, items, hub, "image app absent", "image proxy absent", "tag app:1.2.0 absent", "tag proxy:1.2.0 absent", "tag app:latest absent", "tag proxy:latest absent")
	if _, err := os.Stat(dir); err == nil {
		t.Error("plan made the directory")
	}
	wantError(t, d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil), "")
	if _, err := os.Stat(filepath.Join(dir, "app", "index.json")); err == nil {
		t.Error("upload wrote index.json")
	}
	publishAll(t, d)
	before, err := os.ReadFile(filepath.Join(dir, "app", "index.json"))
	if err != nil || strings.Count(string(before), layout.RefName) != 2 {
		t.Errorf("index.json: got %s, %v, want two tags", before, err)
	}
	items = plan(t, d)
	for _, i := range items {
		if i.State != publish.Equal || i.Version != i.Digest || !strings.HasPrefix(i.URL, hub) {
			t.Errorf("got %+v", i)
		}
	}
	for _, tag := range []string{"1.2.0", "latest"} {
		inspect(t, "oci:"+filepath.Join(dir, "app")+":"+tag, authn.AuthConfig{})
	}
	c.Tags = stable("1.3.0", "latest")
	next := open(t, c, images(t, "1.3.0"))
	publishAll(t, next)
	wantStates(t, plan(t, next), hub, "image app equal", "image proxy equal", "tag app:1.3.0 equal", "tag proxy:1.3.0 equal", "tag app:latest equal", "tag proxy:latest equal")
	wantStates(t, plan(t, d), hub, "image app equal", "image proxy equal", "tag app:1.2.0 equal", "tag proxy:1.2.0 equal", "tag app:latest kept", "tag proxy:latest kept")
	wantError(t, d.Apply(t.Context(), publish.Reveal, items[2:], nil), `it has changed since the plan`)
	left, err := filepath.Glob(filepath.Join(dir, "*", "blobs", "sha256", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("got temporary files %q", left)
	}
}
