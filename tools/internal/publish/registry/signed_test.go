package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// sign returns a release with signatures, and the file with the public key.
func sign(t *testing.T, tree *release.Tree) (signed *release.Tree, public string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	content := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	k, err := signing.OpenKey(t.Context(), signing.KeyArgs{Ref: "env://KEY", Env: func(string) string { return content }})
	if err == nil {
		signed, err = signing.Sign(t.Context(), tree, k, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalPKIXPublicKey(private.Public()); err != nil {
		t.Fatal(err)
	}
	public = filepath.Join(t.TempDir(), "cosign.pub")
	if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return signed, public
}

// TestSignLater adds signatures to images that are there, with and without the referrers API:
// only they are sent, and a second run finds them. Then cosign verifies an image.
func TestSignLater(t *testing.T) {
	t.Parallel()
	args := releasetest.Args{Images: []string{"app"}}
	root := open(t, Config{Hub: "file:///none"}, releasetest.Open(t, releasetest.Make(t, args))).(*destination).entries[0].root
	args.Files = map[string]string{release.Provenance: `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` +
		root.digest.Hex() + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`}
	tree := releasetest.Open(t, releasetest.Make(t, args))
	signed, public := sign(t, tree)
	want := func(state string) []string {
		return []string{"image app equal", "signature app " + state, "signature app " + state, "signature app " + state, "signature app " + state, "tag app:1.2.0 equal"}
	}
	for _, server := range servers[:3] {
		s := server.start(t)
		if s == nil {
			continue
		}
		r := &recorder{inner: s.Transport}
		c := Config{Hub: s.Host + "/x", Transport: r}
		publishAll(t, open(t, c, tree))
		d := open(t, c, signed)
		items := plan(t, d)
		wantStates(t, items, c.Hub, want("absent")...)
		r.take()
		publishAll(t, d)
		all, writes := r.take()
		// Five blobs, each with two requests, four manifests, and without the API three lists.
		if most := 2*5 + 4 + 3; writes > most {
			t.Errorf("%s: got %d writes, want at most %d:\n%s", server.name, writes, most, strings.Join(all, "\n"))
		}
		d = open(t, c, signed)
		items = plan(t, d)
		wantStates(t, items, c.Hub, want("equal")...)
		for _, deep := range []bool{false, true} {
			wantError(t, d.Verify(t.Context(), items, deep), "")
		}
		for _, subject := range signed.Signatures() {
			found, err := d.(publish.Keeper).Signatures(t.Context(), "", publish.Item{Path: subject.Path})
			has := func(bundle []byte) bool { return string(bundle) == string(signed.Signature(subject.Path)) }
			if some := subject.Path != release.Checksums+release.SignatureSuffix; err != nil || slices.ContainsFunc(found, has) != some {
				t.Errorf("%s: %s: got %q, %v", server.name, subject.Path, found, err)
			}
		}
		cosignVerify(t, public, c.Hub+"/app", root)
	}
}

// cosignVerify has cosign verify an image, its platforms, and its provenance, without anything
// but the registry. Then oras lists what refers to the image.
func cosignVerify(t *testing.T, public, repository string, root *node) {
	t.Helper()
	run := func(program string, args ...string) string {
		path, ok := readers.Look(t, program)
		if !ok {
			return ""
		}
		cmd := exec.Command(path, args...)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s %q: got %v\n%s", program, args, err, out)
		}
		return string(out)
	}
	for _, n := range []*node{root, root.children[0], root.children[1]} {
		run("cosign", "verify", "--key", public, "--insecure-ignore-tlog=true", "--allow-http-registry", repository+"@"+string(n.digest))
	}
	run("cosign", "verify-attestation", "--key", public, "--insecure-ignore-tlog=true", "--allow-http-registry", "--type", "slsaprovenance1", repository+":1.2.0")
	if out := run("oras", "discover", "--plain-http", "--format", "json", repository+":1.2.0"); out != "" && strings.Count(out, `"artifactType": "`+signing.BundleType) != 2 {
		t.Errorf("oras discover: got\n%s\nwant the signatures of the image and of its provenance", out)
	}
}

// TestSignFaults breaks each request of a run that adds signatures to an image, and all of its
// kind after it: the next run completes it.
func TestSignFaults(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Images: []string{"app"}}))
	signed, _ := sign(t, tree)
	for name, fault := range faults {
		for _, server := range servers[:2] {
			t.Run(name+" "+server.name, func(t *testing.T) {
				t.Parallel()
				for at, more := 0, true; more; at++ {
					s := server.start(t)
					c := Config{Hub: s.Host + "/x", Transport: s.Transport, Jobs: 1}
					publishAll(t, open(t, c, tree))
					path := ""
					r := &recorder{inner: s.Transport}
					r.fail = func(n int, req *http.Request) (*http.Response, error) {
						if n == at {
							path = req.Method + " " + req.URL.Path
						}
						if path != req.Method+" "+req.URL.Path {
							return nil, nil
						}
						return fault(r, req)
					}
					c.Transport = r
					err := run(t.Context(), open(t, c, signed))
					if more = path != ""; errors.Is(err, publish.ErrChanged) {
						t.Errorf("request %d, %s: got %v", at, path, err)
					}
					c.Transport = s.Transport
					d := open(t, c, signed)
					publishAll(t, d)
					items := plan(t, d)
					if got := todo(items, publish.Upload); len(got) > 0 {
						t.Errorf("request %d, %s: got %q", at, path, states(items, c.Hub))
					}
					if err := d.Verify(t.Context(), items, false); err != nil {
						t.Errorf("request %d, %s: %v", at, path, err)
					}
				}
			})
		}
	}
}
