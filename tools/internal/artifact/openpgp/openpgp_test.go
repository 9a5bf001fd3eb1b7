package openpgp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var (
	created = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	now     = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, content string) string {
	name := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func load(t testing.TB, content string) *Key {
	k, err := Load(LoadArgs{Key: "env://KEY", Env: env(map[string]string{"KEY": content}), Now: now})
	check(t, err)
	return k
}

func TestLoadErrors(t *testing.T) {
	secret := pgptest.Secret(t, pgptest.Args{Created: created})
	locked := pgptest.Secret(t, pgptest.Args{Created: created, Passphrase: "open sesame"})
	expired := pgptest.Secret(t, pgptest.Args{Created: created, Lifetime: 24 * time.Hour})
	tests := map[string]struct {
		key, passphrase, want string
	}{
		"missing file":       {filepath.Join(t.TempDir(), "none"), "", "no such file"},
		"missing variable":   {"env://NONE", "", "the environment variable NONE is not set"},
		"not a key":          {write(t, "hello"), "", "no armored OpenPGP key"},
		"cut":                {write(t, secret[:len(secret)/2]), "", "reading the signing key"},
		"public":             {write(t, pgptest.Public(t, secret)), "", "got public keys only"},
		"expired":            {write(t, expired), "", "it has expired"},
		"no passphrase":      {write(t, locked), "", "it has a passphrase, and none was given"},
		"wrong passphrase":   {write(t, locked), write(t, "open barley"), "the passphrase does not fit"},
		"missing passphrase": {write(t, locked), "env://NONE", "reading its passphrase: the environment variable NONE is not set"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Load(LoadArgs{Key: tt.key, Passphrase: tt.passphrase, Env: env(nil), Now: now})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for _, passphrase := range []string{write(t, "open sesame\n"), "env://PASS"} {
		_, err := Load(LoadArgs{Key: write(t, locked), Passphrase: passphrase, Env: env(map[string]string{"PASS": "open sesame"}), Now: now})
		check(t, err)
	}
}

// TestSign checks signatures with this package and with gpgv: they are deterministic, and
// none is older than its key.
func TestSign(t *testing.T) {
	for name, algorithm := range map[string]packet.PublicKeyAlgorithm{"ed25519": packet.PubKeyAlgoEdDSA, "rsa": packet.PubKeyAlgoRSA} {
		t.Run(name, func(t *testing.T) {
			k := load(t, pgptest.Secret(t, pgptest.Args{Created: created, Algorithm: algorithm}))
			text := []byte("Origin: demo\n\n- dash\nFrom here \n last line\n")
			for _, at := range []time.Time{created.Add(-1000 * time.Hour), now.Add(-time.Hour)} {
				clear, err := k.ClearSign(text, at)
				check(t, err)
				again, err := k.ClearSign(text, at)
				check(t, err)
				if !bytes.Equal(clear, again) {
					t.Error("the same text at the same time: got other bytes")
				}
				got, signer, err := k.Ring.VerifyText(clear, now)
				check(t, err)
				if strings.TrimSpace(string(got)) != strings.TrimSpace(strings.ReplaceAll(string(text), "here \n", "here\n")) && string(got) != string(text) || signer != k.Fingerprint() {
					t.Errorf("got %q by %s", got, signer)
				}
				detached, err := k.Sign(text, at)
				check(t, err)
				_, err = k.Ring.Verify(text, detached, now)
				check(t, err)
				gpgv(t, k, clear, "")
				gpgv(t, k, detached, string(text))
			}
		})
	}
}

// gpgv checks a signature as apt does.
func gpgv(t *testing.T, k *Key, signed []byte, text string) {
	t.Helper()
	program := readers.Find(t, "gpgv")
	public, err := k.Ring.Armored()
	check(t, err)
	block, err := armor.Decode(bytes.NewReader(public))
	check(t, err)
	var ring bytes.Buffer
	_, err = ring.ReadFrom(block.Body)
	check(t, err)
	args := []string{"--homedir", t.TempDir(), "--keyring", write(t, ring.String()), write(t, string(signed))}
	if text != "" {
		args = append(args, write(t, text))
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil || strings.Contains(string(out), "newer than") {
		t.Errorf("gpgv: %v\n%s", err, out)
	}
}

func TestVerifyErrors(t *testing.T) {
	k := load(t, pgptest.Secret(t, pgptest.Args{Created: created}))
	other := load(t, pgptest.Secret(t, pgptest.Args{Created: created}))
	clear, err := k.ClearSign([]byte("text\n"), now)
	check(t, err)
	tests := map[string]struct {
		ring Keyring
		data string
		want string
	}{
		"another key": {other.Ring, string(clear), "it is not signed by " + other.Fingerprint()},
		"changed":     {k.Ring, strings.Replace(string(clear), "text", "test", 1), "checking the signature"},
		"unsigned":    {k.Ring, "text\n", "it has no signature"},
		"after":       {k.Ring, string(clear) + "more\n", "text follows its signature"},
		"before":      {k.Ring, "more\n" + string(clear), "text precedes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := tt.ring.VerifyText([]byte(tt.data), now); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestRotation has an old public key beside the new secret one.
func TestRotation(t *testing.T) {
	before := pgptest.Secret(t, pgptest.Args{Created: created})
	after := pgptest.Secret(t, pgptest.Args{Created: created.Add(time.Hour)})
	old, k := load(t, before), load(t, pgptest.Public(t, before)+"\n"+after)
	clear, err := old.ClearSign([]byte("text\n"), now)
	check(t, err)
	if _, signer, err := k.Ring.VerifyText(clear, now); err != nil || signer != old.Fingerprint() || signer == k.Fingerprint() {
		t.Errorf("got %s, %v", signer, err)
	}
	public, err := k.Ring.Armored()
	check(t, err)
	ring, err := ParseKeyring(public)
	check(t, err)
	if got, want := ring.Fingerprints(), []string{old.Fingerprint(), k.Fingerprint()}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if strings.Contains(string(public), "PRIVATE") {
		t.Error("got a secret key")
	}
}

func FuzzVerify(f *testing.F) {
	k := load(f, pgptest.Secret(f, pgptest.Args{Created: created}))
	clear, err := k.ClearSign([]byte("text\n"), now)
	check(f, err)
	f.Add(clear)
	one, err := k.Sign([]byte("text\n"), now)
	check(f, err)
	f.Add(one)
	f.Fuzz(func(t *testing.T, data []byte) {
		if text, _, err := k.Ring.VerifyText(data, now); err == nil && strings.TrimSpace(string(text)) != "text" {
			t.Errorf("got a signed text %q", text)
		}
		_, _ = k.Ring.Verify([]byte("text\n"), data, now)
		_, _ = ParseKeyring(data)
	})
}
