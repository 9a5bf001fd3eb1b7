// Package registryclient is shared by the clients of OCI registries: login, connections
// and errors (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
package registryclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const maxErrorSize = 16 << 10 // bytes of a registry's error

// Args are the arguments of Login.
type Args struct {
	Registry name.Registry
	// Resource is what the credentials are for. Nil means the registry.
	Resource  authn.Resource
	Keychain  authn.Keychain // nil means no credentials
	Transport http.RoundTripper
	Scopes    []string // of the token
}

// Login logs in to the registry, in the way that the registry requires, and returns a
// client with the credentials. They are sent only to the registry's host. Connections are
// limited by [Guard], redirects by [web.CheckRedirect].
func Login(ctx context.Context, a Args) (*http.Client, error) {
	auth := authn.Anonymous
	if a.Resource == nil {
		a.Resource = a.Registry
	}
	if a.Keychain != nil {
		var err error
		if auth, err = authn.Resolve(ctx, a.Keychain, a.Resource); err != nil {
			return nil, fmt.Errorf("reading credentials for %s: %w", a.Registry.RegistryStr(), err)
		}
	}
	t, err := transport.NewWithContext(ctx, a.Registry, auth, Guard(a.Transport), a.Scopes)
	if err != nil {
		return nil, err
	}
	return web.Client(t), nil
}

// Guard returns a transport that refuses plain HTTP except to this machine, whether the URL
// is from a name, a redirect or the registry's login.
func Guard(inner http.RoundTripper) http.RoundTripper { return guard{inner} }

type guard struct{ inner http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !web.IsLoopback(req.URL.Hostname()) {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("connecting to %s: scheme is %q, want https", req.URL.Host, req.URL.Scheme)
	}
	return g.inner.RoundTrip(req)
}

// A StatusError is a response of a registry with an unexpected status.
type StatusError struct {
	Status int
	Want   []int // expected statuses; empty means 200
	Errors []transport.Diagnostic
	After  time.Duration // from Retry-After
}

// NewStatusError returns the error of a response, with the details in its body.
func NewStatusError(resp *http.Response, body io.Reader, want ...int) *StatusError {
	after, _ := web.RetryAfter(resp.Header)
	e := &StatusError{Status: resp.StatusCode, Want: want, After: after}
	// A body that cannot be read is ignored.
	if raw, err := io.ReadAll(io.LimitReader(body, maxErrorSize)); err == nil {
		var said transport.Error
		if json.Unmarshal(raw, &said) == nil {
			e.Errors = said.Errors
		}
	}
	return e
}

func (e *StatusError) Error() string {
	want := []string{"200"}
	if len(e.Want) > 0 {
		want = nil
		for _, w := range slices.Sorted(slices.Values(e.Want)) {
			want = append(want, strconv.Itoa(w))
		}
	}
	s := fmt.Sprintf("got status %d %s, want %s", e.Status, http.StatusText(e.Status), strings.Join(want, " or "))
	if len(e.Errors) > 0 {
		s += fmt.Sprintf("; registry says %.40q: %.200q", string(e.Errors[0].Code), e.Errors[0].Message)
	}
	return s
}

// StatusOf returns the status and the first error code in err, which is from the registry
// or from its login service.
func StatusOf(err error) (int, transport.ErrorCode) {
	var diagnostics []transport.Diagnostic
	status := 0
	if e, ok := errors.AsType[*StatusError](err); ok {
		status, diagnostics = e.Status, e.Errors
	} else if e, ok := errors.AsType[*transport.Error](err); ok {
		status, diagnostics = e.StatusCode, e.Errors
	}
	if len(diagnostics) == 0 {
		return status, ""
	}
	return status, diagnostics[0].Code
}

// MayPass is the [web.Retry.May] for requests to a registry.
func MayPass(err error) (after time.Duration, again bool) {
	status, code := StatusOf(err)
	if e, ok := errors.AsType[*StatusError](err); ok {
		after = e.After
	}
	lost := code == transport.BlobUploadUnknownErrorCode || code == transport.BlobUploadInvalidErrorCode
	return after, lost || web.TransientStatus(status) || status == 0 && web.Transient(err)
}

// WithoutURL removes the URL from err, because after a redirect it can have a signature. It
// turns an error of the login into a StatusError. If err has several causes, such as
// failed TLS and a silent server, it returns the SilentError.
func WithoutURL(err error) error {
	if e, ok := errors.AsType[*web.SilentError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*transport.Error](err); ok {
		err = &StatusError{Status: e.StatusCode, Errors: e.Errors}
	}
	return err
}

// ReadAtMost reads all of r. It returns an error if r has more than limit bytes.
func ReadAtMost(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("size: got more than %d bytes", limit)
	}
	return raw, err
}
