package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// A SilentError reports that a watchdog ended an attempt.
type SilentError struct {
	limit   time.Duration
	minRate int
}

func (e *SilentError) Error() string {
	if e.minRate > 0 {
		return fmt.Sprintf("the server was silent, or slower than %d bytes a second, for %s", e.minRate, round(e.limit))
	}
	return "the server was silent for " + round(e.limit)
}

// attempt sends a request once. The attempt ends when the response's body is closed or at
// its end.
func (t *Transport) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := newWatchdog(t.idle, t.minRate, cancel)
	w.wait()
	sent := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		sent.Body = &sending{req.Body, w}
	}
	if req.GetBody != nil { // net/http itself repeats a request that it could not send at all
		sent.GetBody = func() (io.ReadCloser, error) {
			body, err := req.GetBody()
			if err != nil || body == http.NoBody {
				return body, err
			}
			return &sending{body, w}, nil
		}
	}
	resp, err := t.base.RoundTrip(sent)
	w.answered.Store(true)
	w.pause(0)
	why := func() error { // why the watchdog ended the attempt, if it did
		if req.Context().Err() != nil {
			return nil
		}
		return context.Cause(ctx)
	}
	if err != nil {
		err = cmp.Or(why(), err) // net/http's error would be about a cancelled context
		cancel(nil)
		return nil, err
	}
	resp.Request = req
	_, writable := resp.Body.(io.Writer) // after 101 Switching Protocols
	switch {
	case resp.Body == http.NoBody:
		cancel(nil)
	case !writable:
		resp.Body = &receiving{ReadCloser: resp.Body, dog: w, why: why, end: func() { cancel(nil) }}
	}
	return resp, nil
}

// A watchdog ends an attempt if fewer than a least number of bytes arrive in a time limit.
// Only time that is spent waiting for the network counts.
type watchdog struct {
	limit time.Duration
	least int
	timer *time.Timer
	// answered is set when there is a response, after which the request's body does not
	// matter.
	answered atomic.Bool

	mu    sync.Mutex
	since time.Time // when the waiting began; zero if the time does not run
	left  time.Duration
	got   int // bytes since left was reset to limit
}

func newWatchdog(limit time.Duration, minRate int, end context.CancelCauseFunc) *watchdog {
	err := hint.With(&SilentError{limit, minRate}, "check the network, then run this again")
	w := &watchdog{limit: limit, left: limit, least: int(float64(minRate) * limit.Seconds())}
	w.timer = time.AfterFunc(limit, func() { end(err) })
	return w
}

// wait starts the time.
func (w *watchdog) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
	w.timer.Reset(w.left)
}

// pause stops the time. n is the number of bytes that arrived.
func (w *watchdog) pause(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	if !w.since.IsZero() {
		w.left -= time.Since(w.since)
		w.since = time.Time{}
	}
	if w.got += n; w.got >= w.least {
		w.left, w.got = w.limit, 0
	}
}

// sending is a request's body. Reading it is not waiting for the network.
type sending struct {
	io.ReadCloser
	dog *watchdog
}

func (b *sending) Read(p []byte) (int, error) {
	if b.dog.answered.Load() {
		return b.ReadCloser.Read(p)
	}
	b.dog.pause(0)
	n, err := b.ReadCloser.Read(p)
	if !b.dog.answered.Load() {
		b.dog.pause(n)
		b.dog.wait()
	}
	return n, err
}

// receiving is a response's body. Only reading it is waiting for the network: a slow caller
// is not idle. Its end is the end of the attempt.
type receiving struct {
	io.ReadCloser
	dog *watchdog
	why func() error
	end func()
}

func (b *receiving) Read(p []byte) (int, error) {
	b.dog.wait()
	n, err := b.ReadCloser.Read(p)
	b.dog.pause(n)
	if err != nil && err != io.EOF {
		err = cmp.Or(b.why(), err)
	}
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *receiving) Close() error {
	b.dog.pause(0)
	err := b.ReadCloser.Close()
	b.end()
	return err
}
