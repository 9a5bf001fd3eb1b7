package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// NewTransport returns the transport for all connections. It uses HTTPS_PROXY and NO_PROXY,
// supports HTTP/2, requires TLS 1.2 or later, verifies certificates and does not
// decompress. It limits the size of headers and the time to connect. [Transport] limits the
// time of a response.
func NewTransport() *http.Transport {
	const connect = 30 * time.Second
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connect, KeepAlive: connect}).DialContext,
		TLSHandshakeTimeout:    connect,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// loopback accepts any certificate from this machine, and uses another transport for all
// other hosts. Nobody else can answer on loopback, and a local registry for a test rarely
// has a valid certificate.
type loopback struct{ own, others *http.Transport }

func newLoopback(others *http.Transport) *loopback {
	own := others.Clone()
	own.TLSClientConfig.InsecureSkipVerify = true
	return &loopback{own, others}
}

// RoundTrip implements [http.RoundTripper].
func (l *loopback) RoundTrip(req *http.Request) (*http.Response, error) {
	if IsLoopback(req.URL.Hostname()) {
		return l.own.RoundTrip(req)
	}
	return l.others.RoundTrip(req)
}

// CloseIdleConnections is called by [http.Client.CloseIdleConnections].
func (l *loopback) CloseIdleConnections() {
	l.own.CloseIdleConnections()
	l.others.CloseIdleConnections()
}

// IsLoopback reports whether a host, without a port, is this machine.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}
