package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
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

// Verify checks armored detached signatures of data: one of them has to be by a key of the
// keyring. It returns the key's fingerprint. now is that of VerifyText.
func (r Keyring) Verify(data, signatures []byte, now time.Time) (signer string, err error) {
	block, err := armor.Decode(bytes.NewReader(signatures))
	if err != nil {
		return "", fmt.Errorf("reading the signature: %w", err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return "", fmt.Errorf("reading the signature: %w", err)
	}
	return r.verify(data, body, now)
}

func (r Keyring) verify(data, signatures []byte, now time.Time) (string, error) {
	all, err := split(signatures)
	if err != nil {
		return "", err
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	err = errors.New("it has no signature")
	for _, s := range all {
		if now.IsZero() {
			config.Time = func() time.Time { return s.created }
		}
		var e *openpgp.Entity
		if _, e, err = openpgp.VerifyDetachedSignature(r.keys, bytes.NewReader(data), bytes.NewReader(s.raw), config); err == nil {
			return fingerprint(e), nil
		}
	}
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		return "", fmt.Errorf("it is not signed by %v", r.Fingerprints())
	}
	return "", fmt.Errorf("checking the signature: %w", err)
}

// A signature is one of several.
type signature struct {
	raw     []byte
	created time.Time
}

// maxSignatures limits the signatures of one file.
const maxSignatures = 64

func split(data []byte) ([]signature, error) {
	var all []signature
	r := bytes.NewReader(data)
	for r.Len() > 0 {
		at := len(data) - r.Len()
		p, err := packet.Read(r)
		if err != nil {
			return nil, fmt.Errorf("reading the signature: %w", err)
		}
		s, ok := p.(*packet.Signature)
		if !ok || len(all) == maxSignatures {
			return nil, fmt.Errorf("reading the signature: got packet %T as number %d, want at most %d signatures", p, len(all)+1, maxSignatures)
		}
		all = append(all, signature{slices.Clone(data[at : len(data)-r.Len()]), s.CreationTime})
	}
	return all, nil
}

// Split returns the signatures in a block of ASCII armor, each without armor.
func Split(armored []byte) ([][]byte, error) {
	block, err := armor.Decode(bytes.NewReader(armored))
	if err != nil {
		return nil, fmt.Errorf("reading signatures: %w", err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, fmt.Errorf("reading signatures: %w", err)
	}
	some, err := split(body)
	var all [][]byte
	for _, s := range some {
		all = append(all, s.raw)
	}
	return all, err
}
