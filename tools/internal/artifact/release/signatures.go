package release

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// Provenance is the path in a release of its provenance, an in-toto Statement.
const Provenance = "provenance.intoto.json"

const (
	// SignatureSuffix ends the path of every signature: the path of a signed file and the
	// suffix, or the result of [ImageSignature].
	SignatureSuffix = ".sigstore.json"
	// signatureDir has the signatures of images.
	signatureDir = "signatures/"
)

// ImageSignature returns the path of the signature of an image's index or manifest.
func ImageSignature(image string, d digest.Digest) string {
	return signatureDir + image + "/sha256-" + d.Hex() + SignatureSuffix
}

// ParseImageSignature is the inverse of [ImageSignature].
func ParseImageSignature(path string) (image string, d digest.Digest, ok bool) {
	rest, ok := strings.CutPrefix(path, signatureDir)
	rest, suffix := strings.CutSuffix(rest, SignatureSuffix)
	at := strings.LastIndex(rest, "/sha256-")
	if !ok || !suffix || at <= 0 {
		return "", "", false
	}
	d, err := digest.Parse("sha256:" + rest[at+len("/sha256-"):])
	return rest[:at], d, err == nil
}

// IsSignature reports whether a path can be that of a release's signature.
func IsSignature(path string) bool {
	_, _, image := ParseImageSignature(path)
	return image || path == Checksums+SignatureSuffix || path == Provenance+SignatureSuffix
}

// Signatures returns the signatures that are published with the release, sorted by path. They
// are sigstore bundles. SHA256SUMS does not list them: they are made after the release, and
// are not a part of what a build reproduces.
func (t *Tree) Signatures() []File {
	var files []File
	for _, path := range slices.Sorted(maps.Keys(t.signatures)) {
		data := t.signatures[path]
		files = append(files, File{Path: path, Digest: digest.FromBytes(data), Size: int64(len(data))})
	}
	return files
}

// Signature returns the signature at a path, or nil.
func (t *Tree) Signature(path string) []byte { return t.signatures[path] }

// WithSignatures returns the release with signatures, by path, in place of those it has.
func (t *Tree) WithSignatures(all map[string][]byte) *Tree {
	signed := *t
	signed.signatures = maps.Clone(all)
	return &signed
}

// Published returns the files and the signatures, sorted by path.
func (t *Tree) Published() []File {
	all := append(slices.Clone(t.Files), t.Signatures()...)
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// readSignatures reads the signatures beside the files, and removes them from sizes. A
// signature of something that is not in the release stays there.
func (t *Tree) readSignatures(ctx context.Context, sizes map[string]int64) error {
	images := t.Images()
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(sizes)) {
		image, _, ofImage := ParseImageSignature(path)
		_, ofFile := t.Find(strings.TrimSuffix(path, SignatureSuffix))
		if !IsSignature(path) || ofImage && !slices.Contains(images, image) || !ofImage && !ofFile {
			continue
		}
		if _, listed := t.Find(path); listed {
			continue
		}
		data, err := readAll(ctx, t.source, path)
		errs = append(errs, err)
		if t.signatures == nil {
			t.signatures = map[string][]byte{}
		}
		t.signatures[path] = data
		delete(sizes, path)
	}
	return errors.Join(errs...)
}
