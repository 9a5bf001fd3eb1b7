package web

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestCertificates checks that any certificate is accepted on loopback, and only trusted
// ones elsewhere, whatever the address of a name is.
func TestCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	base := &http.Transport{TLSClientConfig: server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
	base.TLSClientConfig.RootCAs = nil
	base.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	l := newLoopback(base)
	defer l.CloseIdleConnections()
	get := func(url string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := l.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(server.URL); err != nil {
		t.Errorf("loopback: %v", err)
	}
	if err := get("https://registry.example/"); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("another host: got %v, want an error of its certificate", err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"localhost.example": false, "10.0.0.1": false, "127.0.0.1.example": false, "0.0.0.0": false, "": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q is loopback: got %v, want %v", host, got, want)
		}
	}
}
