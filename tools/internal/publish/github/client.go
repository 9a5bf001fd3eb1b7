package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	defaultBaseURL = "https://api.github.com/"
	userAgent      = "release-builder"
	apiVersion     = "2022-11-28" // https://docs.github.com/en/rest/about-the-rest-api/api-versions
	attempts       = 4
	perPage        = 100 // GitHub's maximum
	maxPages       = 1000
	maxMessage     = 300 // bytes of a server's message in an error
)

type clientArgs struct {
	Token, BaseURL string
	Transport      http.RoundTripper
	Log            func(format string, args ...any)
}

// A client makes requests to one GitHub server.
type client struct {
	api   api
	http  *http.Client
	auth  *authorized
	base  *url.URL
	web   string        // the web pages: https://github.com
	pause time.Duration // see [web.Retry]
}

func newClient(a clientArgs) (*client, error) {
	base, err := url.Parse(cmp.Or(a.BaseURL, defaultBaseURL))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("base URL of GitHub's API: want https://HOST/ or https://HOST/api/v3/")
	}
	if base.Scheme == "http" && a.Token != "" && !web.IsLoopback(base.Hostname()) {
		return nil, fmt.Errorf("base URL %q of GitHub's API: got http, want https: anybody could read the token", base)
	}
	base.Path = strings.TrimSuffix(base.Path, "/") + "/"
	transport := a.Transport
	if _, ok := transport.(*limits); !ok {
		transport = Limits(transport, a.Log)
	}
	auth := &authorized{base: transport, token: a.Token, origins: map[string]bool{origin(base): true}}
	c := &client{
		http: web.Client(auth), auth: auth,
		base: base, web: webURL(base), pause: time.Second,
	}
	c.api = newAPI(c.http, base)
	return c, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + strings.ToLower(u.Host) }

// webURL returns the URL of the web pages: github.com for api.github.com. An Enterprise
// Server's API is below /api/v3/ of it.
func webURL(base *url.URL) string {
	u := *base
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/api/v3")
	if !web.IsLoopback(u.Hostname()) {
		u.Host = strings.TrimPrefix(u.Host, "api.")
	}
	return u.String()
}

// authorized sends the token only to the API's host and to the upload host that the API
// named. It sees every request, including those after a redirect.
type authorized struct {
	base  http.RoundTripper
	token string

	mu      sync.RWMutex
	origins map[string]bool
}

// RoundTrip implements [http.RoundTripper].
func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	a.mu.RLock()
	ours := a.origins[origin(req.URL)]
	a.mu.RUnlock()
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	if ours {
		req.Header.Set("X-GitHub-Api-Version", apiVersion)
		if a.token != "" {
			req.Header.Set("Authorization", "Bearer "+a.token)
		}
	}
	return a.base.RoundTrip(req)
}

// trustUploads parses a release's upload_url and allows the token there if it is in the API's
// domain.
func (c *client) trustUploads(template string) (*url.URL, error) {
	s, _, _ := strings.Cut(template, "{")
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("upload_url of the release is not a URL")
	}
	host, domain := u.Hostname(), strings.TrimPrefix(c.base.Hostname(), "api.")
	if u.Scheme != c.base.Scheme || host != c.base.Hostname() && host != domain && host != "uploads."+domain {
		return nil, fmt.Errorf("upload_url of the release: got %q, want one of %s: the token is not sent elsewhere", origin(u), domain)
	}
	c.auth.mu.Lock()
	c.auth.origins[origin(u)] = true
	c.auth.mu.Unlock()
	return u, nil
}

// pages calls GET for each page of a list, until f returns an error.
func (c *client) pages(ctx context.Context, path string, size int, f func(decode func(any) error) error) error {
	for page, n := 1, 0; page != 0; n++ {
		if n == maxPages {
			return fmt.Errorf("list has more than %d pages", maxPages)
		}
		var next int
		err := f(func(out any) (err error) {
			next, err = c.call(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", path, size, page), nil, out)
			return err
		})
		if err != nil {
			return err
		}
		page = next
	}
	return nil
}

// list returns all elements of a list.
func list[T any](ctx context.Context, c *client, path string, size int) ([]T, error) {
	var all []T
	err := c.pages(ctx, path, size, func(decode func(any) error) error {
		var some []T
		if err := decode(&some); err != nil {
			return err
		}
		if some == nil { // go-github accepts an empty body
			return errors.New("the answer is empty, want a list")
		}
		all = append(all, some...)
		return nil
	})
	return all, err
}

// A statusError is an answer with an error status.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("status: got %d %s", e.code, http.StatusText(e.code))
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

func (c *client) status(resp *http.Response, message string) error {
	if c.auth.token != "" {
		message = strings.ReplaceAll(message, c.auth.token, "[token]")
	}
	return &statusError{resp.StatusCode, message[:min(len(message), maxMessage)]}
}

// A requestError is a request without an answer, or one after which to check the state again.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

func hasStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}

// temporary reports whether the same request may succeed later.
func temporary(err error) bool {
	var s *statusError
	var r *requestError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &r): // regardless of what it wraps
		return true
	case errors.As(err, &s):
		return s.code >= 500 || s.code == http.StatusRequestTimeout
	}
	return errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF)
}

// repeat calls f again while its error is temporary. It is for what the transport does not
// retry: f checks what the previous attempt did.
func (c *client) repeat(ctx context.Context, f func() error) error {
	may := func(err error) (time.Duration, bool) { return 0, temporary(err) }
	return web.Retry{Attempts: attempts, Pause: c.pause, May: may}.Do(ctx, func(int) error { return f() })
}

// about adds to an error what was being done with a repository, and a hint.
func about(err error, repo, format string, args ...any) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s of %s: %w", fmt.Sprintf(format, args...), repo, err)
	switch {
	case hasStatus(err, http.StatusUnauthorized):
		return hint.With(wrapped, "GitHub does not accept the token: it is wrong, or it has expired")
	case hasStatus(err, http.StatusForbidden):
		return hint.With(wrapped, "the token needs the permission contents: write for %s", repo)
	case hasStatus(err, http.StatusNotFound):
		return hint.With(wrapped, "check that %s exists, and that the token can read and write it", repo)
	}
	return wrapped
}
