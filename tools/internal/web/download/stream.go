package download

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// stream is a download in progress. It outlives its connections.
type stream struct {
	ctx    context.Context
	args   *Args
	url    *url.URL
	client *http.Client

	body     io.ReadCloser // of the current answer; nil if there is none
	cancel   context.CancelCauseFunc
	watch    *watchdog
	attempts int

	done, total int64  // total is -1 if it is not known
	etag        string // strong, or empty
	sum         hash.Hash
	err         error // what every further Read returns
}

func newStream(ctx context.Context, u *url.URL, a *Args) *stream {
	s := &stream{ctx: ctx, args: a, url: u, total: -1, sum: sha256.New()}
	transport := a.Transport
	if transport == nil {
		transport = newTransport(a.Timeout)
	}
	s.client = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	return s
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for s.err == nil && len(p) > 0 {
		limit := s.args.MaxSize
		if s.total >= 0 {
			limit = s.total
		}
		// One byte more than there may be shows that there are more.
		n, err := s.watch.read(s.body, p[:min(int64(len(p)), limit+1-s.done)])
		if n > 0 {
			s.done += int64(n)
			s.sum.Write(p[:n])
			s.args.Progress(s.done, s.total)
		}
		switch {
		case s.done > s.args.MaxSize:
			s.err = s.failure(tooLarge(s.done, s.args.MaxSize))
		case s.done > limit:
			s.err = s.failure(fmt.Errorf("size: got more than %d bytes: the file changed between two attempts", s.total))
		case err == io.EOF && (s.total < 0 || s.done == s.total):
			s.err = io.EOF
		case err == io.EOF:
			err = fmt.Errorf("size: got %d bytes, want %d: %w", s.done, s.total, io.ErrUnexpectedEOF)
			fallthrough
		case err != nil:
			s.reconnect(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, s.err
}

// reconnect goes on after the connection broke, or says why not.
func (s *stream) reconnect(err error) {
	s.drop()
	if err := s.pause(&temporary{err: err}); err != nil {
		s.err = err
		return
	}
	s.err = s.connect()
}

// connect makes requests until one is answered with the file from s.done on.
func (s *stream) connect() error {
	for {
		err := s.request()
		if err == nil {
			return nil
		}
		s.drop()
		if err := s.pause(err); err != nil {
			return err
		}
	}
}

// pause waits for the next attempt. It returns an error if there is none.
func (s *stream) pause(err error) error {
	if s.ctx.Err() != nil {
		return s.failure(s.ctx.Err())
	}
	var t *temporary
	if !errors.As(err, &t) {
		return s.failure(err)
	}
	if s.attempts >= s.args.Attempts {
		err := fmt.Errorf("%w (attempts: %d)", err, s.attempts)
		return hint.With(s.failure(err), "the server may be overloaded or unreachable: try again later")
	}
	wait := s.args.Backoff << min(s.attempts-1, 10)
	wait = wait/2 + rand.N(wait/2+1)
	if t.after > maxRetryAfter {
		return hint.With(s.failure(err), "the server asks to wait for %v: try again after that", t.after)
	}
	timer := time.NewTimer(max(wait, t.after))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return s.failure(s.ctx.Err())
	}
}

func (s *stream) failure(err error) error { return fmt.Errorf("downloading %q: %w", shown(s.url), err) }

// drop ends the current connection.
func (s *stream) drop() {
	if s.cancel != nil {
		s.cancel(nil)
	}
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.drop()
	if s.args.Transport == nil {
		s.client.CloseIdleConnections()
	}
	if s.err == nil {
		s.err = s.failure(errors.New("reading after it was closed"))
	}
	return nil
}

// temporary wraps what another attempt may not meet again.
type temporary struct {
	err   error
	after time.Duration // how long the server wants to be left alone
}

func (t *temporary) Error() string { return t.err.Error() }
func (t *temporary) Unwrap() error { return t.err }
