package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/signature/kms/fake"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// password is a secret that nothing may show.
const password = "canary-Pa55/w?rd+1"

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// newKey makes a key of a kind: p256, p384, p521, rsa or ed25519.
func newKey(tb testing.TB, kind string) crypto.Signer {
	tb.Helper()
	var k crypto.Signer
	var err error
	switch kind {
	case "p256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "p224":
		k, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "rsa":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	}
	check(tb, err)
	return k
}

// privatePEM returns the content of a key's file; with a password as cosign writes it.
func privatePEM(tb testing.TB, k crypto.Signer, password string) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	check(tb, err)
	kind := pkcs8PEM
	if password != "" {
		kind = sigstorePEM
		der, err = encrypted.Encrypt(der, []byte(password))
		check(tb, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func publicPEM(tb testing.TB, k crypto.Signer) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	check(tb, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// open opens the key with a content, in a variable.
func open(tb testing.TB, content string) *Key {
	tb.Helper()
	k, err := OpenKey(tb.Context(), KeyArgs{Ref: "env://KEY", Env: func(string) string { return content }})
	check(tb, err)
	return k
}

// TestKeys signs with each kind of key, twice, and verifies.
func TestKeys(t *testing.T) {
	content, statement := []byte("sums\n"), []byte(`{"_type":"x"}`)
	for _, kind := range []string{"p256", "p384", "p521", "rsa", "ed25519"} {
		private := newKey(t, kind)
		k, other := open(t, privatePEM(t, private, "")), newKey(t, kind)
		for name, tt := range map[string]struct {
			sign   func(context.Context, []byte) ([]byte, error)
			verify func(crypto.PublicKey, []byte, []byte) error
			wrong  func(crypto.PublicKey, []byte, []byte) error
			signed []byte
		}{
			"blob":      {k.SignBlob, VerifyBlob, VerifyStatement, content},
			"statement": {k.SignStatement, VerifyStatement, VerifyBlob, statement},
		} {
			bundle, err := tt.sign(t.Context(), tt.signed)
			check(t, err)
			again, err := tt.sign(t.Context(), tt.signed)
			if err != nil || !bytes.Equal(bundle, again) {
				t.Errorf("%s %s: a second signature: got %v,\n%s\nwant\n%s", kind, name, err, again, bundle)
			}
			for _, public := range []crypto.PublicKey{nil, private.Public()} {
				if err := tt.verify(public, bundle, tt.signed); err != nil {
					t.Errorf("%s %s: got %v", kind, name, err)
				}
			}
			for what, err := range map[string]error{
				"another key":     tt.verify(other.Public(), bundle, tt.signed),
				"other content":   tt.verify(private.Public(), bundle, append([]byte("x"), tt.signed...)),
				"no key, content": tt.verify(nil, bundle, append([]byte("x"), tt.signed...)),
				"another kind":    tt.wrong(private.Public(), bundle, tt.signed),
				"altered":         tt.verify(private.Public(), bytes.Replace(bundle, []byte(`"signature":"M`), []byte(`"signature":"N`), 1)[1:], tt.signed),
				"nothing":         tt.verify(private.Public(), nil, tt.signed),
			} {
				if err == nil {
					t.Errorf("%s %s: %s: got no error", kind, name, what)
				}
			}
		}
	}
}

// TestOpenKey opens keys that can be used, and those that cannot.
func TestOpenKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		check(t, os.WriteFile(name, []byte(content), 0o600))
		return name
	}
	k := newKey(t, "p256")
	plain, locked := privatePEM(t, k, ""), privatePEM(t, k, password)
	ec, err := x509.MarshalECPrivateKey(k.(*ecdsa.PrivateKey))
	check(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	file, keyFile := write("password", password+"\n"), write("plain", plain)
	unreadable := write("unreadable", plain)
	check(t, os.Chmod(unreadable, 0))
	lockedFile := write("locked", locked)
	for _, tt := range []struct {
		name       string
		args       KeyArgs
		env        map[string]string
		want       string // in the error; empty for none
		wantHint   string
		unlessRoot bool
	}{
		{name: "plain", args: KeyArgs{Ref: keyFile}},
		{name: "SEC 1", args: KeyArgs{Ref: write("ec", block("EC PARAMETERS", []byte{6, 0})+block("EC PRIVATE KEY", ec))}},
		{name: "PKCS #1", args: KeyArgs{Ref: write("rsa", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(newKey(t, "rsa").(*rsa.PrivateKey))))}},
		{name: "encrypted", args: KeyArgs{Ref: lockedFile}, env: map[string]string{"COSIGN_PASSWORD": password}},
		{name: "password in a file", args: KeyArgs{Ref: lockedFile, PasswordFile: file}, env: map[string]string{"COSIGN_PASSWORD": "other"}},
		{name: "in a variable", args: KeyArgs{Ref: "env://KEY"}, env: map[string]string{"KEY": plain}},
		{name: "encrypted, in a variable", args: KeyArgs{Ref: "env://KEY"}, env: map[string]string{"KEY": locked, "COSIGN_PASSWORD": password}},

		{name: "no variable", args: KeyArgs{Ref: "env://KEY"}, want: `opening signing key "env://KEY": the environment variable "KEY" is not set`, wantHint: "set it to"},
		{name: "no file", args: KeyArgs{Ref: filepath.Join(dir, "none")}, want: "no such file"},
		{name: "a directory", args: KeyArgs{Ref: dir}, want: "directory"},
		{name: "unreadable", args: KeyArgs{Ref: unreadable}, want: "permission denied", unlessRoot: true},
		{name: "no password", args: KeyArgs{Ref: lockedFile}, want: "it is encrypted, and there is no password", wantHint: "--cosignpassword FILE"},
		{name: "wrong password", args: KeyArgs{Ref: lockedFile}, env: map[string]string{"COSIGN_PASSWORD": "wrong"}, want: "wrong password", wantHint: "COSIGN_PASSWORD"},
		{name: "wrong password in a file", args: KeyArgs{Ref: lockedFile, PasswordFile: keyFile}, want: "wrong password", wantHint: keyFile},
		{name: "no password file", args: KeyArgs{Ref: lockedFile, PasswordFile: dir + "/none"}, want: "reading its password: "},
		{name: "a public key", args: KeyArgs{Ref: write("pub", publicPEM(t, k))}, want: "got a public key, want a private key", wantHint: "cosign.key"},
		{name: "empty", args: KeyArgs{Ref: write("empty", "")}, want: "got no PEM block"},
		{name: "text", args: KeyArgs{Ref: write("text", password)}, want: "got no PEM block"},
		{name: "two keys", args: KeyArgs{Ref: write("two", plain+plain)}, want: "want one"},
		{name: "broken", args: KeyArgs{Ref: write("broken", block(pkcs8PEM, []byte("x")))}, want: "asn1"},
		{name: "PKCS #8, encrypted", args: KeyArgs{Ref: write("p8", block("ENCRYPTED PRIVATE KEY", []byte("x")))}, want: "ENCRYPTED PRIVATE KEY", wantHint: "import-key-pair"},
		{name: "an unusual size", args: KeyArgs{Ref: write("p224", privatePEM(t, newKey(t, "p224"), ""))}, want: "curve P-224, want P-256"},
		{name: "unknown service", args: KeyArgs{Ref: "nonekms://x/y"}, want: `no key management service is known by "nonekms://"`, wantHint: "sigstore-kms-nonekms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.unlessRoot && os.Getuid() == 0 {
				t.Skip("root can read every file")
			}
			tt.args.Env = func(name string) string { return tt.env[name] }
			k, err := OpenKey(t.Context(), tt.args)
			if tt.want == "" {
				check(t, err)
				_, err = k.SignBlob(t.Context(), []byte("x"))
				check(t, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), tt.wantHint) {
				t.Fatalf("got %v, hints %q, want %q, %q", err, hint.Of(err), tt.want, tt.wantHint)
			}
			said := err.Error() + strings.Join(hint.Of(err), "\n")
			for _, secret := range []string{password, plain[30:60], locked[60:90]} {
				if strings.Contains(said, secret) {
					t.Errorf("it has the secret %q: %s", secret, said)
				}
			}
		})
	}
}

