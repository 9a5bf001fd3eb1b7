package baseimage

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

const maxAttempts = 4

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   2 * atOnce,
	}
}

// An idleReader lets its timer run only while it waits for the registry.
type idleReader struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (i *idleReader) Read(p []byte) (int, error) {
	i.timer.Reset(i.idle)
	defer i.timer.Stop()
	return i.r.Read(p)
}

// retryAfter reports whether what failed may pass, and how long the registry
// asks to wait.
func retryAfter(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[*registryclient.StatusError](err); ok {
		return e.After, passes(e.Status)
	}
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return 0, passes(e.StatusCode)
	}
	for _, reset := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, reset) {
			return 0, true
		}
	}
	return 0, false
}

func passes(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }
