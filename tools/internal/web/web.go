// Package web is this project's HTTP client. [NewTransport] makes connections. A
// [Transport] repeats failed requests if that is safe, and ends silent ones.
// [CheckRedirect] limits redirects. [Retry] is the loop for everything that is tried again.
// [Redact] removes secrets from errors.
package web

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	defaultIdle = time.Minute
	maxDrain    = 64 << 10 // of a failed attempt's response, in bytes
)

// Config configures a Transport. The zero value works.
type Config struct {
	// Base sends a request once. Nil means one of NewTransport that verifies
	// certificates, except those of servers on loopback.
	Base http.RoundTripper
	// Retry configures attempts and pauses. Its Log gets a line with the host's name for
	// each retry. Its May is not used.
	Retry Retry
	// Idle ends an attempt in which nothing is sent or received for that time. Default
	// 60 s.
	Idle time.Duration
	// MinRate is the least number of bytes a second, on average over each Idle. With 0,
	// any byte is enough.
	MinRate int
}

// A Transport is an http.RoundTripper that is safe for concurrent use.
type Transport struct {
	base    http.RoundTripper
	idle    time.Duration
	minRate int
	retry   Retry
}

// New makes a transport.
func New(c Config) *Transport {
	t := &Transport{base: c.Base, idle: cmp.Or(c.Idle, defaultIdle), minRate: c.MinRate, retry: c.Retry}
	t.retry.May = repeat
	if t.base == nil {
		t.base = newLoopback(NewTransport())
	}
	return t
}

// RoundTrip implements [http.RoundTripper]. It repeats a request after a pause if that may
// help and is safe: the body can be read again, and either the method is idempotent (RFC
// 9110 section 9.2.2) or the server did nothing (429, or 503 with Retry-After). It returns
// the last response as it is, whatever its status. Errors do not have the user or the query
// of a URL.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := t.retry.Do(req.Context(), func(attempt int) error {
		sent, err := again(req, attempt)
		if err != nil {
			return err
		}
		resp, err = t.attempt(sent)
		return judge(req, resp, err)
	})
	if f, ok := err.(*failure); ok { // the response of a wrapped one is closed
		return f.resp, hide(f.err, req)
	}
	if err != nil {
		return nil, hide(err, req)
	}
	return resp, nil
}

// CloseIdleConnections is called by [http.Client.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// again returns the request for an attempt, with a new body.
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

// A failure is an attempt with an error or a transient status.
type failure struct {
	text  string // without any address
	resp  *http.Response
	err   error
	again bool
	after time.Duration // from Retry-After
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// judge returns a failure, or nil for a final response.
func judge(req *http.Request, resp *http.Response, err error) error {
	f := &failure{resp: resp, err: err}
	if err != nil {
		f.text = fmt.Sprintf("%s: got %s", req.URL.Host, reason(err))
		f.again = idempotent(req) && Transient(err)
	} else {
		var told bool
		f.text = fmt.Sprintf("%s: got status %d", req.URL.Host, resp.StatusCode)
		f.after, told = RetryAfter(resp.Header)
		switch code := resp.StatusCode; {
		case !TransientStatus(code):
			return nil
		case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable && told:
			f.again = true
		default:
			f.again = idempotent(req)
		}
	}
	f.again = f.again && (req.Body == nil || req.Body == http.NoBody || req.GetBody != nil)
	return f
}

// repeat is the [Retry.May] of requests. It reads a little of the response that will be
// dropped, so that its connection can be reused.
func repeat(err error) (time.Duration, bool) {
	f, ok := errors.AsType[*failure](err)
	if !ok || !f.again {
		return 0, false
	}
	if f.resp != nil {
		_, _ = io.CopyN(io.Discard, f.resp.Body, maxDrain)
		_ = f.resp.Body.Close()
	}
	return f.after, true
}

func idempotent(req *http.Request) bool {
	return slices.Contains([]string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}, req.Method)
}
