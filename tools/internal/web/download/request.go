package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web/retryafter"
)

const (
	userAgent     = "release-builder"
	maxRedirects  = 10
	maxRetryAfter = 5 * time.Minute
)

// newTransport returns a transport for one download.
func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// checkRedirect is an http.Client's.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch to := req.URL; {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case to.Scheme != "https" && to.Scheme != "http":
		return fmt.Errorf("redirect to %q: want http or https", shown(to))
	case via[len(via)-1].URL.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("redirect from https to %q: want https", shown(to))
	case to.User != nil:
		return fmt.Errorf("redirect to %q: a user in the URL, want none", shown(to))
	}
	req.Header.Del("Referer")
	return nil
}

// request makes one request for what is not there yet.
func (s *stream) request() error {
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.cancel, s.watch = cancel, newWatchdog(s.args.Timeout, cancel)
	s.attempts++
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return errors.New("the URL is not valid") // err would show it
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if s.done > 0 && s.etag != "" {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", s.done))
		req.Header.Set("If-Range", s.etag)
	}
	var resp *http.Response
	_, err = s.watch.watch(func() (int, error) {
		resp, err = s.client.Do(req)
		return 0, err
	})
	if err != nil {
		return transportError(ctx, err)
	}
	s.body = &body{resp.Body, ctx}
	if err := s.accept(req, resp); err != nil {
		if resp.Request.URL.String() != s.url.String() {
			err = fmt.Errorf("redirected to %q: %w", shown(resp.Request.URL), err)
		}
		return err
	}
	return nil
}

// body is an answer's body, whose errors say why the watchdog ended it.
type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if silent := (*silentError)(nil); err != nil && errors.As(context.Cause(b.ctx), &silent) {
		err = silent
	}
	return n, err
}

// transportError sorts out what http.Client.Do returned. It takes the URL off,
// which may have a secret.
func transportError(ctx context.Context, err error) error {
	if silent := (*silentError)(nil); errors.As(context.Cause(ctx), &silent) {
		return &temporary{err: silent}
	}
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return hint.With(err, "check the host in the URL, and that this machine has a network")
	case errors.As(err, &dns), errors.As(err, &timeout) && timeout.Timeout(),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EPIPE):
		return &temporary{err: err}
	}
	return err
}

// accept checks an answer's head and, where it begins anew, skips what is there.
func (s *stream) accept(req *http.Request, resp *http.Response) error {
	partial := req.Header.Get("Range") != "" && resp.StatusCode == http.StatusPartialContent
	if resp.StatusCode != http.StatusOK && !partial {
		return statusError(resp)
	}
	size := resp.ContentLength
	if resp.ProtoMajor == 1 && size < 0 && !slices.Contains(resp.TransferEncoding, "chunked") {
		return errors.New("the server does not say how long the file is")
	}
	if partial {
		// https://www.rfc-editor.org/rfc/rfc9110#name-content-range
		want := fmt.Sprintf("bytes %d-", s.done)
		if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, want) {
			return fmt.Errorf("Content-Range: got %q, want %q", got, want+"…")
		}
		if size >= 0 {
			size += s.done
		}
	}
	if size > s.args.MaxSize {
		return tooLarge(size, s.args.MaxSize)
	}
	if s.done > 0 && s.total >= 0 && size >= 0 && size != s.total {
		return fmt.Errorf("size: got %d bytes after %d in an earlier attempt: the file changed between the two", size, s.total)
	}
	s.total = max(s.total, size)
	if s.etag = resp.Header.Get("ETag"); !strings.HasPrefix(s.etag, `"`) {
		s.etag = "" // weak: not good for a range
	}
	if s.done > 0 && !partial {
		return s.skip()
	}
	return nil
}

// skip reads again what an earlier attempt has read, which has to be the same.
func (s *stream) skip() error {
	again := sha256.New()
	left := s.done
	for p := make([]byte, 32<<10); left > 0; {
		n, err := s.watch.read(s.body, p[:min(left, int64(len(p)))])
		again.Write(p[:n])
		left -= int64(n)
		if err != nil && left > 0 {
			return &temporary{err: err}
		}
	}
	if !bytes.Equal(again.Sum(nil), s.sum.Sum(nil)) {
		return errors.New("the file changed between two attempts")
	}
	return nil
}

// statusError is the error of an answer that is no file.
func statusError(resp *http.Response) error {
	err := fmt.Errorf("status: got %d %s, want 200 OK", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return hint.With(err, "the server wants credentials, and none are sent: use a URL that everybody may read")
	case code == http.StatusNotFound || code == http.StatusGone:
		return hint.With(err, "check the URL: the server has no such file")
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code == http.StatusTooEarly,
		code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported:
		after, _ := retryafter.Parse(resp.Header.Get("Retry-After"), time.Now())
		return &temporary{err, after}
	}
	return err
}
