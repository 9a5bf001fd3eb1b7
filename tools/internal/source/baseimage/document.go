package baseimage

import (
	"errors"
	"fmt"
	"mime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Limits on a base.
const (
	maxManifestSize = layout.MaxManifestSize
	maxConfigSize   = layout.MaxConfigSize
	maxLayers       = 512
	maxLayerSize    = 16 << 30 // bytes
)

// acceptable are the media types of a base.
var acceptable = []types.MediaType{types.OCIImageIndex, types.DockerManifestList, types.OCIManifestSchema1, types.DockerManifestSchema2}

// A document is an index or an image manifest. Exactly one of index and manifest
// is set.
type document struct {
	desc     v1.Descriptor // media type, size and digest
	raw      []byte
	index    *layout.Document
	manifest *layout.Document
}

// parseDocument parses raw. The media type is the one in the document, or otherwise said. If
// both are set they must be equal (CVE-2021-41190: the same bytes must not be an index for
// one reader and an image for another).
func parseDocument(raw []byte, said types.MediaType) (*document, error) {
	head, err := layout.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing manifest: %w", err)
	}
	said = knownMediaType(said)
	mediaType := head.MediaType
	switch {
	case head.SchemaVersion == 1 || mediaType.IsSchema1() || said.IsSchema1():
		err := errors.New("manifest has Docker's schema 1, which has no config: want schema 2 or OCI")
		return nil, hint.With(err, "pull and push the image with a newer docker or skopeo")
	case head.SchemaVersion != 2:
		return nil, fmt.Errorf("schemaVersion is %d, want 2", head.SchemaVersion)
	case mediaType != "" && said != "" && mediaType != said:
		return nil, fmt.Errorf("mediaType is %q, want %q as in its descriptor or Content-Type", mediaType, said)
	case head.Manifests != nil && (head.Layers != nil || head.Config != nil):
		return nil, errors.New("document is both an index and an image: it has manifests, and layers or a config")
	case mediaType == "" && said != "":
		mediaType = said
	case mediaType == "" && head.Manifests != nil:
		mediaType = types.OCIImageIndex
	case mediaType == "":
		mediaType = types.OCIManifestSchema1
	}
	d := &document{raw: raw}
	d.desc = v1.Descriptor{MediaType: mediaType, Size: int64(len(raw)), Digest: layout.Hash(digest.FromBytes(raw))}
	switch {
	case mediaType.IsIndex():
		d.index = head
		return d, d.checkIndex()
	case mediaType.IsImage():
		d.manifest = head
		return d, d.checkManifest()
	}
	return nil, fmt.Errorf("mediaType is %q, want one of %q", mediaType, acceptable)
}

// knownMediaType returns the media type in a Content-Type, or "" if it is not one of
// manifests: some registries send text/plain.
func knownMediaType(s types.MediaType) types.MediaType {
	name, _, err := mime.ParseMediaType(string(s))
	if t := types.MediaType(name); err == nil && (slices.Contains(acceptable, t) || t.IsSchema1()) {
		return t
	}
	return ""
}

func (d *document) checkIndex() error {
	for _, desc := range d.index.Manifests {
		if !desc.MediaType.IsImage() {
			continue // never read
		}
		if err := checkDescriptor(desc, maxManifestSize); err != nil {
			return fmt.Errorf("index: manifest %s: %w", desc.Digest, err)
		}
	}
	return nil
}

func (d *document) checkManifest() error {
	m := d.manifest
	if m.Config == nil {
		return errors.New("not the manifest of an image: it has no config")
	}
	if !m.Config.MediaType.IsConfig() {
		return fmt.Errorf("not the manifest of an image: mediaType of config is %q, want %q or %q", m.Config.MediaType, types.OCIConfigJSON, types.DockerConfigJSON)
	}
	if err := checkDescriptor(*m.Config, maxConfigSize); err != nil {
		return fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	if n := len(m.Layers); n > maxLayers {
		return fmt.Errorf("image has %d layers, want at most %d", n, maxLayers)
	}
	for _, desc := range m.Layers {
		_, err := ociimage.LayerMediaType(desc.MediaType)
		if err == nil {
			err = checkDescriptor(desc, maxLayerSize)
		}
		if err != nil {
			return fmt.Errorf("layer %s: %w", desc.Digest, err)
		}
	}
	return nil
}

// size returns the sum of the sizes of manifest, config and layers, in bytes.
func (d *document) size() int64 {
	n := d.desc.Size + d.manifest.Config.Size
	for _, desc := range d.manifest.Layers {
		n += desc.Size
	}
	return n
}

// find returns the descriptor of the image manifest with the digest, which may be the
// document itself.
func (d *document) find(want digest.Digest) (v1.Descriptor, error) {
	if d.manifest != nil {
		if got := layout.DigestOf(d.desc); got != want {
			return v1.Descriptor{}, fmt.Errorf("digest of the image: got %s, want %s", got, want)
		}
		return d.desc, nil
	}
	for _, desc := range d.index.Manifests {
		if layout.DigestOf(desc) == want && desc.MediaType.IsImage() {
			return desc, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("index %s has no manifest %s", layout.DigestOf(d.desc), want)
}

func checkDescriptor(desc v1.Descriptor, limit int64) error {
	if _, err := digest.Parse(desc.Digest.String()); err != nil {
		return err
	}
	if desc.Size <= 0 || desc.Size > limit {
		return fmt.Errorf("size is %d bytes, want 1 to %d", desc.Size, limit)
	}
	return nil
}
