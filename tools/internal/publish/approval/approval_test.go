package approval

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// A signer signs for a test.
type signer struct {
	line string // in destinations.yaml, without a name
	sign func(r *Request) []byte
}

func newSSH(t *testing.T, private crypto.PrivateKey) signer {
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey()))), func(r *Request) []byte {
		return signed(t, s, r.Statement(), Namespace)
	}}
}

func signed(t *testing.T, s ssh.Signer, text []byte, namespace string) []byte {
	sig, err := sshsig.Sign(bytes.NewReader(text), s, sshsig.HashSHA512, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return sshsig.Armor(sig)
}

// ed25519Key and ecdsaKey return new keys.
func ed25519Key(t *testing.T) ed25519.PrivateKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func newCosign(t *testing.T) signer {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer{"cosign " + base64.StdEncoding.EncodeToString(public), func(r *Request) []byte {
		sig, err := r.Sign(t.Context(), signing.KeyArgs{Ref: file, Env: os.Getenv})
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}}
}

// policy returns a profile with named signers.
func policy(t *testing.T, required int, signers map[string]signer) *profile.Profile {
	var keys []string
	for name, s := range signers {
		keys = append(keys, fmt.Sprintf("%q", name+" "+s.line))
	}
	text := fmt.Sprintf("production:\n  approval: {keys: [%s], required: %d}\n", strings.Join(keys, ", "), required)
	all, err := profile.Kinds(nil).Parse("destinations.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &all[0]
}

// request writes and reads a request.
func request(t *testing.T, p *profile.Profile, version string) *Request {
	plan := &publish.Plan{Schema: publish.PlanSchema, Version: version, Lock: digest.FromBytes([]byte(version))}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := NewRequest("demo", p, plan, now).Write(file); err != nil {
		t.Fatal(err)
	}
	r, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCheck(t *testing.T) {
	key := ed25519Key(t)
	alice, bob, carol, eve := newSSH(t, key), newCosign(t), newSSH(t, ed25519Key(t)), newSSH(t, ed25519Key(t))
	p := policy(t, 2, map[string]signer{"alice": alice, "bob": bob, "carol": carol})
	r, other := request(t, p, "1.0.0"), request(t, p, "1.1.0")
	raw, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for _, tt := range []struct {
		name  string
		files [][]byte
		at    time.Duration // after the plan
		line  string
		want  string // names or error
	}{
		{name: "two", files: [][]byte{alice.sign(r), bob.sign(r)}, want: "alice,bob"},
		{name: "three, in any order", files: [][]byte{carol.sign(r), bob.sign(r), alice.sign(r)}, want: "alice,bob,carol"},
		{name: "on the last day", files: [][]byte{carol.sign(r), bob.sign(r)}, at: 3*day - time.Second, want: "bob,carol"},
		{name: "nobody", want: "wants the approval of 2 of"},
		{name: "one", files: [][]byte{bob.sign(r)}, want: "got that of bob"},
		{name: "one, twice", files: [][]byte{bob.sign(r), bob.sign(r)}, want: "got that of bob"},
		{name: "a stranger", files: [][]byte{alice.sign(r), bob.sign(r), eve.sign(r)}, want: "it is signed by none of"},
		{name: "of another plan", files: [][]byte{alice.sign(r), carol.sign(other)}, want: "it is not a signature of this plan"},
		{name: "of another plan, with a key of cosign's", files: [][]byte{alice.sign(r), bob.sign(other)}, want: "it is signed by none of"},
		{name: "for another purpose", files: [][]byte{alice.sign(r), signed(t, raw, r.Statement(), "git")}, want: "it is not a signature of this plan"},
		{name: "of the plan itself", files: [][]byte{bob.sign(r), signed(t, raw, []byte(r.sum), Namespace)}, want: "it is not a signature of this plan"},
		{name: "no signature", files: [][]byte{alice.sign(r), bob.sign(r), []byte("yes\n")}, want: "it is signed by none of"},
		{name: "cut", files: [][]byte{alice.sign(r)[:200], bob.sign(r)}, want: "it is signed by none of"},
		{name: "too late", files: [][]byte{alice.sign(r), bob.sign(r)}, at: 3 * day, want: "ended at 2026-05-04T12:00:00Z"},
		{name: "from the future", files: [][]byte{alice.sign(r), bob.sign(r)}, at: -time.Hour, want: "want at most 72h0m0s from now"},
		{name: "another line", files: [][]byte{alice.sign(r), bob.sign(r)}, line: "toolbox", want: `want line "toolbox"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var files []File
			for i, f := range tt.files {
				files = append(files, File{fmt.Sprint(i), f})
			}
			if tt.line == "" {
				tt.line = "demo"
			}
			got, err := r.Check(tt.line, p, files, now.Add(tt.at))
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			var names []string
			for _, s := range got.By {
				names = append(names, s.Name)
			}
			if text := strings.Join(names, ","); text != tt.want || got.Plan != r.sum {
				t.Errorf("got %q of %s, want %q", text, got.Plan, tt.want)
			}
		})
	}
}

// TestNone has a profile that wants no approval.
func TestNone(t *testing.T) {
	p := &profile.Profile{Name: "stage"}
	got, err := request(t, p, "1.0.0").Check("demo", p, nil, now)
	if got != nil || err != nil {
		t.Errorf("got %v, %v, want none", got, err)
	}
}

// TestOpenSSH has OpenSSH sign, with a private key and by an agent's public key, and verify.
func TestOpenSSH(t *testing.T) {
	keygen := readers.Find(t, "ssh-keygen")
	dir := t.TempDir()
	run := func(stdin []byte, args ...string) string {
		cmd := exec.Command(keygen, args...)
		cmd.Stdin, cmd.Dir = bytes.NewReader(stdin), dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen %s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(dir, kind)
			run(nil, "-q", "-t", kind, "-N", "", "-f", file)
			public, err := os.ReadFile(file + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			p := policy(t, 1, map[string]signer{"alice": {line: strings.TrimSpace(string(public))}})
			r := request(t, p, "1.0.0")
			sig, err := r.Sign(t.Context(), signing.KeyArgs{Ref: file})
			if err != nil {
				t.Fatal(err)
			}
			if a, err := r.Signer(p, sig); err != nil || a.Name != "alice" {
				t.Errorf("got %v, %v, want alice", a, err)
			}
			allowed := "alice " + string(public)
			if err := errors.Join(os.WriteFile(filepath.Join(dir, "allowed"), []byte(allowed), 0o600), os.WriteFile(filepath.Join(dir, "sig"), sig, 0o600)); err != nil {
				t.Fatal(err)
			}
			if out := run(r.Statement(), "-Y", "verify", "-f", "allowed", "-I", "alice", "-n", Namespace, "-s", "sig"); !strings.Contains(out, "Good") {
				t.Errorf("ssh-keygen: got %q", out)
			}
		})
	}
}
