package ociimage

import (
	"fmt"
	"maps"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// CreatedBy is in the history of an image for each layer that it adds to its base.
const CreatedBy = "release-builder image layer"

// Index returns an index of the images of spec, sorted by operating system, architecture
// and variant (image-spec v1.1, image-index.md). It reads the layers' descriptors, but not
// the layers: layout.Write compares the two.
//
// If several files have the same digest, such as a layer that is built for each platform,
// only the first is used. Index compares the others with their descriptors.
func Index(spec Spec) (v1.ImageIndex, error) {
	if err := spec.check(); err != nil {
		return nil, fmt.Errorf("checking image spec: %w", err)
	}
	layers := layerSet{}
	images := make([]*platformImage, len(spec.Platforms))
	for i, p := range spec.Platforms {
		img, err := newPlatformImage(spec, p, layers)
		if err != nil {
			return nil, err
		}
		images[i] = img
	}
	slices.SortFunc(images, func(a, b *platformImage) int { return comparePlatforms(a.platform, b.platform) })
	var adds []mutate.IndexAddendum
	for _, img := range images {
		adds = append(adds, mutate.IndexAddendum{Add: img})
	}
	idx := mutate.AppendManifests(empty.Index, adds...)
	if len(spec.Annotations) > 0 {
		idx = mutate.Annotations(idx, spec.Annotations).(v1.ImageIndex)
	}
	return idx, nil
}

// A platformImage is an image with its platform.
type platformImage struct {
	v1.Image
	platform v1.Platform
}

// Descriptor returns the image's descriptor in the index. Without this method the library
// would set artifactType to the config's media type, but that is for artifacts: image-spec
// v1.1, descriptor.md.
func (p *platformImage) Descriptor() (*v1.Descriptor, error) {
	mediaType, err := p.MediaType()
	if err != nil {
		return nil, err
	}
	raw, err := p.RawManifest()
	if err != nil {
		return nil, err
	}
	platform := p.platform
	return &v1.Descriptor{
		MediaType: mediaType,
		Size:      int64(len(raw)),
		Digest:    layout.Hash(digest.FromBytes(raw)),
		Platform:  &platform,
	}, nil
}

// newPlatformImage builds the image of one platform: image-spec v1.1, manifest.md
// and config.md.
func newPlatformImage(spec Spec, p PlatformSpec, layers layerSet) (*platformImage, error) {
	platform, err := p.platform()
	if err != nil {
		return nil, err
	}
	img, err := buildImage(spec, p, platform, layers)
	if err != nil {
		return nil, fmt.Errorf("building image for %s: %w", platform, err)
	}
	return &platformImage{img, platform}, nil
}

func buildImage(spec Spec, p PlatformSpec, platform v1.Platform, layers layerSet) (v1.Image, error) {
	base := &baseImage{config: new(v1.ConfigFile)}
	annotations := maps.Clone(spec.Annotations)
	if p.Base != nil {
		var err error
		if base, err = openBase(*p.Base); err == nil {
			err = base.check(platform)
		}
		if err != nil {
			return nil, fmt.Errorf("base %q: %w", p.Base.Layout, err)
		}
		annotations = merge(map[string]string{baseDigestAnnotation: string(base.digest)}, annotations)
	}
	adds := base.addenda()
	history, err := base.history()
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: spec.Created.UTC()}
	for _, l := range p.Layers {
		layer, err := layers.get(l)
		if err != nil {
			return nil, err
		}
		adds = append(adds, mutate.Addendum{Layer: layer})
		history = append(history, v1.History{Created: created, CreatedBy: CreatedBy})
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.Append(img, adds...); err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cf.OS, cf.Architecture, cf.Variant = platform.OS, platform.Architecture, platform.Variant
	cf.OSVersion, cf.OSFeatures = base.config.OSVersion, base.config.OSFeatures
	cf.Created, cf.History = created, history
	own, err := p.Config.config()
	if err != nil {
		return nil, err
	}
	cf.Config = inherit(base.config.Config, own)
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		return nil, err
	}
	if len(annotations) > 0 {
		img = mutate.Annotations(img, annotations).(v1.Image)
	}
	return img, nil
}

// A layerSet has the layers of all platforms by digest, each with the name of the first
// file that it was found in.
type layerSet map[digest.Digest]namedLayer

type namedLayer struct {
	v1.Layer
	name string
}

func (s layerSet) get(spec LayerSpec) (v1.Layer, error) {
	desc, err := ReadLayerDescriptor(spec.Descriptor)
	if err != nil {
		return nil, err
	}
	layer, err := newFileLayer(spec.Tar, desc)
	if err != nil {
		return nil, err
	}
	first, ok := s[desc.Digest]
	if !ok {
		first = namedLayer{layer, spec.Tar}
		s[desc.Digest] = first
		return first.Layer, nil
	}
	if want, err := first.DiffID(); err != nil || want != layout.Hash(desc.DiffID) {
		return nil, fmt.Errorf("comparing layers %q and %q: digest is %s for both, but diffID is %s and %s", first.name, spec.Tar, desc.Digest, want, desc.DiffID)
	}
	if first.name == spec.Tar {
		return first.Layer, nil
	}
	f, err := os.Open(spec.Tar)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := layout.CheckLayer(f, fmt.Sprintf("layer %q", spec.Tar), layer); err != nil {
		return nil, err
	}
	return first.Layer, nil
}
