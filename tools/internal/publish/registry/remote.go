package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// acceptable are the media types of indexes and manifests.
var acceptable = []types.MediaType{types.OCIImageIndex, types.OCIManifestSchema1, types.DockerManifestList, types.DockerManifestSchema2}

// A remoteHub is a path in a registry.
type remoteHub struct {
	registry  name.Registry
	path      string
	keychain  authn.Keychain
	transport http.RoundTripper
	d         *destination

	mu       sync.Mutex
	sessions map[string]*remoteSession // by scopes
}

// parseHub splits HOST/PATH. The host is required, without a default registry.
func parseHub(hub string) (name.Registry, string, error) {
	repo, err := name.NewRepository(strings.TrimSuffix(hub, "/")+"/x", name.StrictValidation)
	p := ""
	if err == nil {
		p = strings.TrimSuffix(strings.TrimSuffix(repo.RepositoryStr(), "x"), "/")
		if p != "" && !namePattern.MatchString(p) {
			err = fmt.Errorf("%q is not a path of repositories", p)
		}
	}
	if err != nil {
		err = fmt.Errorf("parsing hub %q: %w", hub, err)
		return name.Registry{}, "", hint.With(err, "write HOST/PATH or file:///DIR")
	}
	return repo.Registry, p, nil
}

func newRemoteHub(d *destination) (*remoteHub, error) {
	h := &remoteHub{d: d, keychain: d.config.Keychain, transport: d.config.Transport, sessions: map[string]*remoteSession{}}
	var err error
	if h.registry, h.path, err = parseHub(d.config.Hub); err != nil {
		return nil, err
	}
	if h.transport == nil {
		h.transport = web.NewTransport()
	}
	return h, nil
}

func (h *remoteHub) url(name, ref string) string {
	return h.endpoint(name, "manifests", ref).String()
}

// endpoint returns the URL of an endpoint of a repository.
func (h *remoteHub) endpoint(name string, elements ...string) *url.URL {
	scheme, host := "https", h.registry.RegistryStr()
	if web.IsLoopback((&url.URL{Host: host}).Hostname()) {
		scheme = "http" // the login changes it if the registry has TLS
	}
	return &url.URL{Scheme: scheme, Host: host, Path: path.Join("/v2", h.path, name, path.Join(elements...))}
}

func (h *remoteHub) open(ctx context.Context, names []string, write bool) (session, error) {
	var scopes []string
	for _, n := range names {
		action := transport.PullScope
		if write {
			action = transport.PushScope
		}
		scopes = append(scopes, "repository:"+path.Join(h.path, n)+":"+action)
		if write && h.d.mount != "" {
			scopes = append(scopes, "repository:"+path.Join(h.d.mount, n)+":"+transport.PullScope)
		}
	}
	key := strings.Join(scopes, " ")
	h.mu.Lock()
	s := h.sessions[key]
	h.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s = &remoteSession{hub: h, retry: h.d.retry()}
	var err error
	s.client, err = registryclient.Login(ctx, registryclient.Args{
		Registry: h.registry, Keychain: h.keychain, Transport: h.transport, Scopes: scopes,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, h.withHint(fmt.Errorf("logging in to %s: %w", h.registry.RegistryStr(), registryclient.WithoutURL(err)))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[key] = s
	return s, nil
}

// withHint adds a hint to err.
func (h *remoteHub) withHint(err error) error {
	switch status, code := registryclient.StatusOf(err); {
	case status == http.StatusTooManyRequests || code == transport.TooManyRequestsErrorCode:
		return hint.With(err, "%s limits the rate of requests: wait, then run again; it resumes", h.registry.RegistryStr())
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return hint.With(err, "run docker login %s with an account that may push there; some registries also need the repository to be created first", h.registry.RegistryStr())
	}
	return err
}

// A remoteSession is a hub with a login: distribution-spec v1.1, pull and push.
type remoteSession struct {
	hub    *remoteHub
	client *http.Client
	retry  web.Retry
	// shared is set when the registry has shown that it does not mount blobs, but that all
	// its repositories share a store.
	shared atomic.Bool
}

// do sends a request and returns the answer if it has one of the statuses. The caller closes
// the body with finish.
func (s *remoteSession) do(req *http.Request, want ...int) (*http.Response, error) {
	req.Header.Set("Accept-Encoding", "identity") // no compression
	resp, err := s.client.Do(req)
	switch {
	case err != nil && req.Context().Err() != nil:
		return nil, context.Cause(req.Context())
	case err != nil:
		return nil, registryclient.WithoutURL(err)
	case slices.Contains(want, resp.StatusCode):
		return resp, nil
	}
	defer finish(resp)
	return nil, registryclient.NewStatusError(resp, resp.Body, want...)
}

// finish reads the rest of an answer so that its connection can be used again.
func finish(resp *http.Response) {
	io.Copy(io.Discard, io.LimitReader(resp.Body, 16<<10)) //nolint:errcheck // only for reuse of the connection
	resp.Body.Close()
}

// wrap adds to err what was being done, and with what.
func (s *remoteSession) wrap(err error, what, repo, ref string) error {
	if err == nil {
		return nil
	}
	sep := ":"
	if strings.HasPrefix(ref, "sha256:") {
		sep = "@"
	}
	return s.hub.withHint(fmt.Errorf("%s %s/%s%s%s: %w", what, s.hub.d.config.Hub, repo, sep, ref, err))
}

func (s *remoteSession) head(ctx context.Context, repo, ref string) (digest.Digest, error) {
	d, err := s.tryHead(ctx, repo, ref)
	return d, s.wrap(err, "looking for", repo, ref)
}

func (s *remoteSession) tryHead(ctx context.Context, repo, ref string) (digest.Digest, error) {
	req, err := s.manifestRequest(ctx, http.MethodHead, repo, ref)
	if err != nil {
		return "", err
	}
	resp, err := s.do(req, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return "", err
	}
	finish(resp)
	said := resp.Header.Get("Docker-Content-Digest")
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return "", nil
	case said != "":
		return digest.Parse(said)
	}
	raw, _, err := s.tryManifest(ctx, repo, ref)
	if err != nil || raw == nil {
		return "", err
	}
	return digest.FromBytes(raw), nil
}

func (s *remoteSession) manifestRequest(ctx context.Context, method, repo, ref string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.hub.endpoint(repo, "manifests", ref).String(), nil)
	if err != nil {
		return nil, err
	}
	for _, t := range acceptable {
		req.Header.Add("Accept", string(t))
	}
	return req, nil
}

