package cas_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLS reads a release by grpcs://, from a server whose authority RELEASE_REMOTE_CERTIFICATE
// names. A server that nobody vouches for gets no header.
func TestTLS(t *testing.T) {
	w := newWorld(t)
	keeper := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1
	defer keeper.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: keeper.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c, w.engine.Proxy.Addr)
		}
	}()
	events, err := os.ReadFile(w.events)
	if err != nil {
		t.Fatal(err)
	}
	events = bytes.ReplaceAll(events, []byte(w.engine.Proxy.Addr), []byte(l.Addr().String()))
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: keeper.Certificate().Raw})
	for name, content := range map[string][]byte{w.events: events, certificate: data} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.env["RELEASE_REMOTE_CACHE"] = "grpcs://" + l.Addr().String()
	w.engine.Proxy.Reset()
	if _, err := w.open(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: got error %v, want one about the certificate", err)
	}
	if calls := w.engine.Proxy.Reset(); len(calls) > 0 {
		t.Errorf("without the authority: got calls %v, want none", calls)
	}
	w.env["RELEASE_REMOTE_CERTIFICATE"] = certificate
	tree, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := archive(t, tree); err != nil {
		t.Error(err)
	}
}

// pass passes what a client sends on to a server, and back.
func pass(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return // the client sees that the connection ends
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, client) }() // ends with either
	_, _ = io.Copy(client, server)
}
