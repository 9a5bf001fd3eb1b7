package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// The types of the PEM blocks that a private key can be in.
const (
	sigstorePEM = string(cryptoutils.EncryptedSigstorePrivateKeyPEMType)
	cosignPEM   = "ENCRYPTED COSIGN PRIVATE KEY"
	pkcs8PEM    = string(cryptoutils.PrivateKeyPEMType)
	ecPEM       = string(cryptoutils.ECPrivateKeyPEMType)
	pkcs1PEM    = string(cryptoutils.PKCS1PrivateKeyPEMType)
)

const (
	envPrefix = "env://"
	// PasswordVariable is the environment variable with the password of a key.
	PasswordVariable = "COSIGN_PASSWORD"
)

// maxKey limits the size of a file with a key or a password, in bytes.
const maxKey = 64 << 10

// KeyArgs are the arguments of OpenKey.
type KeyArgs struct {
	// Ref is a file, env://NAME for a variable with the content of such a file, or the URI of
	// a key in a key management service, such as gcpkms://… or awskms://….
	Ref string
	// PasswordFile has the password of an encrypted key, and may end in a line feed. It is
	// empty for the one in COSIGN_PASSWORD.
	PasswordFile string
	// Env is os.Getenv.
	Env func(string) string
}

// A Key signs.
type Key struct {
	// Public verifies what the key signs.
	Public crypto.PublicKey
	// Random is true if two signatures of the same content differ. A key in a file gives
	// equal ones: ECDSA with the nonces of RFC 6979.
	Random bool

	sign func(ctx context.Context, message []byte) ([]byte, error)
}

// OpenKey opens the key that an argument or destinations.yaml names. The error for a key that
// cannot be used says why, without the key's content.
func OpenKey(ctx context.Context, a KeyArgs) (*Key, error) {
	var k *Key
	var err error
	switch name, inEnv := strings.CutPrefix(a.Ref, envPrefix); {
	case inEnv:
		content := a.Env(name)
		if content == "" {
			err = hint.With(fmt.Errorf("the environment variable %q is not set", name), "set it to the content of a private key's file")
			break
		}
		k, err = a.parse([]byte(content))
	case strings.Contains(a.Ref, "://"):
		k, err = openKMS(ctx, a.Ref)
	default:
		var content []byte
		if content, err = fileio.ReadLimited(a.Ref, maxKey); err == nil {
			k, err = a.parse(content)
		}
	}
	if err == nil {
		err = usable(k.Public)
	}
	if err != nil {
		return nil, fmt.Errorf("opening signing key %q: %w", a.Ref, err)
	}
	return k, nil
}

// parse parses the content of a file with a private key.
func (a *KeyArgs) parse(content []byte) (*Key, error) {
	block, rest := pem.Decode(content)
	if block == nil {
		return nil, hint.With(errors.New("got no PEM block, want a private key"), "cosign generate-key-pair makes one")
	}
	if extra, _ := pem.Decode(rest); extra != nil && block.Type != "EC PARAMETERS" {
		return nil, fmt.Errorf("got PEM blocks %q and %q, want one", block.Type, extra.Type)
	} else if extra != nil {
		block = extra // openssl ecparam writes the parameters first
	}
	var private any
	var err error
	switch block.Type {
	case sigstorePEM, cosignPEM:
		private, err = a.decrypt(block.Bytes)
	case pkcs8PEM:
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case ecPEM:
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case pkcs1PEM:
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		err = hint.With(fmt.Errorf("got a %s, want a private key", strings.ToLower(block.Type)), "cosign generate-key-pair writes the private key to cosign.key")
	case "ENCRYPTED PRIVATE KEY":
		err = hint.With(fmt.Errorf("got a PEM block %q", block.Type), "cosign import-key-pair makes a key of it that can be used")
	default:
		err = fmt.Errorf("got a PEM block %q, want a private key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("got a key of type %T, which cannot sign", private)
	}
	return &Key{Public: signer.Public(), sign: func(_ context.Context, message []byte) ([]byte, error) {
		h := crypto.SHA256
		if _, whole := signer.Public().(ed25519.PublicKey); whole {
			h = 0
		} else {
			sum := sha256.Sum256(message)
			message = sum[:]
		}
		return signer.Sign(nil, message, h) // without randomness: see Key.Random
	}}, nil
}

// decrypt decrypts a key of cosign's.
func (a *KeyArgs) decrypt(data []byte) (any, error) {
	password := []byte(a.Env(PasswordVariable))
	if a.PasswordFile != "" {
		content, err := fileio.ReadLimited(a.PasswordFile, maxKey)
		if err != nil {
			return nil, fmt.Errorf("reading its password: %w", err)
		}
		password = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	}
	der, err := encrypted.Decrypt(data, password)
	switch {
	case err == nil:
		return x509.ParsePKCS8PrivateKey(der)
	case len(password) == 0:
		return nil, hint.With(errors.New("it is encrypted, and there is no password"), "set %s, or pass --cosignpassword FILE", PasswordVariable)
	}
	from := PasswordVariable
	if a.PasswordFile != "" {
		from = a.PasswordFile
	}
	return nil, hint.With(errors.New("decrypting it: wrong password, or altered"), "the password came from %s", from)
}

// openKMS opens a key in a key management service: of a provider that the program was linked
// with, or of a program sigstore-kms-NAME.
func openKMS(ctx context.Context, ref string) (*Key, error) {
	service, err := kms.Get(ctx, ref, crypto.SHA256)
	var unknown *kms.ProviderNotFoundError
	if errors.As(err, &unknown) {
		scheme, _, _ := strings.Cut(ref, "://")
		return nil, hint.With(fmt.Errorf("no key management service is known by %q", scheme+"://"),
			"use a file, env://NAME, gcpkms://… or awskms://…, or install the program sigstore-kms-%s", scheme)
	}
	if err != nil {
		return nil, err
	}
	public, err := service.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return &Key{Public: public, Random: true, sign: func(ctx context.Context, message []byte) ([]byte, error) {
		sig, err := service.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
		if err == nil && verify(public, sig, message) != nil {
			err = hint.With(errors.New("the service made a signature that cosign does not verify with the public key"),
				"use a key for ECDSA on P-256, or for RSA with PKCS #1 v1.5, with SHA-256")
		}
		return sig, err
	}}, nil
}

// ReadPublicKey reads a public key from a PEM file, as cosign writes it.
func ReadPublicKey(name string) (crypto.PublicKey, error) {
	content, err := fileio.ReadLimited(name, maxKey)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(content)
	if err == nil {
		err = usable(public)
	} else if block, _ := pem.Decode(content); block != nil && strings.Contains(block.Type, "PRIVATE") {
		err = hint.With(errors.New("got a private key"), "cosign generate-key-pair writes the public key to cosign.pub")
	}
	if err != nil {
		return nil, fmt.Errorf("reading public key %q: %w", name, err)
	}
	return public, nil
}

// usable checks that cosign verifies signatures by a key: with --key it takes SHA-256 for ECDSA
// and for RSA, there with PKCS #1 v1.5, and Ed25519 over the content itself.
func usable(public crypto.PublicKey) error {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return nil
		}
		return fmt.Errorf("got an ECDSA key on the curve %s, want P-256, P-384 or P-521", k.Params().Name)
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return nil
		}
		return fmt.Errorf("got an RSA key of %d bits, want at least 2048", k.N.BitLen())
	}
	return fmt.Errorf("got a key of type %T, want ECDSA, RSA or Ed25519", public)
}
