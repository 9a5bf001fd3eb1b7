package ociimage

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// The limits on what is read of a layout from outside.
const (
	maxManifestSize = 4 << 20 // bytes; what a registry must accept: distribution-spec v1.1, push
	maxConfigSize   = 8 << 20 // bytes
	maxManifests    = 1_000   // manifests below index.json, each time that one is named
	maxIndexDepth   = 8       // an index in an index in …
	maxLayers       = 512     // of an image
)

// Open reads the OCI image layout in dir (image-spec v1.1, image-layout.md) and
// returns its index.json. What hangs below is read when it is asked for, and
// each blob is compared with the size and SHA-256 of its descriptor; a layer
// returns the error from Read, at the latest where the end of file would be.
//
// Links in dir are followed, also out of it: Bazel's sandbox is made of them,
// and it is the digest that says whether the content is the right one.
func Open(dir string) (v1.ImageIndex, error) {
	var m marker
	data, err := fileio.ReadLimited(filepath.Join(dir, markerFile), maxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: %w", dir, err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading layout %q: parsing %s: %w", dir, markerFile, err)
	}
	if m.ImageLayoutVersion != layoutVersion {
		return nil, fmt.Errorf("reading layout %q: %s: imageLayoutVersion is %q, want %q", dir, markerFile, m.ImageLayoutVersion, layoutVersion)
	}
	data, err = fileio.ReadLimited(filepath.Join(dir, indexFile), maxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: %w", dir, err)
	}
	idx, err := newLayoutIndex(layoutDir(dir), types.OCIImageIndex, data)
	if err != nil {
		return nil, fmt.Errorf("reading layout %q: parsing %s: %w", dir, indexFile, err)
	}
	return idx, nil
}

// layoutDir is the directory of a layout.
type layoutDir string

// bytes returns the content that desc describes, of at most limit bytes.
func (l layoutDir) bytes(desc v1.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, fmt.Errorf("reading blob %s: size is %d bytes, want at most %d", desc.Digest, desc.Size, limit)
	}
	r, err := l.open(desc)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// open returns a reader for the content that desc describes.
func (l layoutDir) open(desc v1.Descriptor) (io.ReadCloser, error) {
	if desc.Digest.Algorithm != "sha256" {
		return nil, fmt.Errorf("reading blob %s: algorithm is %q, want sha256", desc.Digest, desc.Digest.Algorithm)
	}
	// The digest of a parsed descriptor is hexadecimal; one made by hand may not be.
	if _, err := v1.NewHash(desc.Digest.String()); err != nil {
		return nil, fmt.Errorf("reading blob %q: %w", desc.Digest, err)
	}
	name := blobPath(string(l), desc.Digest)
	info, err := os.Stat(name) // before open: to open a named pipe waits for its writer
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading blob: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading blob %q: found %s, want a regular file", name, info.Mode().Type())
	case info.Size() != desc.Size:
		return nil, fmt.Errorf("reading blob %q: size: got %d bytes, want %d", name, info.Size(), desc.Size)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading blob: %w", err)
	}
	return &verifier{f: f, hash: sha256.New(), desc: desc}, nil
}

// A verifier reads a blob and compares it with its descriptor at its end.
type verifier struct {
	f    *os.File
	hash hash.Hash
	n    int64
	desc v1.Descriptor
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.hash.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.desc.Size || err == io.EOF && v.n != v.desc.Size:
		return 0, fmt.Errorf("reading blob %q: size: got %d bytes, want %d", v.f.Name(), v.n, v.desc.Size)
	case err == io.EOF:
		if got := v1Hash(digest.FromSum(v.hash.Sum(nil))); got != v.desc.Digest {
			return 0, fmt.Errorf("reading blob %q: digest: got %s, want %s", v.f.Name(), got, v.desc.Digest)
		}
	}
	return n, err
}

func (v *verifier) Close() error { return v.f.Close() }

// A layoutIndex is an index in a layout.
type layoutIndex struct {
	dir       layoutDir
	mediaType types.MediaType
	raw       []byte
	manifest  v1.IndexManifest
}

var _ v1.ImageIndex = (*layoutIndex)(nil)

// newLayoutIndex parses raw. It accepts unknown fields, as the specification
// asks for, but nothing behind the document.
func newLayoutIndex(dir layoutDir, mediaType types.MediaType, raw []byte) (*layoutIndex, error) {
	idx := &layoutIndex{dir: dir, mediaType: mediaType, raw: raw}
	if err := json.Unmarshal(raw, &idx.manifest); err != nil {
		return nil, err
	}
	if v := idx.manifest.SchemaVersion; v != 2 {
		return nil, fmt.Errorf("schemaVersion is %d, want 2", v)
	}
	if mt := idx.manifest.MediaType; mt != "" && mt != mediaType {
		return nil, fmt.Errorf("mediaType is %q, want %q", mt, mediaType)
	}
	return idx, nil
}

func (i *layoutIndex) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *layoutIndex) Digest() (v1.Hash, error)            { return partial.Digest(i) }
func (i *layoutIndex) Size() (int64, error)                { return int64(len(i.raw)), nil }
func (i *layoutIndex) RawManifest() ([]byte, error)        { return i.raw, nil }

func (i *layoutIndex) IndexManifest() (*v1.IndexManifest, error) {
	return i.manifest.DeepCopy(), nil
}

