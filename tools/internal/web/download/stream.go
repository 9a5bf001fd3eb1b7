package download

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// minRate is the least speed of a server, in bytes a second.
const minRate = 1000

// stream is a download in progress. It outlives its connections.
type stream struct {
	ctx    context.Context
	args   *Args
	url    *url.URL
	client *http.Client
	own    *http.Transport // nil if the caller passed one

	body     io.ReadCloser // of the current response, or nil
	attempts int

	done, total int64  // total is -1 if unknown
	etag        string // strong, or empty
	sum         hash.Hash
	err         error // returned by every further Read
}

func newStream(ctx context.Context, u *url.URL, a *Args) *stream {
	s := &stream{ctx: ctx, args: a, url: u, total: -1, sum: sha256.New()}
	base := a.Transport
	if base == nil {
		s.own = web.NewTransport()
		base = s.own
	}
	s.client = web.Client(web.New(web.Config{Base: base, Idle: a.Timeout, MinRate: minRate, Retry: web.Retry{Attempts: 1}}))
	return s
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	for s.err == nil && len(p) > 0 {
		limit := s.args.MaxSize
		if s.total >= 0 {
			limit = s.total
		}
		// One byte more than the limit shows that the file is too large.
		n, err := s.body.Read(p[:min(int64(len(p)), limit+1-s.done)])
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

// reconnect resumes after a broken connection, or sets s.err.
func (s *stream) reconnect(err error) {
	s.drop()
	if s.err = s.pause(err); s.err == nil {
		s.err = s.connect()
	}
}

// connect makes requests until a response has the file from s.done on.
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

// pause waits for the next attempt. If there is none it returns an error.
func (s *stream) pause(err error) error {
	final := web.Retry{Attempts: s.args.Attempts, Pause: s.args.Backoff, May: mayPass}.Wait(s.ctx, s.attempts, err)
	if final == nil {
		return nil
	}
	if s.ctx.Err() != nil {
		return s.failure(s.ctx.Err())
	}
	if _, again := mayPass(err); again && s.attempts >= s.args.Attempts {
		final = fmt.Errorf("%w (attempts: %d)", err, s.attempts)
		return hint.With(s.failure(final), "the server may be overloaded or unreachable: try again later")
	}
	return s.failure(final)
}

func (s *stream) failure(err error) error {
	return fmt.Errorf("downloading %q: %w", web.Shown(s.url), err)
}

// drop ends the current connection.
func (s *stream) drop() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// Close implements [io.Closer].
func (s *stream) Close() error {
	s.drop()
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
	if s.err == nil {
		s.err = s.failure(errors.New("read after Close"))
	}
	return nil
}
