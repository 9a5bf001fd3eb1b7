// Package registrytest starts registries for tests.
package registrytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/crypto/bcrypt"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// A Server is a registry on loopback that ends with the test.
type Server struct {
	Host string // with the port
	// Transport trusts the server's certificate, if it has one.
	Transport http.RoundTripper
	// CAFile is the server's certificate in PEM; empty if it speaks plain HTTP.
	CAFile string
	// Data is the registry's directory; empty if it keeps everything in memory.
	Data string
}

// Args says how a registry can be reached.
type Args struct {
	TLS            bool
	User, Password string // empty: without a login
}

// Docker starts Debian's docker-registry, the strict one. If it is not installed, Docker
// skips a subtest and returns nil.
func Docker(tb *testing.T, a Args) *Server {
	tb.Helper()
	command, ok := readers.Look(tb, "docker-registry")
	if !ok {
		return nil
	}
	return StartDocker(tb, command, a)
}

// StartDocker starts Debian's docker-registry, the program at a path.
func StartDocker(tb testing.TB, command string, a Args) *Server {
	tb.Helper()
	dir := tb.TempDir()
	s := &Server{Host: freeAddress(tb), Transport: newTransport(tb, nil), Data: filepath.Join(dir, "data")}
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", s.Data, s.Host)
	if a.TLS {
		s.CAFile = filepath.Join(dir, "cert.pem")
		key := filepath.Join(dir, "key.pem")
		s.Transport = newTransport(tb, certificate(tb, s.CAFile, key))
		config += fmt.Sprintf("  tls:\n    certificate: %s\n    key: %s\n", s.CAFile, key)
	}
	if a.User != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(a.Password), bcrypt.MinCost)
		check(tb, err)
		file := filepath.Join(dir, "htpasswd")
		check(tb, os.WriteFile(file, []byte(a.User+":"+string(hash)+"\n"), 0o600))
		config += fmt.Sprintf("auth:\n  htpasswd:\n    realm: test\n    path: %s\n", file)
	}
	file := filepath.Join(dir, "config.yml")
	check(tb, os.WriteFile(file, []byte(config), 0o644))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command, "serve", file)
	cmd.Env = []string{"HOME=" + dir, "OTEL_TRACES_EXPORTER=none"}
	check(tb, cmd.Start())
	tb.Cleanup(func() {
		cancel()
		cmd.Wait() //nolint:errcheck // it was killed
	})
	s.wait(tb)
	return s
}

// wait waits until the server answers, on a machine that may have much to do.
func (s *Server) wait(tb testing.TB) {
	tb.Helper()
	scheme := "http"
	if s.CAFile != "" {
		scheme = "https"
	}
	client := http.Client{Transport: s.Transport}
	for range 2400 {
		if resp, err := client.Get(scheme + "://" + s.Host + "/v2/"); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	tb.Fatalf("docker-registry does not answer at %s", s.Host)
}

// Strict starts a registry in this process that checks manifests, mounts blobs, and has the
// referrers API. Requests go through wrap first, unless it is nil.
func Strict(tb testing.TB, wrap func(http.Handler) http.Handler) *Server {
	tb.Helper()
	return start(tb, ociserver.New(ocimem.New(), nil), wrap)
}

// Lax starts a registry in this process that mounts no blobs, shares blobs between all
// repositories, and checks little.
func Lax(tb testing.TB, wrap func(http.Handler) http.Handler) *Server {
	tb.Helper()
	return start(tb, registry.New(registry.Logger(log.New(nothing{}, "", 0))), wrap)
}

func start(tb testing.TB, h http.Handler, wrap func(http.Handler) http.Handler) *Server {
	tb.Helper()
	if wrap != nil {
		h = wrap(h)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(nothing{}, "", 0)
	server.Start()
	tb.Cleanup(server.Close)
	return &Server{Host: strings.TrimPrefix(server.URL, "http://"), Transport: newTransport(tb, nil)}
}

type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

func newTransport(tb testing.TB, roots *x509.CertPool) http.RoundTripper {
	t := &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: roots}}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(tb, err)
	defer l.Close()
	return l.Addr().String()
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(tb testing.TB, certFile, keyFile string) *x509.CertPool {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(tb, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(tb, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	check(tb, os.WriteFile(certFile, cert, 0o644))
	check(tb, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
