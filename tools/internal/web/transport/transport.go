// Package transport is what every HTTP request of a publish goes through. It
// repeats what failed where that cannot do harm, ends what is idle, follows
// redirects without giving anything away, and has no URL's secrets in its errors.
package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web/retryafter"
)

const (
	defaultAttempts      = 5
	defaultPause         = 500 * time.Millisecond
	maxPause             = 30 * time.Second
	defaultIdle          = time.Minute
	defaultMaxRetryAfter = 5 * time.Minute
	connectTimeout       = 30 * time.Second
	idlePerHost          = 64
	maxDrain             = 64 << 10 // of the answer of a failed attempt, in bytes
)

// Config says how requests are made. The zero value works.
type Config struct {
	// Base sends a request once; nil is a new http.Transport with the proxies of the
	// environment, HTTP/2, and 30 s to connect and as much for the TLS handshake.
	// Certificates are verified, except those of servers on loopback.
	Base http.RoundTripper
	// Wrap goes around Base, below the retries; may be nil. Tests put faults here.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Attempts is how often a request is sent at most; default 5.
	Attempts int
	// Pause is the longest first pause, which doubles up to 30 s; each is a random
	// part of that. Default 500 ms.
	Pause time.Duration
	// Idle ends an attempt in which nothing was sent and nothing received for so
	// long; default 60 s.
	Idle time.Duration
	// MaxRetryAfter is how long a server may have us wait; default 5 min.
	MaxRetryAfter time.Duration
	// Log takes a line about each retry, with the host's name of the URL; may be nil.
	Log func(format string, args ...any)
}

// A Transport is an http.RoundTripper that is safe for concurrent use.
type Transport struct {
	config Config
	base   http.RoundTripper
}

// New makes a transport.
func New(c Config) *Transport {
	c.Attempts = cmp.Or(c.Attempts, defaultAttempts)
	c.Pause = cmp.Or(c.Pause, defaultPause)
	c.Idle = cmp.Or(c.Idle, defaultIdle)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, defaultMaxRetryAfter)
	base := c.Base
	if base == nil {
		base = newLoopback(&http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: connectTimeout}).DialContext,
			TLSHandshakeTimeout: connectTimeout, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: 90 * time.Second,
			ExpectContinueTimeout: time.Second, DisableCompression: true,
		})
	}
	if c.Wrap != nil {
		base = c.Wrap(base)
	}
	return &Transport{config: c, base: base}
}

type repeatable struct{}

// Repeatable marks the requests of a context as safe to send again whatever their
// method is, as a POST that creates what only its content names.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatable{}, true)
}

// RoundTrip sends a request, and again after a pause where that may help and can
// do no harm: if its body can be had again, and its method is idempotent (RFC 9110
// section 9.2.2), its context is [Repeatable], or the server says that it did
// nothing (429, or 503 with Retry-After). The last answer is returned as it is,
// even if it is such a status. Errors have neither user nor query of a URL.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		sent, err := again(req, attempt)
		if err != nil {
			return nil, err
		}
		resp, err := t.attempt(sent)
		v := t.decide(req, resp, err, attempt)
		if !v.retry {
			return resp, hide(err, req)
		}
		discard(resp)
		if v.told > t.config.MaxRetryAfter {
			return nil, tooLong(req, v)
		}
		if t.config.Log != nil {
			t.config.Log("%s: got %s; trying again in %s (attempt %d of %d)", req.URL.Host, v.why, round(v.wait), attempt+1, t.config.Attempts)
		}
		if err := sleep(req.Context(), v.wait); err != nil {
			return nil, err
		}
	}
}

// again returns the request of an attempt, with a body of its own.
func again(req *http.Request, attempt int) (*http.Request, error) {
	if attempt == 1 || req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("reading the request's body again: %w", err)
	}
	next := req.Clone(req.Context())
	next.Body = body
	return next, nil
}

// A verdict says whether an attempt is to be followed by another, and why.
type verdict struct {
	retry bool
	why   string        // without any address
	wait  time.Duration // the pause before it
	told  time.Duration // the part of it that the server asked for
}

func (t *Transport) decide(req *http.Request, resp *http.Response, err error, attempt int) verdict {
	if attempt >= t.config.Attempts || req.Context().Err() != nil || !replayable(req) {
		return verdict{}
	}
	limit := maxPause
	if shift := attempt - 1; shift < 16 {
		limit = min(maxPause, t.config.Pause<<shift)
	}
	v := verdict{wait: rand.N(limit + 1)}
	if err != nil {
		v.retry, v.why = idempotent(req) && transient(err), reason(err)
		return v
	}
	after, told := retryafter.Parse(resp.Header.Get("Retry-After"), time.Now())
	if told {
		v.told = after
		v.wait = after + rand.N(min(limit, time.Second)+1) // so that those who were told so do not come at once
	}
	v.why = fmt.Sprintf("status %d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		v.retry = true
	case http.StatusServiceUnavailable:
		v.retry = told || idempotent(req)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		v.retry = idempotent(req)
	}
	return v
}

// replayable tells whether the body of a request can be had again.
func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func idempotent(req *http.Request) bool {
	marked, _ := req.Context().Value(repeatable{}).(bool)
	return marked || slices.Contains([]string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}, req.Method)
}

// discard reads a little of an answer, so that its connection can be used again.
func discard(resp *http.Response) {
	if resp == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func tooLong(req *http.Request, v verdict) error {
	err := fmt.Errorf("%s: got %s; the server asks us to wait %s", req.URL.Host, v.why, round(v.told))
	return hint.With(err, "run this again after %s", time.Now().Add(v.told+time.Second).UTC().Format("2006-01-02 15:04:05 UTC"))
}

// round is a duration for people.
func round(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < time.Minute {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	return d.Round(time.Second).String()
}

const maxRedirects = 10

// Client returns a client that follows at most 10 redirects, none from https to
// http, and sends neither credentials nor the address it came from to another host.
// Its errors show the whole URL, as http.Client has it: [Redact] them.
func (t *Transport) Client() *http.Client {
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	if len(via) > maxRedirects {
		return fmt.Errorf("%s: got more than %d redirects", via[0].URL.Host, maxRedirects)
	}
	if last.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return hint.With(fmt.Errorf("%s: got a redirect from https to %s at %s", last.URL.Host, req.URL.Scheme, req.URL.Host), "the server is misconfigured, or somebody stands between")
	}
	for _, v := range via {
		if !strings.EqualFold(v.URL.Host, req.URL.Host) {
			maps.DeleteFunc(req.Header, func(name string, _ []string) bool { return private(name) })
		}
	}
	return nil
}

// private tells whether a header is for one host only, as Authorization is.
func private(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "referer", "token", "secret", "password", "api-key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var errIdle = errors.New("nothing was sent and nothing came")
