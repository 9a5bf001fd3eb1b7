package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
)

// attempt sends a request once. Reading the answer's body is a part of it: when
// the body is closed or at its end, the attempt is over.
func (t *Transport) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watchdog{idle: t.config.Idle}
	w.timer = time.AfterFunc(w.idle, func() { cancel(w.error(req.URL.Host)) })
	sent := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		sent.Body = &watched{ReadCloser: req.Body, dog: w}
	}
	resp, err := t.base.RoundTrip(sent)
	if err != nil {
		w.stop()
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil && req.Context().Err() == nil {
			err = cause
		}
		return nil, err
	}
	w.touch()
	body := &watched{ReadCloser: resp.Body, dog: w, end: func() { cancel(nil) }, cause: func() error {
		if req.Context().Err() != nil {
			return nil
		}
		return context.Cause(ctx)
	}}
	resp.Request = req
	resp.Body = body
	if rw, ok := body.ReadCloser.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		w.stop()
		resp.Body = rw
	}
	return resp, nil
}

// A watchdog ends an attempt that was not touched for so long.
type watchdog struct {
	idle  time.Duration
	timer *time.Timer
	mu    sync.Mutex
	done  bool
}

func (w *watchdog) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.timer.Reset(w.idle)
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.timer.Stop()
}

func (w *watchdog) error(host string) error {
	return cli.WithHint(fmt.Errorf("%s: %w for %s", host, errIdle, round(w.idle)), "look at the network, and run this again")
}

// watched is a body, each piece of which shows that the attempt is not idle. That
// of an answer ends the attempt.
type watched struct {
	io.ReadCloser
	dog   *watchdog
	end   func()       // nil for a request's
	cause func() error // why the attempt was ended, if we did; nil for a request's
}

func (b *watched) Read(p []byte) (int, error) {
	b.dog.touch() // whoever reads slowly is not idle
	n, err := b.ReadCloser.Read(p)
	switch {
	case b.end == nil:
		b.dog.touch()
	case err == nil:
		b.dog.touch()
	default:
		b.dog.stop()
		if cause := b.cause(); cause != nil && err != io.EOF {
			err = cause
		}
		b.end()
	}
	return n, err
}

func (b *watched) Close() error {
	if b.end == nil {
		return b.ReadCloser.Close()
	}
	b.dog.stop()
	err := b.ReadCloser.Close()
	b.end()
	return err
}
