package ociimage

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// MaxCABundleSize limits the input of WriteCABundle, in bytes.
const MaxCABundleSize = 16 << 20

// WriteCABundle writes the root certificates in der as a file that TLS libraries read:
// each certificate in PEM (RFC 7468) below a comment with its subject (RFC 2253). Der is a
// concatenation of X.509 certificates (RFC 5280).
//
// The certificates are sorted by the SHA-256 of their DER: their order in der has no
// meaning. Anything that is not a certificate of a certification authority is an error,
// and so are a duplicate certificate and an empty der. Expiry is not checked, because it
// depends on the clock.
func WriteCABundle(w io.Writer, der []byte) error {
	if len(der) > MaxCABundleSize {
		return fmt.Errorf("reading certificates: %d bytes, want at most %d", len(der), MaxCABundleSize)
	}
	certs, err := parseCAs(der)
	if err != nil {
		return fmt.Errorf("reading certificates: %w", err)
	}
	var b bytes.Buffer
	for i, c := range certs {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\n", oneLine(c.Subject.String()))
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return err
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// parseCAs returns the certificates in der, sorted by SHA-256.
func parseCAs(der []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	at := map[[sha256.Size]byte]int{}
	for rest := der; len(rest) > 0; {
		offset := len(der) - len(rest)
		where := fmt.Sprintf("certificate %d at byte %d", len(certs)+1, offset)
		var raw asn1.RawValue
		next, err := asn1.Unmarshal(rest, &raw)
		if err != nil {
			return nil, fmt.Errorf("%s: want DER: %w", where, err)
		}
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		// Version 1 has no field for the purpose of a certificate.
		if c.Version >= 2 && !c.IsCA {
			return nil, fmt.Errorf("%s: %q is not the certificate of a certification authority", where, c.Subject)
		}
		sum := sha256.Sum256(c.Raw)
		if first, ok := at[sum]; ok {
			return nil, fmt.Errorf("%s: duplicate certificate %q: also certificate %d", where, c.Subject, first)
		}
		certs = append(certs, c)
		at[sum] = len(certs)
		rest = next
	}
	if len(certs) == 0 {
		return nil, errors.New("got none, want at least one")
	}
	slices.SortFunc(certs, func(a, b *x509.Certificate) int {
		x, y := sha256.Sum256(a.Raw), sha256.Sum256(b.Raw)
		return bytes.Compare(x[:], y[:])
	})
	return certs, nil
}

// oneLine replaces characters that are not printable, such as line feeds, by "?": a
// subject must not end its comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
