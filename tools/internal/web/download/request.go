package download

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const userAgent = "release-builder"

// request requests the rest of the file.
func (s *stream) request() error {
	s.attempts++
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return errors.New("the URL is not valid") // err would show it
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if s.done > 0 && s.etag != "" {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", s.done))
		req.Header.Set("If-Range", s.etag)
	}
	resp, err := s.client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err // the URL may have a secret
	}
	if err != nil {
		return err
	}
	s.body = resp.Body
	if err := s.accept(req, resp); err != nil {
		if resp.Request.URL.String() != s.url.String() {
			err = fmt.Errorf("redirected to %q: %w", web.Shown(resp.Request.URL), err)
		}
		return err
	}
	return nil
}

// accept checks the header of a response. If the response begins with the whole file, it
// skips the part that was read before.
func (s *stream) accept(req *http.Request, resp *http.Response) error {
	partial := req.Header.Get("Range") != "" && resp.StatusCode == http.StatusPartialContent
	if resp.StatusCode != http.StatusOK && !partial {
		return newStatusError(resp)
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
		s.etag = "" // a weak one is not allowed for a range
	}
	if s.done > 0 && !partial {
		return s.skip()
	}
	return nil
}

// skip reads the part that was read before, and checks that it is the same.
func (s *stream) skip() error {
	again := sha256.New()
	left := s.done
	for p := make([]byte, 32<<10); left > 0; {
		n, err := s.body.Read(p[:min(left, int64(len(p)))])
		again.Write(p[:n])
		left -= int64(n)
		if err != nil && left > 0 {
			return err
		}
	}
	if !bytes.Equal(again.Sum(nil), s.sum.Sum(nil)) {
		return errors.New("the file changed between two attempts")
	}
	return nil
}

// A statusError is a response with an unexpected status.
type statusError struct {
	code  int
	after time.Duration // from Retry-After
}

func (e *statusError) Error() string {
	return fmt.Sprintf("status: got %d %s, want 200 OK", e.code, http.StatusText(e.code))
}

func newStatusError(resp *http.Response) error {
	err := &statusError{code: resp.StatusCode}
	err.after, _ = web.RetryAfter(resp.Header)
	switch err.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return hint.With(err, "the server requires credentials, but downloads have none: use a public URL")
	case http.StatusNotFound, http.StatusGone:
		return hint.With(err, "check the URL: the server has no such file")
	}
	return err
}

// mayPass is the [web.Retry.May] for downloads.
func mayPass(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.after, web.TransientStatus(e.code)
	}
	return 0, web.Transient(err)
}
