// Package signing signs releases, and verifies signatures. A signature is a sigstore bundle
// v0.3 (https://github.com/sigstore/protobuf-specs) by a key, without a transparency log, so
// that cosign verifies it offline.
//
// Signed are SHA256SUMS, and with it every file; the provenance, as a statement in an
// envelope; and each index and manifest of each image, as cosign signs images. What is signed
// follows from the release. Signatures do not: they are made when a release is published.
package signing

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A Subject is something in a release that is signed.
type Subject struct {
	// Path is that of the signature.
	Path string
	// Statement means that the content is an in-toto Statement, to be signed in an envelope.
	Statement bool
	content   []byte
}

// Subjects returns what is signed of a release, sorted by kind and name.
func Subjects(ctx context.Context, tree *release.Tree) ([]Subject, error) {
	sums, err := tree.ReadFile(ctx, release.Checksums)
	if err != nil {
		return nil, err
	}
	all := []Subject{{Path: release.Checksums + release.SignatureSuffix, content: sums}}
	if _, ok := tree.Find(release.Provenance); ok {
		provenance, err := tree.ReadFile(ctx, release.Provenance)
		if err != nil {
			return nil, err
		}
		all = append(all, Subject{Path: release.Provenance + release.SignatureSuffix, Statement: true, content: provenance})
	}
	for _, image := range tree.Images() {
		digests, err := manifests(ctx, tree, image)
		if err != nil {
			return nil, fmt.Errorf("image %q: %w", image, err)
		}
		for _, d := range digests {
			statement, err := imageStatement(d)
			if err != nil {
				return nil, err
			}
			all = append(all, Subject{Path: release.ImageSignature(image, d), Statement: true, content: statement})
		}
	}
	return all, nil
}

// manifests returns the digests of an image's index and of everything in it, in the order of
// the index. What has a subject is not a part of the image.
func manifests(ctx context.Context, tree *release.Tree, image string) ([]digest.Digest, error) {
	dir := "images/" + image + "/"
	raw, err := tree.ReadFile(ctx, dir+layout.IndexFile)
	if err != nil {
		return nil, err
	}
	top, err := layout.Parse(raw)
	if err != nil {
		return nil, err
	}
	var all []digest.Digest
	seen := map[digest.Digest]bool{}
	var add func(descs []v1.Descriptor) error
	add = func(descs []v1.Descriptor) error {
		for _, desc := range descs {
			d, err := digest.Parse(desc.Digest.String())
			if err != nil {
				return err
			}
			if seen[d] {
				continue
			}
			seen[d] = true
			raw, err := tree.ReadFile(ctx, dir+layout.Blob(d))
			if err != nil {
				return err
			}
			doc, err := layout.Parse(raw)
			if err != nil || doc.Subject != nil {
				return err
			}
			all = append(all, d)
			if err := add(doc.Manifests); err != nil {
				return err
			}
		}
		return nil
	}
	return all, add(top.Manifests)
}

// imageStatement returns the statement that cosign signs for an image.
func imageStatement(d digest.Digest) ([]byte, error) {
	type subject struct {
		Digest map[string]string `json:"digest"`
	}
	return json.Marshal(struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     struct{}  `json:"predicate"`
	}{Type: "https://in-toto.io/Statement/v1", Subject: []subject{{map[string]string{"sha256": d.Hex()}}}, PredicateType: SignPredicate})
}

// Verify checks that a bundle is a signature of the subject; see [VerifyBlob].
func (s *Subject) Verify(public crypto.PublicKey, bundle []byte) error {
	check := VerifyBlob
	if s.Statement {
		check = VerifyStatement
	}
	if err := check(public, bundle, s.content); err != nil {
		return fmt.Errorf("signature %q: %w", s.Path, err)
	}
	return nil
}

func (s *Subject) sign(ctx context.Context, k *Key) ([]byte, error) {
	sign := k.SignBlob
	if s.Statement {
		sign = k.SignStatement
	}
	bundle, err := sign(ctx, s.content)
	if err != nil {
		return nil, fmt.Errorf("making signature %q: %w", s.Path, err)
	}
	return bundle, nil
}

// Find returns the signatures at a path that exist already; nil for none.
type Find func(ctx context.Context, path string) ([][]byte, error)

// Sign returns the release with a signature of each subject. Those that it has, and those that
// find finds, are kept if they are by the key, so that there is one signature wherever the
// release is published, and whenever. A key whose signatures are not random makes the same one
// again, and find is not called.
func Sign(ctx context.Context, tree *release.Tree, k *Key, find Find) (*release.Tree, error) {
	subjects, err := Subjects(ctx, tree)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, s := range subjects {
		bundle, err := s.kept(ctx, k, tree.Signature(s.Path), find)
		if err == nil && bundle == nil {
			bundle, err = s.sign(ctx, k)
		}
		if err != nil {
			return nil, err
		}
		all[s.Path] = bundle
	}
	return tree.WithSignatures(all), nil
}

// kept returns the signature to keep, or nil.
func (s *Subject) kept(ctx context.Context, k *Key, own []byte, find Find) ([]byte, error) {
	if own != nil && s.Verify(k.Public, own) == nil {
		return own, nil
	}
	if !k.Random || find == nil {
		return nil, nil
	}
	found, err := find(ctx, s.Path)
	for _, bundle := range found {
		if s.Verify(k.Public, bundle) == nil {
			return bundle, nil
		}
	}
	return nil, err
}

// Check checks the signatures that a release has: each is about its subject, and with a public
// key by that. If there are any, each subject has to have one. The error joins one for each
// difference; it wraps fs.ErrNotExist if there are none.
func Check(ctx context.Context, tree *release.Tree, public crypto.PublicKey) error {
	if len(tree.Signatures()) == 0 {
		return fmt.Errorf("the release has no signatures: %w", fs.ErrNotExist)
	}
	subjects, err := Subjects(ctx, tree)
	errs := []error{err}
	known := map[string]bool{}
	for _, s := range subjects {
		known[s.Path] = true
		if bundle := tree.Signature(s.Path); bundle == nil {
			errs = append(errs, fmt.Errorf("signature %q: got none, want one", s.Path))
		} else {
			errs = append(errs, s.Verify(public, bundle))
		}
	}
	for _, f := range tree.Signatures() {
		if err == nil && !known[f.Path] {
			errs = append(errs, fmt.Errorf("signature %q: the release has nothing that it could sign", f.Path))
		}
	}
	return errors.Join(errs...)
}
