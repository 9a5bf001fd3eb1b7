// Package standin_test builds all of the line of Istio from small sources, and breaks the release.
// It starts Bazel, so that it runs outside of the sandbox.
package standin_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// standIn is a workspace in which the line's sources are small stand-ins. Envoy and ztunnel come
// from a server.
type standIn struct {
	*workspacetest.Workspace
	t        *testing.T
	manifest *manifest.Manifest // the line's own
	text     string             // of it, with the stand-ins
	proxy    string             // commit of the proxy's repository
}

// standInVersions are the versions of stand-ins for the manifest's modules.
var standInVersions = map[string]string{"istio": "v0.0.0-20260101000000-57a2d1257a2d", "ca-certificates": "v0.0.0-20260102000000-57a2d1257a2d"}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{Workspace: workspacetest.New(t, "ISTIO_WORKSPACE", "istio"), t: t}
	data, err := os.ReadFile(filepath.Join(s.Dir, "manifests", "istio", "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.manifest, err = manifest.Parse("manifest.yaml", data); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.Dir, "manifests", "istio", "lock.json")); err != nil {
		t.Fatal(err)
	}
	// The real sources may be in the store.
	for _, d := range s.manifest.Dependencies {
		if version := standInVersions[d.Name]; version != "" {
			data = bytes.ReplaceAll(data, []byte("version: "+d.Version), []byte("version: "+version))
		}
	}
	modules, proxy := s.sources()
	git := gittest.New(t)
	s.proxy = git.Repo("istio/proxy").Commit("master", proxy, "change\n", time.Date(2026, 8, 27, 0, 0, 0, 0, time.UTC))
	web := httptest.NewServer(http.HandlerFunc(serve))
	t.Cleanup(web.Close)
	s.text = string(data) + `  proxy: {git: "` + git.URL("istio/proxy") + `", branch: master}
files:
  envoy: {urls: {linux-amd64: "` + web.URL + `/envoy-amd64.tar.gz", linux-arm64: "` + web.URL + `/envoy-arm64.tar.gz"}}
  ztunnel: {urls: {linux-amd64: "` + web.URL + `/ztunnel-amd64", linux-arm64: "` + web.URL + `/ztunnel-arm64"}}
licenses:
  exceptions:
    envoy: {license: Apache-2.0, why: a program in C++}
    ztunnel: {license: Apache-2.0, why: a program in Rust}
`
	s.Environ = append(s.Environ, "GOPROXY="+proxytest.New(t, modules).URL())
	return s
}

// sources returns the files of the modules and of the proxy's repository.
func (s *standIn) sources() (modules map[string]string, proxy map[string]gittest.File) {
	s.t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "standin.txtar"))
	if err != nil {
		s.t.Fatal(err)
	}
	parts := map[string]string{}
	names := strings.NewReplacer("@ISTIO", "@"+standInVersions["istio"], "@ROOTS", "@"+standInVersions["ca-certificates"])
	word := regexp.MustCompile(`(?m)^[A-Z]+\n`)
	modules, proxy = map[string]string{}, map[string]gittest.File{}
	for _, f := range archive.Files {
		content := word.ReplaceAllStringFunc(string(f.Data), func(w string) string {
			part, ok := parts[strings.TrimSpace(w)]
			if !ok {
				s.t.Fatalf("%s: no part %s", f.Name, w)
			}
			return part
		})
		switch kind, name, _ := strings.Cut(f.Name, "/"); kind {
		case "part":
			parts[name] = string(f.Data)
		case "proxy":
			proxy[name] = gittest.File{Content: content}
		default:
			modules[names.Replace(name)] = content
		}
	}
	modules[names.Replace("golang.org/x/crypto/x509roots/fallback@ROOTS/bundle/bundle.der")] = certificate(s.t)
	return modules, proxy
}

// certificate returns a root certificate in DER.
func certificate(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(der)
}

// serve serves Envoy, in an archive as istio/proxy publishes it, and ztunnel.
func serve(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	machine := map[string]uint16{"amd64": 62, "arm64": 183}[regexp.MustCompile(`a[mr][dm]64`).FindString(name)]
	program := elf(machine, name)
	if !strings.HasSuffix(name, ".tar.gz") {
		_, _ = w.Write(program) // the client reports what it misses
		return
	}
	z := gzip.NewWriter(w)
	a := tar.NewWriter(z)
	for member, data := range map[string][]byte{"usr/local/bin/envoy": program} {
		_ = a.WriteHeader(&tar.Header{Name: member, Mode: 0o755, Size: int64(len(data))})
		_, _ = a.Write(data)
	}
	_ = a.Close()
	_ = z.Close()
}

// elf returns a program of no language: an ELF header (https://refspecs.linuxfoundation.org/elf/elf.pdf)
// for a machine, and a text.
func elf(machine uint16, text string) []byte {
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	for _, field := range []any{uint16(2), machine, uint32(1), uint64(0), uint64(0), uint64(0), uint32(0), uint16(64), uint16(0), uint16(0), uint16(0), uint16(0), uint16(0)} {
		_ = binary.Write(&b, binary.LittleEndian, field) // a bytes.Buffer takes all
	}
	b.WriteString(text)
	return b.Bytes()
}

// resolve pins the stand-ins for a version.
func (s *standIn) resolve(version string) {
	s.t.Helper()
	s.Write("manifests/istio/manifest.yaml", strings.Replace(s.text, "version: "+s.manifest.Version, "version: "+version, 1))
	s.MustBazel("run", "//release:resolve")
}

// TestStandIn builds and checks the whole line with Envoy and ztunnel, breaks the release in
// each way that istio/release-builder looks for, and builds a version that charts cannot have.
func TestStandIn(t *testing.T) {
	s := newStandIn(t)
	s.resolve(s.manifest.Version)
	s.MustBazel("build", "--config=airgap", "//release:all", "//release:validate")
	// The five programs have variables whose values have the same length.
	out := s.MustBazel("run", "--config=airgap", "//release:rebuild", "--", "--go-cache", goCache(t))
	for _, program := range []string{"istioctl", "pilot-discovery", "pilot-agent", "istio-cni", "install-cni"} {
		if !strings.Contains(out, program+" linux/arm64, istio.io/istio/") {
			t.Errorf("rebuild says nothing of %s:\n%s", program, out)
		}
	}
	b := newBreaker(t, s)
	t.Run("whole", b.checkWhole)
	t.Run("broken", b.checkBroken)
	t.Run("no charts", func(t *testing.T) { s.checkNoCharts(t) })
}

// goCache returns the user's cache of the go command: the standard library is in it.
func goCache(t *testing.T) string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "go-build")
	}
	return t.TempDir()
}

// checkNoCharts builds a version that is not semantic.
func (s *standIn) checkNoCharts(t *testing.T) {
	s.resolve("1.31-dev")
	out := s.MustBazel("build", "--config=airgap", "//release:all")
	if want := `no chart: version "1.31-dev" is not semantic`; !strings.Contains(out, want) {
		t.Errorf("build printed\n%s\nwant %s", out, want)
	}
	if found, err := filepath.Glob(filepath.Join(s.Dir, "bazel-bin", "release", "all", "helm*")); err != nil || len(found) > 0 {
		t.Errorf("got %q, %v, want no charts", found, err)
	}
	if out := s.MustBazel("run", "--config=airgap", "//release:validate"); !strings.Contains(out, "product") {
		t.Errorf("validate printed\n%s", out)
	}
}
