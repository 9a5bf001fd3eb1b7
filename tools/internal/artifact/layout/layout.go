// Package layout reads and writes OCI image layouts
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md):
//
//	oci-layout             the version of the form
//	index.json             what the layout is there for: manifests, with or without a tag
//	blobs/sha256/<hex>     indexes, manifests, configs and layers
//
// To write the images that were built, use [Write]. To copy blobs out of another layout,
// use [Path.Link] and then [Path.WriteIndex]. To change what a layout points to, use
// [Path.Add] and [Path.Drop] where other processes may do the same, or else
// [Path.Index] and [Path.WriteIndex].
//
// To read a directory that came from anywhere, use [Path.Manifests] and [Path.Read].
// A layout that is in something else than a directory, such as a release, has its
// files at [IndexFile] and [Blob], which [ParseIndex] and [Parse] parse.
//
// What is read is not trusted: sizes are limited, and digests are compared.
package layout

import (
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// The files of a layout beside its blobs.
const (
	IndexFile  = "index.json"
	MarkerFile = "oci-layout"
)

// RefName is the annotation that has the tag of a manifest in index.json.
const RefName = "org.opencontainers.image.ref.name"

// The limits on what is read of a layout.
const (
	MaxManifestSize = 4 << 20 // bytes; what a registry must accept: distribution-spec v1.1, push
	MaxConfigSize   = 8 << 20 // bytes
	MaxDescriptors  = 1_000   // of manifests in an index, or of layers in a manifest
)

const version = "1.0.0"

// Marker is the content of oci-layout.
const Marker = "{\n  \"imageLayoutVersion\": \"" + version + "\"\n}\n"

// Blob returns the slash-separated path in a layout of what has the digest.
func Blob(d digest.Digest) string { return path.Join("blobs", "sha256", d.Hex()) }

// Hash returns d as go-containerregistry has digests.
func Hash(d digest.Digest) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: d.Hex()} }

// DigestOf returns the digest that a descriptor has, whatever its algorithm is.
func DigestOf(desc v1.Descriptor) digest.Digest { return digest.Digest(desc.Digest.String()) }

// A Path is the directory of a layout.
type Path string

// Blob returns where the file with the digest is, or would be.
func (p Path) Blob(d digest.Digest) string {
	return filepath.Join(string(p), filepath.FromSlash(Blob(d)))
}