// TestKMS signs with a key in a service.
func TestKMS(t *testing.T) {
	for _, kind := range []string{"p256", "p384", "rsa"} {
		private := newKey(t, kind)
		ctx := context.WithValue(t.Context(), fake.KmsCtxKey{}, crypto.PrivateKey(private))
		k, err := OpenKey(ctx, KeyArgs{Ref: "fakekms://key"})
		check(t, err)
		bundle, err := k.SignBlob(ctx, []byte("content"))
		check(t, err)
		if err := VerifyBlob(private.Public(), bundle, []byte("content")); err != nil || !k.Random {
			t.Errorf("%s: got %v, random %v", kind, err, k.Random)
		}
		if bundle, err = k.SignStatement(ctx, []byte("{}")); err != nil || VerifyStatement(private.Public(), bundle, []byte("{}")) != nil {
			t.Errorf("%s: got %v", kind, err)
		}
	}
}

// TestPublicKey reads public keys.
func TestPublicKey(t *testing.T) {
	k := newKey(t, "p256")
	for content, want := range map[string]string{
		publicPEM(t, k): "", privatePEM(t, k, ""): "got a private key", privatePEM(t, k, "x"): "got a private key", "": "PEM", "x": "PEM",
	} {
		name := filepath.Join(t.TempDir(), "k")
		check(t, os.WriteFile(name, []byte(content), 0o600))
		_, err := ReadPublicKey(name)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// FuzzVerify gives any bytes as a bundle.
func FuzzVerify(f *testing.F) {
	k := open(f, privatePEM(f, newKey(f, "p256"), ""))
	for _, sign := range []func(context.Context, []byte) ([]byte, error){k.SignBlob, k.SignStatement} {
		bundle, err := sign(f.Context(), []byte("content"))
		check(f, err)
		f.Add(bundle)
	}
	f.Add([]byte(`{"mediaType":"` + BundleType + `","dsseEnvelope":{}}`))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		for _, verify := range []func(crypto.PublicKey, []byte, []byte) error{VerifyBlob, VerifyStatement} {
			if verify(k.Public, bundle, []byte("other")) == nil {
				t.Error("got no error for other content")
			}
		}
	})
}