func (s *remoteSession) manifest(ctx context.Context, repo, ref string) ([]byte, types.MediaType, error) {
	raw, mediaType, err := s.tryManifest(ctx, repo, ref)
	return raw, mediaType, s.wrap(err, "reading", repo, ref)
}

func (s *remoteSession) tryManifest(ctx context.Context, repo, ref string) ([]byte, types.MediaType, error) {
	req, err := s.manifestRequest(ctx, http.MethodGet, repo, ref)
	if err != nil {
		return nil, "", err
	}
	resp, err := s.do(req, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, "", err
	}
	defer finish(resp)
	if resp.StatusCode == http.StatusNotFound {
		return nil, "", nil
	}
	raw, err := registryclient.ReadAtMost(resp.Body, maxManifestSize)
	if err != nil {
		return nil, "", err
	}
	got := digest.FromBytes(raw)
	for _, want := range []string{ref, resp.Header.Get("Docker-Content-Digest")} {
		if strings.HasPrefix(want, "sha256:") && want != string(got) {
			return nil, "", fmt.Errorf("digest: got %s, want %s", got, want)
		}
	}
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return raw, types.MediaType(strings.TrimSpace(mediaType)), nil
}

func (s *remoteSession) putManifest(ctx context.Context, repo, ref string, n *node) (bool, error) {
	listed, err := s.tryPutManifest(ctx, repo, ref, n)
	return listed, s.wrap(err, "writing", repo, ref)
}

func (s *remoteSession) tryPutManifest(ctx context.Context, repo, ref string, n *node) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.hub.endpoint(repo, "manifests", ref).String(), bytes.NewReader(n.raw))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", string(n.mediaType))
	if ref == string(n.digest) {
		req.Header["Idempotency-Key"] = nil // safe to repeat: lets net/http retry on a new connection
	} else {
		req.GetBody = nil // nobody repeats the write of a tag without a look at what is there
	}
	resp, err := s.do(req, http.StatusCreated)
	if err != nil {
		return false, err
	}
	finish(resp)
	return resp.Header.Get("OCI-Subject") != "", checkDigest(resp, n.digest)
}

// checkDigest compares the digest in the registry's answer with what was sent.
func checkDigest(resp *http.Response, want digest.Digest) error {
	if said := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != string(want) {
		return fmt.Errorf("Docker-Content-Digest: got %.100q, want %s", said, want)
	}
	return nil
}
