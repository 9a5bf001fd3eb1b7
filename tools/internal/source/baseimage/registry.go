package baseimage

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// A registrySource reads a repository: distribution-spec v1.1, pull.
type registrySource struct {
	ref      name.Reference
	keychain authn.Keychain
	base     http.RoundTripper
	retry    web.Retry

	mu     sync.Mutex
	client *http.Client // nil before login
}

func newRegistrySource(a Args) (*registrySource, error) {
	ref, err := name.ParseReference(a.Base)
	if err != nil {
		err = fmt.Errorf("parsing reference: %w", err)
		return nil, hint.With(err, "a base is HOST/REPOSITORY:TAG, oci-layout:PATH or docker-archive:PATH")
	}
	base := a.Transport
	if base == nil {
		base = web.NewTransport()
	}
	return &registrySource{
		ref: ref, keychain: a.Keychain,
		base:  web.New(web.Config{Base: base, Idle: cmp.Or(a.Idle, 30*time.Second), Retry: web.Retry{Attempts: 1}}),
		retry: web.Retry{Attempts: 4, Pause: cmp.Or(a.Pause, time.Second), May: mayPass},
	}, nil
}

// mayPass is [registryclient.MayPass] without status 408, which is about a request's body:
// these requests have none.
func mayPass(err error) (time.Duration, bool) {
	if status, _ := registryclient.StatusOf(err); status == http.StatusRequestTimeout {
		return 0, false
	}
	return registryclient.MayPass(err)
}

func (s *registrySource) close() error { return nil }

func (s *registrySource) root(ctx context.Context, want digest.Digest) (*document, error) {
	ref := s.ref
	if want != "" {
		ref = s.ref.Context().Digest(string(want))
	}
	if d, ok := ref.(name.Digest); ok {
		var err error
		if want, err = digest.Parse(d.DigestStr()); err != nil {
			return nil, err
		}
	}
	var raw []byte
	var said types.MediaType
	err := s.get(ctx, "manifests", ref.Identifier(), func(resp *http.Response, body io.Reader) (err error) {
		said = types.MediaType(resp.Header.Get("Content-Type"))
		raw, err = registryclient.ReadAtMost(body, maxManifestSize)
		return err
	})
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(raw); want != "" && got != want {
		return nil, fmt.Errorf("manifest %s: digest: got %s, want %s", ref.Identifier(), got, want)
	}
	return parseDocument(raw, said)
}

func (s *registrySource) fetch(ctx context.Context, desc v1.Descriptor, k kind, read reader) error {
	path := "blobs"
	if k == manifestKind {
		path = "manifests"
	}
	return s.get(ctx, path, desc.Digest.String(), func(resp *http.Response, body io.Reader) error {
		if n := resp.ContentLength; n >= 0 && n != desc.Size {
			return fmt.Errorf("Content-Length: got %d bytes, want %d", n, desc.Size)
		}
		return read(body)
	})
}

// get requests PATH/ID of the repository and calls use with the response. It retries
// errors that may pass.
func (s *registrySource) get(ctx context.Context, path, id string, use func(*http.Response, io.Reader) error) error {
	repo := s.ref.Context()
	u := url.URL{Scheme: repo.Scheme(), Host: repo.RegistryStr(), Path: "/v2/" + repo.RepositoryStr() + "/" + path + "/" + id}
	return s.withHint(s.retry.Do(ctx, func(int) error {
		if err := s.request(ctx, u, use); err != nil {
			return fmt.Errorf("requesting %s/%s of %s: %w", path, id, repo.Name(), registryclient.WithoutURL(err))
		}
		return nil
	}))
}

func (s *registrySource) request(ctx context.Context, u url.URL, use func(*http.Response, io.Reader) error) error {
	client, err := s.login(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	// Without this header net/http would ask for compression and decompress.
	req.Header.Set("Accept-Encoding", "identity")
	for _, t := range acceptable {
		req.Header.Add("Accept", string(t))
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return registryclient.NewStatusError(resp, resp.Body)
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fmt.Errorf("Content-Encoding is %q, want none: the digest is of unencoded content", e)
	}
	return use(resp, resp.Body)
}

// login returns a client with the credentials that the registry requires.
func (s *registrySource) login(ctx context.Context) (*http.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	repo := s.ref.Context()
	client, err := registryclient.Login(ctx, registryclient.Args{
		Registry: repo.Registry, Resource: repo, Keychain: s.keychain, Transport: s.base, Scopes: []string{repo.Scope(transport.PullScope)},
	})
	if err != nil {
		return nil, err
	}
	s.client = client
	return s.client, nil
}

// withHint adds a hint to err.
func (s *registrySource) withHint(err error) error {
	host := s.ref.Context().RegistryStr()
	switch status, code := registryclient.StatusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return hint.With(err, "run docker login %s (some registries also answer this for a repository that does not exist)", host)
	case status == http.StatusNotFound && code == transport.NameUnknownErrorCode:
		return hint.With(err, "check the repository's name, %s", s.ref.Context().RepositoryStr())
	case status == http.StatusNotFound:
		return hint.With(err, "check the tag; if the digest is from lock.json, the image was deleted: run tools/bazel run //release:resolve")
	}
	return err
}
