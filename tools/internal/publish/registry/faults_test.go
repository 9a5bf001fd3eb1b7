package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// faults are what can go wrong with a request.
var faults = map[string]func(r *recorder, req *http.Request) (*http.Response, error){
	"cut": func(*recorder, *http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
	"500": func(_ *recorder, req *http.Request) (*http.Response, error) { return answer(req, 500, ""), nil },
	"no answer": func(r *recorder, req *http.Request) (*http.Response, error) {
		resp, err := r.inner.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return nil, syscall.ECONNRESET
	},
}

// TestFaults breaks each request in turn, and all of its kind after it, so that
// trying again does not help; then it runs again.
func TestFaults(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Images: []string{"app", "proxy"}, LayerSize: minProbe}))
	for name, fault := range faults {
		for _, server := range servers[:2] {
			if (name == "500") != (server.name == "lax") {
				continue // a fault is the same for both
			}
			t.Run(name+" "+server.name, func(t *testing.T) {
				t.Parallel()
				for at, more := 0, true; more; at++ {
					s := server.start(t)
					more = false
					path := ""
					var mu sync.Mutex
					r := &recorder{inner: s.Transport}
					r.fail = func(n int, req *http.Request) (*http.Response, error) {
						mu.Lock()
						if n == at {
							more, path = true, req.Method+" "+req.URL.Path
						}
						hit := path == req.Method+" "+req.URL.Path
						mu.Unlock()
						if !hit {
							return nil, nil
						}
						return fault(r, req)
					}
					hub := s.Host + "/x"
					c := Config{Hub: hub, Tags: stable("1.2.0", "latest"), Transport: r, Jobs: 3}
					err := func() error {
						d, err := New(t.Context(), c, tree)
						if err != nil {
							return err
						}
						d.(*destination).pause = 1
						return run(t.Context(), d)
					}()
					if errors.Is(err, publish.ErrChanged) {
						t.Errorf("request %d, %s: got %v", at, path, err)
					}
					c.Transport = s.Transport
					d := open(t, c, tree)
					publishAll(t, d)
					items := plan(t, d)
					for _, i := range items {
						if i.State != publish.Equal {
							t.Errorf("request %d, %s: got %q", at, path, states(items, hub))
						}
					}
					if err := d.Verify(t.Context(), items, true); err != nil {
						t.Errorf("request %d, %s: %v", at, path, err)
					}
				}
			})
		}
	}
}

// TestOnceMore breaks a request once: it is tried again without a new run.
func TestOnceMore(t *testing.T) {
	for name, fault := range faults {
		for _, method := range []string{"POST", "PUT"} {
			s := registrytest.Strict(t, nil)
			r := &recorder{inner: s.Transport}
			var once sync.Once
			r.fail = func(_ int, req *http.Request) (resp *http.Response, err error) {
				if req.Method == method && strings.Contains(req.URL.Path, "/blobs/") {
					once.Do(func() { resp, err = fault(r, req) })
				}
				return resp, err
			}
			wantError(t, run(t.Context(), open(t, Config{Hub: s.Host, Transport: r}, images(t, "1.2.0"))), "")
			if all, _ := r.take(); method == "PUT" && name != "no answer" && !strings.Contains(strings.Join(all, "\n"), "DELETE /v2/") {
				t.Errorf("%s: the first upload was not dropped: got %q", name, all)
			}
		}
	}
}

// TestBrokenOff breaks a run off and looks at what is sent after that.
func TestBrokenOff(t *testing.T) {
	s := registrytest.Strict(t, nil)
	tree := images(t, "1.2.0")
	r := &recorder{inner: s.Transport}
	r.fail = func(_ int, req *http.Request) (*http.Response, error) {
		if req.Method == "PUT" && strings.Contains(req.URL.Path, "/manifests/") {
			return answer(req, 400, ""), nil
		}
		return nil, nil
	}
	if err := run(t.Context(), open(t, Config{Hub: s.Host, Transport: r, Jobs: 1}, tree)); err == nil {
		t.Fatal("got no error")
	}
	r.fail = nil
	publishAll(t, open(t, Config{Hub: s.Host, Transport: r, Jobs: 1}, tree))
	if all := r.bytes; float64(all) > 1.02*float64(unique(t, tree)) {
		t.Errorf("got %d bytes in all, want not more than the %d that there are", all, unique(t, tree))
	}
}

// unique returns the sum of the sizes of all distinct blobs of a release's images.
func unique(t testing.TB, tree *release.Tree) int64 {
	t.Helper()
	sum, seen := int64(0), map[string]bool{}
	for _, f := range tree.Files {
		if strings.HasPrefix(f.Path, "images/") && strings.Contains(f.Path, "/blobs/") && !seen[string(f.Digest)] {
			seen[string(f.Digest)], sum = true, sum+f.Size
		}
	}
	return sum
}

// TestAltered alters a file after the release was opened.
func TestAltered(t *testing.T) {
	for _, kind := range []string{"content", "shorter", "longer", "gone"} {
		for _, s := range []*registrytest.Server{registrytest.Strict(t, nil), registrytest.Lax(t, nil), nil} {
			dir := releasetest.Make(t, releasetest.Args{Images: []string{"app"}, LayerSize: 200_000})
			hub := "file://" + filepath.ToSlash(t.TempDir())
			var transport http.RoundTripper
			if s != nil {
				hub, transport = s.Host+"/x", s.Transport
			}
			d := open(t, Config{Hub: hub, Transport: transport}, releasetest.Open(t, dir))
			alterLayer(t, dir, kind)
			items := plan(t, d)
			err := d.Apply(t.Context(), publish.Upload, items[:1], nil)
			wantError(t, err, `(sha256|size) of "images/app/blobs/sha256/[0-9a-f]+": got|no such file`)
			wantStates(t, plan(t, d), hub, "image app absent", "tag app:1.2.0 absent")
			// Nothing else stands under the layer's digest.
			if bad := d.(*destination).entries[0].root.children[0].blobs[1].digest; kind != "gone" && kind != "longer" { // what is too long begins as it should
				session, err := d.(*destination).hub.open(t.Context(), []string{"app"}, true)
				if err != nil {
					t.Fatal(err)
				}
				if there, err := session.hasBlob(t.Context(), "app", bad); there || err != nil {
					t.Errorf("%s: the altered layer is there: %v, %v", kind, there, err)
				}
			}
		}
	}
}

