// Package openpgp signs the indexes of package repositories, and checks such signatures
// (https://www.rfc-editor.org/rfc/rfc9580; keys and signatures of version 4 are those of
// RFC 4880). Signatures by RSA and Ed25519 keys are deterministic: the same key, content and
// time give the same bytes.
package openpgp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// maxKey is the maximum size of a key file in bytes.
const maxKey = 1 << 20

// inEnvironment is the scheme of a secret in an environment variable.
const inEnvironment = "env://"

// LoadArgs says where a key is.
type LoadArgs struct {
	// Key is a file with armored keys, or env://NAME for an environment variable that has
	// them. The first secret key signs. Public keys beside it are keys that signed earlier.
	Key string
	// Passphrase is a file with the passphrase, or env://NAME; empty for a key without one. A
	// line feed at its end does not belong to it.
	Passphrase string
	// Env is os.Getenv.
	Env func(string) string
	// Now is the time at which the key has to be valid.
	Now time.Time
}

// A Key signs.
type Key struct {
	// Ring has the public parts of all keys that were loaded.
	Ring   Keyring
	entity *openpgp.Entity
	signer openpgp.Key
}

// ReadSecret returns the content of a file, or with env://NAME of an environment variable.
func ReadSecret(name string, env func(string) string) ([]byte, error) {
	variable, ok := strings.CutPrefix(name, inEnvironment)
	if !ok {
		return fileio.ReadLimited(name, maxKey)
	}
	value := env(variable)
	if value == "" {
		return nil, fmt.Errorf("the environment variable %s is not set: %w", variable, os.ErrNotExist)
	}
	return []byte(value), nil
}

// Load loads a key. A key that cannot sign at Now is an error.
func Load(a LoadArgs) (*Key, error) {
	data, err := ReadSecret(a.Key, a.Env)
	if err != nil {
		return nil, hint.With(fmt.Errorf("reading the signing key: %w", err), "pass an armored secret key: gpg --armor --export-secret-keys KEY")
	}
	all, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %q: %w", a.Key, err)
	}
	k := &Key{Ring: Keyring{all}}
	for _, e := range all {
		if e.PrivateKey != nil {
			k.entity = e
			break
		}
	}
	if k.entity == nil {
		err := fmt.Errorf("reading the signing key %q: got public keys only", a.Key)
		return nil, hint.With(err, "export the secret key: gpg --armor --export-secret-keys KEY")
	}
	if err := k.unlock(a); err != nil {
		return nil, fmt.Errorf("signing key %s in %q: %w", k.Fingerprint(), a.Key, err)
	}
	return k, nil
}

// unlock finds the key that signs, and decrypts it.
func (k *Key) unlock(a LoadArgs) error {
	self, _ := k.entity.PrimarySelfSignature()
	switch {
	case self != nil && k.entity.PrimaryKey.KeyExpired(self, a.Now):
		return hint.With(errors.New("it has expired"), "extend it, and export it again: gpg --quick-set-expire KEY 2y")
	case k.entity.Revoked(a.Now):
		return errors.New("it was revoked")
	}
	var ok bool
	if k.signer, ok = k.entity.SigningKey(a.Now); !ok {
		return errors.New("neither it nor a subkey of it can sign")
	}
	secret := k.signer.PrivateKey
	if secret == nil || secret.Dummy() {
		return fmt.Errorf("the secret part of %X, which signs, is not in it", k.signer.PublicKey.Fingerprint)
	}
	if !secret.Encrypted {
		return nil
	}
	if a.Passphrase == "" {
		return errors.New("it has a passphrase, and none was given")
	}
	passphrase, err := ReadSecret(a.Passphrase, a.Env)
	if err != nil {
		return fmt.Errorf("reading its passphrase: %w", err)
	}
	if err := secret.Decrypt(bytes.TrimRight(passphrase, "\r\n")); err != nil {
		return errors.New("the passphrase does not fit")
	}
	return nil
}

// Fingerprint returns the fingerprint of the primary key in upper-case hexadecimal.
func (k *Key) Fingerprint() string { return fingerprint(k.entity) }

func fingerprint(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }

// config is that of a signature made at a time. No signature can be older than its key:
// clients refuse such a signature, so it has the time of the key then.
func (k *Key) config(at time.Time) *packet.Config {
	self, _ := k.entity.PrimarySelfSignature()
	for _, t := range []time.Time{k.entity.PrimaryKey.CreationTime, self.CreationTime, k.signer.PublicKey.CreationTime, k.signer.SelfSignature.CreationTime} {
		if t.After(at) {
			at = t
		}
	}
	same := false
	return &packet.Config{
		Time: func() time.Time { return at }, DefaultHash: crypto.SHA512, SigningKeyId: k.signer.PublicKey.KeyId,
		NonDeterministicSignaturesViaNotation: &same,
	}
}

// ClearSign returns a text with its signature in it.
func (k *Key) ClearSign(text []byte, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, k.signer.PrivateKey, k.config(at))
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.Fingerprint(), err)
	}
	return append(b.Bytes(), '\n'), nil
}

// Sign returns an armored detached signature of data.
func (k *Key) Sign(data []byte, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	if err := openpgp.DetachSign(&b, k.entity, bytes.NewReader(data), k.config(at)); err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.Fingerprint(), err)
	}
	return armored(openpgp.SignatureType, b.Bytes())
}

// SignRSA returns a signature of data by the key's RSA numbers alone: PKCS #1 v1.5 with SHA-1,
// which is what clients of Alpine's indexes know. A key of another kind is an error.
func (k *Key) SignRSA(data []byte) ([]byte, error) {
	secret, ok := k.signer.PrivateKey.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		err := fmt.Errorf("signing with %s: it is not an RSA key", k.Fingerprint())
		return nil, hint.With(err, "make one: gpg --quick-gen-key 'NAME <ADDRESS>' rsa4096 sign")
	}
	sum := sha1.Sum(data)
	return rsa.SignPKCS1v15(nil, secret, crypto.SHA1, sum[:])
}

// PublicRSA returns the public part of the key that signs, in PEM.
func (k *Key) PublicRSA() ([]byte, error) {
	public, ok := k.signer.PublicKey.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key %s: it is not an RSA key", k.Fingerprint())
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

func armored(kind string, data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&b, kind, nil, true)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return append(b.Bytes(), '\n'), err
}

// parse reads all keys of armored blocks that follow each other, with text between them.
func parse(data []byte) (openpgp.EntityList, error) {
	var all openpgp.EntityList
	const begin = "-----BEGIN PGP "
	at := bytes.Index(data, []byte(begin))
	if at < 0 {
		return nil, errors.New("no armored OpenPGP key in it")
	}
	for _, part := range bytes.Split(data[at+len(begin):], []byte("\n"+begin)) {
		some, err := openpgp.ReadArmoredKeyRing(io.MultiReader(strings.NewReader(begin), bytes.NewReader(part)))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
