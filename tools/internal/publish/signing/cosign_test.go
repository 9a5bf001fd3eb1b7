package signing

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestOpenSSL has openssl verify the signature in a bundle.
func TestOpenSSL(t *testing.T) {
	openssl := readers.Find(t, "openssl")
	for _, kind := range []string{"p256", "rsa"} {
		private := newKey(t, kind)
		bundle, err := open(t, privatePEM(t, private, "")).SignBlob(t.Context(), []byte("sums\n"))
		check(t, err)
		var b struct{ MessageSignature struct{ Signature string } }
		check(t, json.Unmarshal(bundle, &b))
		sig, err := base64.StdEncoding.DecodeString(b.MessageSignature.Signature)
		check(t, err)
		dir := t.TempDir()
		for name, content := range map[string]string{"pub": publicPEM(t, private), "sig": string(sig), "sums": "sums\n"} {
			check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		cmd := exec.Command(openssl, "dgst", "-sha256", "-verify", "pub", "-signature", "sig", "sums")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verified OK") {
			t.Errorf("%s: got %v, %s", kind, err, out)
		}
	}
}

// TestCosign has cosign verify blobs and statements, without a network.
func TestCosign(t *testing.T) {
	cosign := readers.Find(t, "cosign")
	const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"sums","digest":{"sha256":"` +
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`
	for _, kind := range []string{"p256", "p384", "rsa", "ed25519"} {
		private := newKey(t, kind)
		k, dir := open(t, privatePEM(t, private, "")), t.TempDir()
		blob, err := k.SignBlob(t.Context(), nil)
		check(t, err)
		envelope, err := k.SignStatement(t.Context(), []byte(statement))
		check(t, err)
		for name, content := range map[string]string{"pub": publicPEM(t, private), "other": publicPEM(t, newKey(t, kind)), "blob": string(blob), "envelope": string(envelope), "sums": ""} {
			check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		run := func(args ...string) error {
			cmd := exec.Command(cosign, args...)
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + dir, "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}
			out, err := cmd.CombinedOutput()
			t.Logf("%s: cosign %q: %v %s", kind, args, err, out)
			return err
		}
		for _, key := range []string{"pub", "other"} {
			for what, err := range map[string]error{
				"blob":     run("verify-blob", "--key", key, "--bundle", "blob", "--insecure-ignore-tlog=true", "sums"),
				"envelope": run("verify-blob-attestation", "--key", key, "--bundle", "envelope", "--insecure-ignore-tlog=true", "--type", "slsaprovenance1", "sums"),
			} {
				if (err == nil) != (key == "pub") {
					t.Errorf("%s %s with key %s: got %v", kind, what, key, err)
				}
			}
		}
	}
}
