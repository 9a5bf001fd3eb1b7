// Package layout reads and writes OCI image layouts
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md):
//
//	oci-layout             the version of the format
//	index.json             the manifests, with or without a tag
//	blobs/sha256/<hex>     indexes, manifests, configs and layers
//
// To write images after a build, use [Write]. To copy blobs from another layout, use
// [Path.Link] and then [Path.WriteIndex]. To change index.json, use [Path.Add] and
// [Path.Drop] if other processes may do the same, otherwise [Path.Index] and
// [Path.WriteIndex].
//
// To read a directory, use [Path.Manifests] and [Path.Read]. If the layout is in
// something else, such as a release, its files are at [IndexFile] and [Blob], and
// [ParseIndex] and [Parse] parse them.
//
// Input is not trusted: sizes are limited, and digests are compared.
package layout

import (
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// The files of a layout, apart from its blobs.
const (
	IndexFile  = "index.json"
	MarkerFile = "oci-layout"
)

// RefName is the annotation in index.json that has a manifest's tag.
const RefName = "org.opencontainers.image.ref.name"

// TagOf returns the tag for a version. Tags cannot have a plus sign; Helm replaces it by _
// (https://helm.sh/docs/topics/registries/).
func TagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// Limits on a layout that is read.
const (
	MaxManifestSize = 4 << 20 // bytes; a registry must accept as many: distribution-spec v1.1, push
	MaxConfigSize   = 8 << 20 // bytes
	MaxDescriptors  = 1_000   // manifests in an index, or layers in a manifest
)

const version = "1.0.0"

// Marker is the content of oci-layout.
const Marker = "{\n  \"imageLayoutVersion\": \"" + version + "\"\n}\n"

// Blob returns the slash-separated path in a layout of the blob with the digest.
func Blob(d digest.Digest) string { return path.Join("blobs", "sha256", d.Hex()) }

// Hash converts d to go-containerregistry's type.
func Hash(d digest.Digest) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: d.Hex()} }

// DigestOf returns the digest of a descriptor. It does not check the algorithm.
func DigestOf(desc v1.Descriptor) digest.Digest { return digest.Digest(desc.Digest.String()) }

// A Path is the directory of a layout.
type Path string

// Blob returns the path of the blob with the digest, whether or not it exists.
func (p Path) Blob(d digest.Digest) string {
	return filepath.Join(string(p), filepath.FromSlash(Blob(d)))
}

// SplitVariant returns an image's name without its variant, and the suffix of the variant's
// tags. The name in the layout, ref, is that of the release's version, or that with a suffix.
func SplitVariant(name, ref, version string) (image, suffix string) {
	suffix, ok := strings.CutPrefix(ref, version)
	image, has := strings.CutSuffix(name, suffix)
	if !ok || !has || image == "" || !strings.HasPrefix(suffix, "-") {
		return name, ""
	}
	return image, suffix
}
