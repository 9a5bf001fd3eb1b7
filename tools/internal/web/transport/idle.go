package transport

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// attempt sends a request once. Reading the answer's body is a part of it: when
// the body is closed or at its end, the attempt is over.
func (t *Transport) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watchdog{idle: t.config.Idle}
	// An error of ours wins over what net/http makes of a cancelled context.
	w.timer = time.AfterFunc(w.idle, func() { cancel(w.error(req.URL.Host)) })
	sent := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		sent.Body = &sending{req.Body, w}
	}
	if req.GetBody != nil { // net/http sends again by itself what it could not send at all
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
	w.pause()
	why := func() error { // why the attempt was ended, if we did
		if req.Context().Err() != nil {
			return nil
		}
		return context.Cause(ctx)
	}
	if err != nil {
		err = cmp.Or(why(), err)
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

// A watchdog ends an attempt that waits for the network for so long.
type watchdog struct {
	idle  time.Duration
	timer *time.Timer
	// answered says that the end of the request's body is of no interest any more.
	answered atomic.Bool
}

func (w *watchdog) touch() { w.timer.Reset(w.idle) }
func (w *watchdog) pause() { w.timer.Stop() }

func (w *watchdog) error(host string) error {
	return hint.With(fmt.Errorf("%s: %w for %s", host, errIdle, round(w.idle)), "look at the network, and run this again")
}

// sending is a request's body. While it is being read we wait for whoever makes
// it, and not for the network.
type sending struct {
	io.ReadCloser
	dog *watchdog
}

func (b *sending) Read(p []byte) (int, error) {
	if b.dog.answered.Load() {
		return b.ReadCloser.Read(p)
	}
	b.dog.pause()
	n, err := b.ReadCloser.Read(p)
	if !b.dog.answered.Load() {
		b.dog.touch()
	}
	return n, err
}

// receiving is an answer's body. Only while it is being read we wait for the
// network: who takes its time between is not idle. Its end is that of the attempt.
type receiving struct {
	io.ReadCloser
	dog *watchdog
	why func() error
	end func()
}

func (b *receiving) Read(p []byte) (int, error) {
	b.dog.touch()
	n, err := b.ReadCloser.Read(p)
	b.dog.pause()
	if err != nil && err != io.EOF {
		err = cmp.Or(b.why(), err)
	}
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *receiving) Close() error {
	b.dog.pause()
	err := b.ReadCloser.Close()
	b.end()
	return err
}
