package openpgp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A Keyring has public keys.
type Keyring struct{ keys openpgp.EntityList }

// ParseKeyring parses armored public keys.
func ParseKeyring(data []byte) (Keyring, error) {
	all, err := parse(data)
	if err != nil {
		return Keyring{}, fmt.Errorf("parsing public keys: %w", err)
	}
	return Keyring{all}, nil
}

// Fingerprints returns those of the primary keys, in their order.
func (r Keyring) Fingerprints() []string {
	var all []string
	for _, e := range r.keys {
		all = append(all, fingerprint(e))
	}
	return all
}

// Armored returns the public keys.
func (r Keyring) Armored() ([]byte, error) {
	var b bytes.Buffer
	for _, e := range r.keys {
		if err := e.Serialize(&b); err != nil {
			return nil, fmt.Errorf("exporting public key %s: %w", fingerprint(e), err)
		}
	}
	return armored(openpgp.PublicKeyType, b.Bytes())
}

// VerifyText checks a text with its signature in it. It returns the text and the fingerprint
// of the key that signed it. A key has to be valid at now; with the zero time it may have
// expired.
func (r Keyring) VerifyText(data []byte, now time.Time) (text []byte, signer string, err error) {
	block, rest := clearsign.Decode(data)
	switch {
	case block == nil:
		return nil, "", errors.New("it has no signature")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "", errors.New("text follows its signature")
	case !bytes.HasPrefix(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----")):
		return nil, "", errors.New("text precedes what is signed")
	}
	signatures, err := io.ReadAll(block.ArmoredSignature.Body)
	if err != nil {
		return nil, "", fmt.Errorf("reading its signature: %w", err)
	}
	signer, err = r.verify(block.Bytes, signatures, now)
	return block.Plaintext, signer, err
}

// Verify checks an armored detached signature of data. It returns the fingerprint of the key
// that signed it. now is that of VerifyText.
func (r Keyring) Verify(data, signature []byte, now time.Time) (signer string, err error) {
	block, err := armor.Decode(bytes.NewReader(signature))
	if err != nil {
		return "", fmt.Errorf("reading the signature: %w", err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return "", fmt.Errorf("reading the signature: %w", err)
	}
	return r.verify(data, body, now)
}

// verify checks one signature. Clients of some repositories refuse several.
func (r Keyring) verify(data, signature []byte, now time.Time) (string, error) {
	rest := bytes.NewReader(signature)
	p, err := packet.Read(rest)
	if err != nil {
		return "", fmt.Errorf("reading the signature: %w", err)
	}
	s, ok := p.(*packet.Signature)
	if !ok || rest.Len() > 0 {
		return "", fmt.Errorf("reading the signature: got %T and %d bytes after it, want one signature", p, rest.Len())
	}
	if now.IsZero() {
		now = s.CreationTime
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	_, e, err := openpgp.VerifyDetachedSignature(r.keys, bytes.NewReader(data), bytes.NewReader(signature), config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", fmt.Errorf("it is not signed by %s", strings.Join(r.Fingerprints(), ", "))
	case err != nil:
		return "", fmt.Errorf("checking the signature: %w", err)
	}
	return fingerprint(e), nil
}

// VerifyRSA checks a signature by [Key.SignRSA], by any key of the keyring. It returns the
// key's fingerprint. A key has to be valid at now, unless that is the zero time.
func (r Keyring) VerifyRSA(data, signature []byte, now time.Time) (signer string, err error) {
	sum := sha1.Sum(data)
	for _, e := range r.keys {
		keys := []*packet.PublicKey{e.PrimaryKey}
		for _, s := range e.Subkeys {
			keys = append(keys, s.PublicKey)
		}
		for _, k := range keys {
			public, ok := k.PublicKey.(*rsa.PublicKey)
			if !ok || rsa.VerifyPKCS1v15(public, crypto.SHA1, sum[:], signature) != nil {
				continue
			}
			if self, _ := e.PrimarySelfSignature(); !now.IsZero() && (self == nil || e.PrimaryKey.KeyExpired(self, now) || e.Revoked(now)) {
				return "", fmt.Errorf("checking the signature: key %s has expired", fingerprint(e))
			}
			return fingerprint(e), nil
		}
	}
	return "", fmt.Errorf("it is not signed by %s", strings.Join(r.Fingerprints(), ", "))
}