// alterLayer alters the first layer of the first image.
func alterLayer(t *testing.T, dir, kind string) {
	t.Helper()
	e := open(t, Config{Hub: "registry.example"}, releasetest.Open(t, dir)).(*destination).entries[0]
	name := filepath.Join(dir, filepath.FromSlash(e.root.children[0].blobs[1].path))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "content":
		data[100] ^= 1
	case "shorter":
		data = data[:len(data)-1]
	case "longer":
		data = append(data, 0)
	case "gone":
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCancel cancels while a registry is silent.
func TestCancel(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	for _, at := range []string{"GET /v2/", "HEAD ", "POST ", "PUT /v2/x/app/blobs", "PUT /v2/x/app/manifests"} {
		ctx, cancel := context.WithCancel(t.Context())
		s := registrytest.Strict(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasPrefix(req.Method+" "+req.URL.Path, at) {
					cancel()
					select {
					case <-req.Context().Done():
					case <-done:
					}
				}
				h.ServeHTTP(w, req)
			})
		})
		d := open(t, Config{Hub: s.Host + "/x", Transport: s.Transport}, images(t, "1.2.0"))
		if err := run(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", at, err, context.Canceled)
		}
		cancel()
	}
}

// TestVerify alters what is in a registry, and in a directory.
func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name    string
		alter   string // path below DIR/app, or REPLACED by what
		shallow string // error, or none
		deep    string
	}{
		{"nothing", "", "", ""},
		{"index gone", "root", `^image .*: got nothing there, want sha256:`, `got nothing there`},
		{"manifest gone", "child", `^image .*: got nothing there, want sha256:`, `^image .*: got nothing there, want sha256:`},
		{"layer gone", "layer", `blob: got nothing there, want sha256:`, `blob: got nothing there, want sha256:`},
		{"layer altered", "layer altered", "", `blob: got sha256:[0-9a-f]+, want sha256:`},
		{"config altered", "config altered", "", `blob: got sha256:[0-9a-f]+, want sha256:`},
		{"tag gone", "tags", `^tag .*app:1.2.0: got nothing there, want sha256:`, `^tag .*app:1.2.0: got nothing there`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, Config{Hub: "file://" + filepath.ToSlash(dir)}, images(t, "1.2.0"))
			publishAll(t, d)
			items := plan(t, d)
			e := d.(*destination).entries[0]
			digests := map[string]string{
				"root": e.root.digest.Hex(), "child": e.root.children[0].digest.Hex(),
				"config": e.root.children[0].blobs[0].digest.Hex(), "layer": e.root.children[1].blobs[2].digest.Hex(),
			}
			what, altered := strings.CutSuffix(tt.alter, " altered")
			name := filepath.Join(dir, "app", "blobs", "sha256", digests[what])
			var err error
			switch {
			case tt.alter == "tags":
				err = os.Remove(filepath.Join(dir, "app", "index.json"))
			case altered: // a new file: the old one may be linked
				if err = os.Remove(name); err == nil {
					err = os.WriteFile(name, []byte("altered"), 0o644)
				}
			case tt.alter != "":
				err = os.Remove(name)
			}
			if err != nil {
				t.Fatal(err)
			}
			v := open(t, Config{Hub: "file://" + filepath.ToSlash(dir)}, nil)
			wantError(t, v.Verify(t.Context(), items, false), tt.shallow)
			wantError(t, v.Verify(t.Context(), items, true), tt.deep)
		})
	}
}

// TestVerifyRegistry has a registry change under a receipt, and lie.
func TestVerifyRegistry(t *testing.T) {
	lie := ""
	s := registrytest.Strict(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if lie != "" && req.Method == "GET" && strings.Contains(req.URL.Path, lie) {
				w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
				fmt.Fprint(w, `{"schemaVersion":2,"manifests":[]}`)
				return
			}
			h.ServeHTTP(w, req)
		})
	})
	d := open(t, Config{Hub: s.Host, Transport: s.Transport}, images(t, "1.2.0"))
	publishAll(t, d)
	items := plan(t, d)
	wantError(t, d.Verify(t.Context(), items, true), "")
	lie = "/app/manifests/"
	wantError(t, d.Verify(t.Context(), items, false), `^image .*: reading .*: digest: got sha256:[0-9a-f]+, want sha256:`)
	wantError(t, d.Verify(t.Context(), items, true), `^image .*: reading .*: digest: got sha256:[0-9a-f]+, want sha256:`)
	lie = "/proxy/blobs/"
	wantError(t, d.Verify(t.Context(), items, true), `^image .*/proxy@.*: blob: got sha256:`)
	lie = ""
	other(t, s, s.Host+"/app:1.2.0", "1.2.0")
	wantError(t, d.Verify(t.Context(), items, false), `^tag .*/app:1.2.0: got sha256:[0-9a-f]+, want sha256:[0-9a-f]+$`)
}
