package cas

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// maxMessage limits a message from the cache, in bytes. Servers send 4 MiB at most, or less.
const maxMessage = 64 << 20

// A remote is the cache that has the release.
type remote struct {
	conn    *grpc.ClientConn
	headers metadata.MD // of every call: secrets
}

// dial connects to the cache at a host of the build events. It must be one that the variables
// RELEASE_REMOTE_CACHE or RELEASE_REMOTE_EXECUTOR name, so that the headers go to no other.
// No call is made yet.
func dial(host string, env func(string) string) (*remote, error) {
	u, err := find(host, env)
	if err != nil {
		return nil, err
	}
	r := &remote{}
	if r.headers, err = parseHeaders(env("RELEASE_REMOTE_HEADERS")); err != nil {
		return nil, err
	}
	security, port := insecure.NewCredentials(), "80"
	if u.Scheme == "grpcs" {
		config, err := tlsConfig(env)
		if err != nil {
			return nil, err
		}
		security, port = credentials.NewTLS(config), "443"
	}
	address := u.Host
	if u.Port() == "" {
		address += ":" + port
	}
	r.conn, err = grpc.NewClient("dns:///"+address, grpc.WithTransportCredentials(security), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	return r, err
}

// find returns the URL of the cache or the workers that is at a host.
func find(host string, env func(string) string) (*url.URL, error) {
	var named []string
	for _, name := range []string{"RELEASE_REMOTE_CACHE", "RELEASE_REMOTE_EXECUTOR"} {
		value := env(name)
		if value == "" {
			continue
		}
		u, err := url.Parse(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if u.Scheme != "grpc" && u.Scheme != "grpcs" {
			return nil, fmt.Errorf("%s: got %q, want grpc://HOST:PORT or grpcs://HOST:PORT", name, value)
		}
		if u.Host == host {
			return u, nil
		}
		named = append(named, fmt.Sprintf("%q in %s", u.Host, name))
	}
	err := fmt.Errorf("the release is in a cache at %q, which RELEASE_REMOTE_CACHE does not name", host)
	if len(named) > 0 {
		err = fmt.Errorf("the release is in a cache at %q, want %s", host, strings.Join(named, " or "))
	}
	return nil, hint.With(err, "set the variables RELEASE_REMOTE_* as for the build")
}

// parseHeaders parses lines of NAME: VALUE. Errors do not have the values.
func parseHeaders(text string) (metadata.MD, error) {
	headers := metadata.MD{}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", r)
		}) {
			return nil, errors.New("a line of RELEASE_REMOTE_HEADERS is not NAME: VALUE")
		}
		headers.Append(name, strings.TrimSpace(value))
	}
	return headers, nil
}

// tlsConfig returns the certificates of RELEASE_REMOTE_CERTIFICATE, and the client's own.
func tlsConfig(env func(string) string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := env("RELEASE_REMOTE_CERTIFICATE"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("RELEASE_REMOTE_CERTIFICATE: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("RELEASE_REMOTE_CERTIFICATE: %q has no certificate in PEM's form", file)
		}
	}
	if file := env("RELEASE_REMOTE_CLIENT_CERTIFICATE"); file != "" {
		own, err := tls.LoadX509KeyPair(file, env("RELEASE_REMOTE_CLIENT_KEY"))
		if err != nil {
			return nil, fmt.Errorf("RELEASE_REMOTE_CLIENT_CERTIFICATE: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// context returns a context for calls, with the headers.
func (r *remote) context(ctx context.Context) context.Context {
	return metadata.NewOutgoingContext(ctx, r.headers)
}
