package registry

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A recorder records requests, and lets fail what a test wants to fail.
type recorder struct {
	inner http.RoundTripper
	fail  func(n int, req *http.Request) (*http.Response, error) // called before; n is from 0

	mu       sync.Mutex
	requests []string // METHOD PATH
	bytes    int64    // of bodies
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "https" && strings.HasSuffix(req.URL.Path, "/v2/") {
		return r.inner.RoundTrip(req) // the login asks by both schemes; which comes first varies
	}
	r.mu.Lock()
	n := len(r.requests)
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	if r.fail != nil {
		if resp, err := r.fail(n, req); resp != nil || err != nil {
			if req.Body != nil {
				req.Body.Close()
			}
			return resp, err
		}
	}
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = &counted{req.Body, r}
	}
	return r.inner.RoundTrip(req)
}

type counted struct {
	io.ReadCloser
	r *recorder
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.r.mu.Lock()
	c.r.bytes += int64(n)
	c.r.mu.Unlock()
	return n, err
}

// take returns the requests since the last call, by method.
func (r *recorder) take() (all []string, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, r.requests = r.requests, nil
	for _, s := range all {
		if !strings.HasPrefix(s, "GET ") && !strings.HasPrefix(s, "HEAD ") {
			writes++
		}
	}
	return all, writes
}

// answer returns an answer of a registry.
func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// servers are the registries that all has to work with.
var servers = []struct {
	name  string
	start func(t *testing.T) *registrytest.Server
	auth  authn.AuthConfig
}{
	{"strict", func(t *testing.T) *registrytest.Server { return registrytest.Strict(t, nil) }, authn.AuthConfig{}},
	{"lax", func(t *testing.T) *registrytest.Server { return registrytest.Lax(t, nil) }, authn.AuthConfig{}},
	{"docker", func(t *testing.T) *registrytest.Server { return registrytest.Docker(t, registrytest.Args{}) }, authn.AuthConfig{}},
	{"docker with TLS and a login", func(t *testing.T) *registrytest.Server {
		return registrytest.Docker(t, registrytest.Args{TLS: true, User: "kim", Password: "s3cret"})
	}, authn.AuthConfig{Username: "kim", Password: "s3cret"}},
}

type keychain struct{ config authn.AuthConfig }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(k.config), nil
}

// images makes and opens a release with two images.
func images(t testing.TB, version string) *release.Tree {
	t.Helper()
	return releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: version, Images: []string{"app", "proxy"}, Bases: 2, LayerSize: 70_000}))
}

// open returns a destination that waits for nothing.
func open(t testing.TB, c Config, tree *release.Tree) publish.Destination {
	t.Helper()
	d, err := New(t.Context(), c, tree)
	if err != nil {
		t.Fatal(err)
	}
	d.(*destination).pause = time.Millisecond
	return d
}

func plan(t testing.TB, d publish.Destination) []publish.Item {
	t.Helper()
	items, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// states returns the items in short: KIND NAME STATE, without the hub.
func states(items []publish.Item, hub string) []string {
	var all []string
	for _, i := range items {
		name, _, _ := strings.Cut(strings.TrimPrefix(i.Name, hub+"/"), "@")
		all = append(all, i.Kind+" "+name+" "+string(i.State))
	}
	return all
}

// todo returns the items of a phase that are to be written.
func todo(items []publish.Item, phase publish.Phase) []publish.Item {
	return slices.DeleteFunc(slices.Clone(items), func(i publish.Item) bool {
		return i.Phase != phase || i.State != publish.Absent && i.State != publish.Behind
	})
}

// run plans and applies, as the engine does.
func run(ctx context.Context, d publish.Destination) error {
	items, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
		if err := d.Apply(ctx, phase, todo(items, phase), nil); err != nil {
			return err
		}
	}
	return nil
}

// publishAll is run that has to go well.
func publishAll(t testing.TB, d publish.Destination) {
	t.Helper()
	if err := run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func wantStates(t testing.TB, got []publish.Item, hub string, want ...string) {
	t.Helper()
	if s := states(got, hub); !slices.Equal(s, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(s, "\n  "), strings.Join(want, "\n  "))
	}
}

// checkIndex reads an image back and validates all of it.
func checkIndex(t testing.TB, s *registrytest.Server, auth authn.AuthConfig, ref string) v1.ImageIndex {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := remote.Index(r, remote.WithTransport(s.Transport), remote.WithAuthFromKeychain(keychain{auth}))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx, validate.Fast); err != nil { // layers are random bytes, no tars
		t.Errorf("%s: %v", ref, err)
	}
	return idx
}

var wantError = errtest.Match

// hint returns what a command would print of err.
func hintOf(err error) string {
	var b strings.Builder
	cli.Fail(&b, "test", err)
	_, hint, _ := strings.Cut(b.String(), "test: hint: ")
	return hint
}
