// Package web is how this project speaks HTTP. There is one of each: [NewTransport]
// makes connections, a [Transport] repeats what failed where that cannot do harm and
// ends what is silent, [CheckRedirect] says where a redirect may lead, [Retry] is the
// loop of all that is tried again, and [Redact] takes the secrets out of errors.
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
	maxDrain    = 64 << 10 // of the answer of a failed attempt, in bytes
)

// Config says how requests are made. The zero value works.
type Config struct {
	// Base sends a request once; nil is one of NewTransport that verifies
	// certificates, except those of servers on loopback.
	Base http.RoundTripper
	// Retry says how often a request is sent, and with what pauses. It takes a line
	// with the host's name of the URL about each retry. Its May is not used.
	Retry Retry
	// Idle ends an attempt in which nothing was sent and nothing received for so
	// long; default 60 s.
	Idle time.Duration
	// MinRate is how many bytes a second each Idle of waiting has to bring; 0 is
	// content with any byte.
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

// RoundTrip sends a request, and again after a pause where that may help and can
// do no harm: if its body can be had again, and its method is idempotent (RFC 9110
// section 9.2.2), or the server says that it did nothing (429, or 503 with
// Retry-After). The last answer is returned as it is, even if it is such a status.
// Errors have neither user nor query of a URL.
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
	if f, ok := err.(*failure); ok { // the last; one that is wrapped was given up
		return f.resp, hide(f.err, req)
	}
	if err != nil {
		return nil, hide(err, req)
	}
	return resp, nil
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

// A failure is an attempt with an error, or with an answer that another attempt may
// not meet.
type failure struct {
	text  string // without any address
	resp  *http.Response
	err   error
	again bool
	after time.Duration // that the server asks to wait
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// judge returns a failure, or nil for an answer that is the request's.
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

// repeat is the [Retry.May] of requests. It reads a little of an answer that nobody
// will see, so that its connection can be used again.
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
