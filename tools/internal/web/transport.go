package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// NewTransport returns the transport of all connections. It follows the environment
// (HTTPS_PROXY, NO_PROXY), speaks HTTP/2 and TLS 1.2 or later, verifies certificates,
// and takes content as it is stored. It limits the size of a head, and the time to
// connect; how long an answer may take is for a [Transport] to limit.
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

// loopback sends requests to this machine itself by one transport, which takes any
// certificate, and all others by another: nobody else can answer there, and who
// runs a registry of their own for a test has no certificate for it.
type loopback struct{ own, others *http.Transport }

func newLoopback(others *http.Transport) *loopback {
	own := others.Clone()
	own.TLSClientConfig.InsecureSkipVerify = true
	return &loopback{own, others}
}

// RoundTrip is that of http.RoundTripper.
func (l *loopback) RoundTrip(req *http.Request) (*http.Response, error) {
	if IsLoopback(req.URL.Hostname()) {
		return l.own.RoundTrip(req)
	}
	return l.others.RoundTrip(req)
}

// CloseIdleConnections is what an http.Client calls.
func (l *loopback) CloseIdleConnections() {
	l.own.CloseIdleConnections()
	l.others.CloseIdleConnections()
}

// IsLoopback reports whether a host, without a port, is this machine.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}
