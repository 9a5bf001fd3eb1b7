package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	// BundleType is the media type of a sigstore bundle
	// (https://docs.sigstore.dev/about/bundle/).
	BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// StatementType is the media type of an in-toto Statement, the payload of an envelope.
	StatementType = "application/vnd.in-toto+json"
	// SignPredicate is the type of the statement by which cosign signs an image.
	SignPredicate = "https://sigstore.dev/cosign/sign/v1"
)

// SignBlob returns a bundle with a signature of content.
func (k *Key) SignBlob(ctx context.Context, content []byte) ([]byte, error) {
	sig, err := k.sign(ctx, content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	return k.marshal(&protobundle.Bundle{Content: &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
		MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]}, Signature: sig,
	}}})
}

// SignStatement returns a bundle with an in-toto Statement in a signed DSSE envelope
// (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md).
func (k *Key) SignStatement(ctx context.Context, statement []byte) ([]byte, error) {
	sig, err := k.sign(ctx, dsse.PAE(StatementType, statement))
	if err != nil {
		return nil, err
	}
	return k.marshal(&protobundle.Bundle{Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
		PayloadType: StatementType, Payload: statement, Signatures: []*protodsse.Signature{{Sig: sig}},
	}}})
}

// marshal adds the media type and the hint at the key. Equal bundles give equal bytes:
// protojson's white space varies from program to program.
func (k *Key) marshal(b *protobundle.Bundle) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	b.MediaType = BundleType
	b.VerificationMaterial = &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{
		PublicKey: &protocommon.PublicKeyIdentifier{Hint: base64.StdEncoding.EncodeToString(sum[:])},
	}}
	data, err := protojson.Marshal(b)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, data)
	return compact.Bytes(), err
}

func parse(bundle []byte) (*protobundle.Bundle, error) {
	b := new(protobundle.Bundle)
	if err := protojson.Unmarshal(bundle, b); err != nil {
		return nil, errors.New("got no sigstore bundle") // the cause varies from program to program
	}
	if b.GetMediaType() != BundleType {
		return nil, fmt.Errorf("bundle: got media type %.100q, want %q", b.GetMediaType(), BundleType)
	}
	return b, nil
}

// VerifyBlob checks that a bundle has a signature of content. If public is nil it only checks
// that the bundle is about content, whoever signed it.
func VerifyBlob(public crypto.PublicKey, bundle, content []byte) error {
	b, err := parse(bundle)
	if err != nil {
		return err
	}
	m := b.GetMessageSignature()
	if m == nil {
		return errors.New("bundle: got an envelope, want a signature of a blob")
	}
	if alg := m.GetMessageDigest().GetAlgorithm(); alg != protocommon.HashAlgorithm_SHA2_256 {
		return fmt.Errorf("bundle: got hash algorithm %v, want %v", alg, protocommon.HashAlgorithm_SHA2_256)
	}
	if got, want := m.GetMessageDigest().GetDigest(), sha256.Sum256(content); !bytes.Equal(got, want[:]) {
		return fmt.Errorf("bundle: it signs %.64x, want %x", got, want)
	}
	return verify(public, m.GetSignature(), content)
}

// VerifyStatement is VerifyBlob for an in-toto Statement in an envelope.
func VerifyStatement(public crypto.PublicKey, bundle, statement []byte) error {
	b, err := parse(bundle)
	if err != nil {
		return err
	}
	e := b.GetDsseEnvelope()
	switch {
	case e == nil:
		return errors.New("bundle: got a signature of a blob, want an envelope")
	case e.GetPayloadType() != StatementType:
		return fmt.Errorf("bundle: got payload type %.100q, want %q", e.GetPayloadType(), StatementType)
	case !bytes.Equal(e.GetPayload(), statement):
		return fmt.Errorf("bundle: it signs a statement with sha256 %x, want %x", sha256.Sum256(e.GetPayload()), sha256.Sum256(statement))
	case len(e.GetSignatures()) != 1:
		return fmt.Errorf("bundle: got %d signatures, want 1", len(e.GetSignatures()))
	}
	return verify(public, e.GetSignatures()[0].GetSig(), dsse.PAE(StatementType, statement))
}

// verify checks a signature of a message. Without a public key there is nothing to check.
func verify(public crypto.PublicKey, sig, message []byte) error {
	if public == nil {
		return nil
	}
	v, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return err
	}
	if v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(message)) != nil {
		return errors.New("bundle: the signature is not by this key")
	}
	return nil
}
