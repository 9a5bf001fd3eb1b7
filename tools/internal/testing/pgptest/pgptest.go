// Package pgptest makes OpenPGP keys for tests.
package pgptest

import (
	"bytes"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Args describe a key.
type Args struct {
	Created  time.Time
	Lifetime time.Duration // zero for one that does not expire
	// Algorithm is that of its keys; zero for Ed25519.
	Algorithm  packet.PublicKeyAlgorithm
	Passphrase string
}

// Secret returns an armored secret key.
func Secret(tb testing.TB, a Args) string {
	tb.Helper()
	if a.Algorithm == 0 {
		a.Algorithm = packet.PubKeyAlgoEdDSA
	}
	config := &packet.Config{
		Algorithm: a.Algorithm, RSABits: 2048, Time: func() time.Time { return a.Created }, KeyLifetimeSecs: uint32(a.Lifetime.Seconds()),
	}
	e, err := openpgp.NewEntity("Demo", "", "demo@example.com", config)
	check(tb, err)
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	check(tb, err)
	if a.Passphrase != "" {
		check(tb, e.EncryptPrivateKeys([]byte(a.Passphrase), config))
		check(tb, e.SerializePrivateWithoutSigning(w, config))
	} else {
		check(tb, e.SerializePrivate(w, config))
	}
	check(tb, w.Close())
	return b.String() + "\n"
}

// Public returns the public part of an armored secret key.
func Public(tb testing.TB, secret string) string {
	tb.Helper()
	all, err := openpgp.ReadArmoredKeyRing(bytes.NewReader([]byte(secret)))
	check(tb, err)
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	check(tb, err)
	for _, e := range all {
		check(tb, e.Serialize(w))
	}
	check(tb, w.Close())
	return b.String() + "\n"
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
