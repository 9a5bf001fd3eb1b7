package ociimage

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// makeCert returns a self-signed certificate in DER, the same for the same
// arguments.
func makeCert(t testing.TB, serial byte, subject pkix.Name, isCA bool) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{serial}, ed25519.SeedSize))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(serial)), Subject: subject, SubjectKeyId: []byte{serial},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<31, 0),
		BasicConstraintsValid: true, IsCA: isCA, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestWriteCABundle reads the bundle with crypto/x509 and with openssl.
func TestWriteCABundle(t *testing.T) {
	certs := [][]byte{
		makeCert(t, 1, pkix.Name{CommonName: "Root A", Organization: []string{"Example"}, Country: []string{"HU"}}, true),
		makeCert(t, 2, pkix.Name{CommonName: "Főtanúsítvány"}, true),
		makeCert(t, 3, pkix.Name{CommonName: "bad\n-----BEGIN CERTIFICATE-----\u202e"}, true),
	}
	var b bytes.Buffer
	if err := WriteCABundle(&b, slices.Concat(certs...)); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b.Bytes()) {
		t.Error("crypto/x509 reads no certificate")
	}
	var got [][]byte
	for rest := b.Bytes(); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		got = append(got, block.Bytes)
	}
	slices.SortFunc(got, bytes.Compare)
	want := slices.Clone(certs)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d certificates, want the %d that went in", len(got), len(want))
	}
	var comments []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "#") {
			comments = append(comments, strings.TrimSpace(line))
		}
	}
	slices.Sort(comments)
	if want := []string{"# CN=Főtanúsítvány", "# CN=Root A,O=Example,C=HU", "# CN=bad?-----BEGIN CERTIFICATE-----?"}; !slices.Equal(comments, want) {
		t.Errorf("got comments %q, want %q", comments, want)
	}
	if openssl, ok := readers.Look(t, "openssl"); ok {
		name := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if out := string(tool(t, openssl, "storeutl", "-noout", "-certs", name)); !strings.Contains(out, "Total found: 3") {
			t.Errorf("openssl storeutl: got %s", out)
		}
	}
	// In another order: the same bytes.
	slices.Reverse(certs)
	var again bytes.Buffer
	if err := WriteCABundle(&again, slices.Concat(certs...)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), b.Bytes()) {
		t.Error("the order of the certificates reaches the file")
	}
}

func TestWriteCABundleErrors(t *testing.T) {
	a := makeCert(t, 1, pkix.Name{CommonName: "A"}, true)
	b := makeCert(t, 2, pkix.Name{CommonName: "B"}, true)
	for _, tc := range []struct {
		name string
		der  []byte
		err  string
	}{
		{"nothing", nil, `got none, want at least one`},
		{"text", []byte("-----BEGIN CERTIFICATE-----\n"), `certificate 1 at byte 0: want DER: `},
		{"a byte behind", append(slices.Clone(a), 0), `certificate 2 at byte \d+: want DER: `},
		{"a byte between", slices.Concat(a, []byte{0}, b), `certificate 2 at byte \d+`},
		{"cut off", slices.Concat(a, b[:len(b)-1]), `certificate 2 at byte \d+: want DER: `},
		{"other DER", []byte{0x30, 0x03, 0x02, 0x01, 0x05}, `certificate 1 at byte 0: x509: malformed`},
		{"twice", slices.Concat(a, b, a), `certificate 3 at byte \d+: duplicate certificate "CN=A": also certificate 1`},
		{"no authority", makeCert(t, 3, pkix.Name{CommonName: "C"}, false), `"CN=C" is not the certificate of a certification authority`},
		{"too large", make([]byte, MaxCABundleSize+1), `want at most 16777216`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			wantError(t, WriteCABundle(&out, tc.der), tc.err)
			if out.Len() > 0 {
				t.Errorf("wrote %d bytes", out.Len())
			}
		})
	}
}

// FuzzCABundle parses any bytes as certificates.
func FuzzCABundle(f *testing.F) {
	der := slices.Concat(makeCert(f, 1, pkix.Name{CommonName: "A"}, true), makeCert(f, 2, pkix.Name{CommonName: "B"}, true))
	f.Add(der)
	f.Add(der[:len(der)-1])
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		var b bytes.Buffer
		if err := WriteCABundle(&b, der); err == nil && b.Len() == 0 {
			t.Error("got no error and no certificates")
		}
	})
}
