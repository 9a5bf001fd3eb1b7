// Package digest names content by its SHA-256, in the form that OCI and the
// lock use: "sha256:" followed by 64 lower-case hexadecimal digits.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

const prefix = "sha256:"

// Digest is a SHA-256 in the form "sha256:<64 lower-case hex digits>", as the
// OCI image specification writes digests. The zero value means that there is none.
type Digest string

// Parse checks that s is a Digest.
func Parse(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, prefix)
	if !ok || len(h) != 2*sha256.Size || strings.Trim(h, "0123456789abcdef") != "" {
		return "", fmt.Errorf("parsing digest %q: want sha256: and 64 lower-case hexadecimal digits", s)
	}
	return Digest(s), nil
}

// FromSum returns the Digest of a finished SHA-256 sum.
func FromSum(sum []byte) Digest { return Digest(prefix + hex.EncodeToString(sum)) }

// FromBytes returns the Digest of b.
func FromBytes(b []byte) Digest {
	sum := sha256.Sum256(b)
	return FromSum(sum[:])
}

// FromReader reads r to its end and returns the Digest and the number of bytes.
func FromReader(r io.Reader) (Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, err
	}
	return FromSum(h.Sum(nil)), n, nil
}

// FromFile returns the Digest and the size in bytes of the named file.
func FromFile(name string) (Digest, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	d, n, err := FromReader(f)
	if err != nil {
		return "", n, fmt.Errorf("reading %q: %w", name, err)
	}
	return d, n, nil
}

// Hex returns the 64 hexadecimal digits without the algorithm.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), prefix) }

// Short returns the first 12 hexadecimal digits, for people to read.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}