func (i *layoutIndex) find(h v1.Hash) (v1.Descriptor, error) {
	for _, desc := range i.manifest.Manifests {
		if desc.Digest == h {
			return desc, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("finding manifest %s: index has none", h)
}

// Image returns the image with the digest h of its manifest.
func (i *layoutIndex) Image(h v1.Hash) (v1.Image, error) {
	desc, err := i.find(h)
	if err != nil {
		return nil, err
	}
	if !desc.MediaType.IsImage() {
		return nil, fmt.Errorf("reading image %s: mediaType is %q, want an image manifest", h, desc.MediaType)
	}
	raw, err := i.dir.bytes(desc, maxManifestSize)
	if err != nil {
		return nil, err
	}
	img := &layoutImage{dir: i.dir, desc: desc, raw: raw}
	if err := json.Unmarshal(raw, &img.manifest); err != nil {
		return nil, fmt.Errorf("parsing manifest %s: %w", h, err)
	}
	if mt := img.manifest.MediaType; mt != "" && mt != desc.MediaType {
		return nil, fmt.Errorf("parsing manifest %s: mediaType is %q, want %q", h, mt, desc.MediaType)
	}
	if n := len(img.manifest.Layers); n > maxLayers {
		return nil, fmt.Errorf("parsing manifest %s: image has %d layers, want at most %d", h, n, maxLayers)
	}
	return partial.CompressedToImage(img)
}

// ImageIndex returns the index with the digest h.
func (i *layoutIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	desc, err := i.find(h)
	if err != nil {
		return nil, err
	}
	if !desc.MediaType.IsIndex() {
		return nil, fmt.Errorf("reading index %s: mediaType is %q, want an index", h, desc.MediaType)
	}
	raw, err := i.dir.bytes(desc, maxManifestSize)
	if err != nil {
		return nil, err
	}
	idx, err := newLayoutIndex(i.dir, desc.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("parsing index %s: %w", h, err)
	}
	return idx, nil
}

// A layoutImage is an image in a layout.
type layoutImage struct {
	dir      layoutDir
	desc     v1.Descriptor
	raw      []byte
	manifest v1.Manifest
}

var _ partial.CompressedImageCore = (*layoutImage)(nil)

func (i *layoutImage) MediaType() (types.MediaType, error) { return i.desc.MediaType, nil }
func (i *layoutImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *layoutImage) Manifest() (*v1.Manifest, error)     { return i.manifest.DeepCopy(), nil }
func (i *layoutImage) Descriptor() (*v1.Descriptor, error) { return i.desc.DeepCopy(), nil }
func (i *layoutImage) RawConfigFile() ([]byte, error) {
	return i.dir.bytes(i.manifest.Config, maxConfigSize)
}

func (i *layoutImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if h == i.manifest.Config.Digest {
		return &layoutBlob{i.dir, i.manifest.Config}, nil
	}
	for _, desc := range i.manifest.Layers {
		if desc.Digest == h {
			return &layoutBlob{i.dir, desc}, nil
		}
	}
	return nil, fmt.Errorf("finding layer %s: image %s has none", h, i.desc.Digest)
}

// A layoutBlob is a layer, or what an artifact has in place of one.
type layoutBlob struct {
	dir  layoutDir
	desc v1.Descriptor
}

func (b *layoutBlob) Digest() (v1.Hash, error)            { return b.desc.Digest, nil }
func (b *layoutBlob) Size() (int64, error)                { return b.desc.Size, nil }
func (b *layoutBlob) MediaType() (types.MediaType, error) { return b.desc.MediaType, nil }
func (b *layoutBlob) Descriptor() (*v1.Descriptor, error) { return b.desc.DeepCopy(), nil }
func (b *layoutBlob) Compressed() (io.ReadCloser, error)  { return b.dir.open(b.desc) }

// Each calls visit for each image below idx, in order. The number of manifests and the
// depth are limited.
func Each(idx v1.ImageIndex, visit func(v1.Descriptor, *v1.Manifest)) error {
	return walk(idx, func(n node) error {
		if n.image == nil {
			return nil
		}
		m, err := n.image.Manifest()
		if err == nil {
			visit(n.desc, m)
		}
		return err
	})
}

// A node is a manifest that walk finds.
type node struct {
	depth int // 0 directly below the index that walk was given
	desc  v1.Descriptor
	image v1.Image      // nil if desc is no image
	index v1.ImageIndex // nil if desc is no index
}

// walk calls visit for each manifest below idx, in order, the children of an
// index behind it. A manifest of another kind has neither image nor index. The
// number of manifests and the depth are limited.
func walk(idx v1.ImageIndex, visit func(node) error) error {
	left := maxManifests
	var down func(v1.ImageIndex, int) error
	down = func(idx v1.ImageIndex, depth int) error {
		if depth >= maxIndexDepth {
			return fmt.Errorf("reading index: more than %d levels of indexes", maxIndexDepth)
		}
		im, err := idx.IndexManifest()
		if err != nil {
			return err
		}
		for _, desc := range im.Manifests {
			if left--; left < 0 {
				return fmt.Errorf("reading index: more than %d manifests", maxManifests)
			}
			n := node{depth: depth, desc: desc}
			switch {
			case desc.MediaType.IsImage():
				n.image, err = idx.Image(desc.Digest)
			case desc.MediaType.IsIndex():
				n.index, err = idx.ImageIndex(desc.Digest)
			}
			if err != nil {
				return err
			}
			if err := visit(n); err != nil {
				return err
			}
			if n.index != nil {
				if err := down(n.index, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return down(idx, 0)
}
