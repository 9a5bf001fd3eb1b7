package baseimage

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	maxAttempts   = 4
	maxRedirects  = 10
	maxRetryAfter = 30 * time.Second
)

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

// A guard refuses plain HTTP but to this machine, whoever asks for it: a name, a
// redirect, or a registry that says where to log in.
type guard struct{ inner http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !isLoopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("connecting to %s: scheme is %q, want https", req.URL.Host, req.URL.Scheme)
	}
	return g.inner.RoundTrip(req)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// checkRedirect lets a registry send its client to where the blobs are, but not
// into the network that the client is in. Credentials stay behind: the transport
// adds them for the registry's host only.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("got %d redirects, want at most that", maxRedirects)
	}
	from, to := via[0].URL.Hostname(), req.URL.Hostname()
	if from == to || isLoopback(from) {
		return nil
	}
	addr, err := netip.ParseAddr(to)
	if isLoopback(to) || err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()) {
		return fmt.Errorf("got a redirect from %s to %s, want none to a private address", from, to)
	}
	return nil
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
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.after, passes(e.status)
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

// parseRetryAfter reads the seconds of RFC 9110, section 10.2.3, up to a limit;
// a date is not waited for.
func parseRetryAfter(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, maxRetryAfter)
}
