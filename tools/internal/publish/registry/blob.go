package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

func (s *remoteSession) hasBlob(ctx context.Context, repo string, d digest.Digest) (bool, error) {
	resp, err := s.getBlob(ctx, http.MethodHead, repo, d)
	if errors.Is(err, errAbsent) {
		return false, nil
	}
	if err != nil {
		return false, s.wrap(err, "looking for blob", repo, string(d))
	}
	finish(resp)
	return true, nil
}

func (s *remoteSession) openBlob(ctx context.Context, repo string, d digest.Digest) (io.ReadCloser, error) {
	resp, err := s.getBlob(ctx, http.MethodGet, repo, d)
	if err != nil {
		return nil, s.wrap(err, "reading blob", repo, string(d))
	}
	return resp.Body, nil
}

func (s *remoteSession) getBlob(ctx context.Context, method, repo string, d digest.Digest) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.hub.endpoint(repo, "blobs", string(d)).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.do(req, http.StatusOK, http.StatusNotFound)
	if err == nil && resp.StatusCode == http.StatusNotFound {
		finish(resp)
		return nil, errAbsent
	}
	return resp, err
}

// pushBlob mounts the blob or sends it. After a temporary error it tries again, with a new
// upload.
func (s *remoteSession) pushBlob(ctx context.Context, p blobPush) error {
	var sent int64
	err := s.retry.Do(ctx, func(attempt int) (err error) {
		if attempt > 1 {
			// Only the answer may have been lost.
			if there, err := s.hasBlob(ctx, p.name, p.blob.digest); err == nil && there {
				p.sent(p.blob.size - sent)
				return nil
			}
			p.sent(-sent)
			p.from = ""
		}
		sent, err = s.tryPush(ctx, p)
		return err
	})
	return s.wrap(err, "writing blob", p.name, string(p.blob.digest))
}

// tryPush mounts or sends the blob once, and returns the number of bytes sent.
func (s *remoteSession) tryPush(ctx context.Context, p blobPush) (int64, error) {
	var location *url.URL
	var err error
	if p.from == "" {
		location, err = s.start(ctx, p, nil)
	} else {
		var done bool
		if location, done, err = s.mount(ctx, p); done {
			return 0, nil
		}
	}
	if err != nil {
		return 0, err
	}
	if location == nil {
		return 0, errors.New("got status 201 Created before anything was sent, want 202")
	}
	sent, err := s.send(ctx, p, location)
	if err != nil {
		s.drop(ctx, location)
	}
	return sent, err
}

// mount mounts the blob, or starts an upload of it.
func (s *remoteSession) mount(ctx context.Context, p blobPush) (location *url.URL, done bool, err error) {
	if s.shared.Load() {
		if done, err = s.hasBlob(ctx, p.name, p.blob.digest); err != nil || done {
			return nil, done, err
		}
		location, err = s.start(ctx, p, nil)
		return location, false, err
	}
	location, err = s.start(ctx, p, url.Values{"mount": {string(p.blob.digest)}, "from": {p.from}})
	status, _ := registryclient.StatusOf(err)
	switch {
	case err == nil && location == nil:
		return nil, true, nil
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
		location, err = s.start(ctx, p, nil) // no mounts, or not from there
	}
	if err != nil {
		return nil, false, err
	}
	there, err := s.hasBlob(ctx, p.name, p.blob.digest)
	if err == nil && there {
		s.shared.Store(true)
		s.drop(ctx, location)
	}
	return location, there, err
}

// start starts an upload and returns its URL, or nil if the blob was mounted.
func (s *remoteSession) start(ctx context.Context, p blobPush, query url.Values) (*url.URL, error) {
	u := s.hub.endpoint(p.name, "blobs", "uploads")
	u.Path += "/"
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header["Idempotency-Key"] = nil // safe to repeat: lets net/http retry on a new connection
	resp, err := s.do(req, http.StatusAccepted, http.StatusCreated)
	if err != nil {
		return nil, err
	}
	finish(resp)
	if resp.StatusCode == http.StatusCreated {
		return nil, checkDigest(resp, p.blob.digest)
	}
	// The location may be relative to the request or on another host (distribution-spec v1.1,
	// push). The login stays on the registry's host.
	location, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" || location.Host == "" {
		return nil, errors.New("upload: Location is missing or is not a URL")
	}
	location.User = nil
	return location, web.CheckTarget(resp.Request.URL, location)
}

// send sends the blob in one request.
func (s *remoteSession) send(ctx context.Context, p blobPush, location *url.URL) (int64, error) {
	content, err := p.open(ctx)
	if err != nil {
		return 0, err
	}
	body := &body{ReadCloser: content, sent: p.sent}
	defer body.Close()
	u := *location
	// Leave the rest of the query unchanged: the registry may have signed it.
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&digest="+url.QueryEscape(string(p.blob.digest)), "&")
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), body)
	if err != nil {
		return 0, err
	}
	req.ContentLength = p.blob.size
	if p.blob.size == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := s.do(req, http.StatusCreated, http.StatusNoContent)
	n, failed := body.state()
	if failed != nil {
		if err == nil {
			finish(resp)
		}
		return n, failed
	}
	if err != nil {
		return n, err
	}
	finish(resp)
	return n, checkDigest(resp, p.blob.digest)
}

// drop ends an unfinished upload. Errors do not matter, because uploads expire.
func (s *remoteSession) drop(ctx context.Context, location *url.URL) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, location.String(), http.NoBody)
	if err != nil {
		return
	}
	if resp, err := s.client.Do(req); err == nil {
		finish(resp)
	}
}
