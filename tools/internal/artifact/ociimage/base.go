package ociimage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// baseDigestAnnotation has the digest of an image's base: image-spec v1.1, annotations.md.
const baseDigestAnnotation = "org.opencontainers.image.base.digest"

// DockerLayerZStd is BuildKit's media type for a zstd layer in an image with Docker's
// media types. No specification has it.
const DockerLayerZStd types.MediaType = "application/vnd.docker.image.rootfs.diff.tar.zstd"

// LayerMediaType returns the OCI media type for the same bytes as a layer with media type
// t. It returns an error for a layer that may not be distributed, and for anything else.
func LayerMediaType(t types.MediaType) (types.MediaType, error) {
	switch t {
	case types.OCILayer, types.DockerLayer:
		return types.OCILayer, nil
	case types.OCIUncompressedLayer, types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer, nil
	case types.OCILayerZStd, DockerLayerZStd:
		return types.OCILayerZStd, nil
	}
	if !t.IsDistributable() || t == types.OCIUncompressedRestrictedLayer {
		return "", fmt.Errorf("mediaType is %q: such a layer may not be distributed", t)
	}
	return "", fmt.Errorf("mediaType is %q, want an OCI or Docker layer: a tar, uncompressed or with gzip or zstd", t)
}

// A baseImage is an image of one platform that another one is built on.
type baseImage struct {
	digest digest.Digest // of its manifest
	config *v1.ConfigFile
	layers []v1.Layer // with OCI media types
}

// openBase reads the image with the given manifest from a layout. It does not read
// index.json. The layers are compared with their digests when they are copied.
func openBase(spec BaseSpec) (*baseImage, error) {
	want, err := digest.Parse(string(spec.Digest))
	if err != nil {
		return nil, err
	}
	dir := layout.Path(spec.Layout)
	raw, err := dir.Read(want, layout.MaxManifestSize)
	if err != nil {
		return nil, err
	}
	m, err := layout.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("parsing manifest %s: %w", want, err)
	case m.MediaType != "" && !m.MediaType.IsImage():
		return nil, fmt.Errorf("manifest %s: mediaType is %q, want an image manifest", want, m.MediaType)
	case m.Config == nil:
		return nil, fmt.Errorf("manifest %s: it has no config", want)
	case !m.Config.MediaType.IsConfig():
		return nil, fmt.Errorf("manifest %s: mediaType of config is %q, want an image config", want, m.Config.MediaType)
	}
	rawConfig, err := dir.ReadDescriptor(*m.Config, layout.MaxConfigSize)
	if err != nil {
		return nil, err
	}
	base := &baseImage{digest: want, config: new(v1.ConfigFile)}
	if err := json.Unmarshal(rawConfig, base.config); err != nil {
		return nil, fmt.Errorf("parsing config %s: %w", m.Config.Digest, err)
	}
	return base, base.setLayers(dir, m)
}

func (b *baseImage) setLayers(dir layout.Path, m *layout.Document) error {
	diffIDs := b.config.RootFS.DiffIDs
	if got, want := len(diffIDs), len(m.Layers); got != want {
		return fmt.Errorf("config %s: got %d diff_ids, want %d: one for each layer", m.Config.Digest, got, want)
	}
	seen := map[v1.Hash]v1.Hash{}
	for i, desc := range m.Layers {
		mediaType, err := LayerMediaType(desc.MediaType)
		if err != nil {
			return fmt.Errorf("layer %s: %w", desc.Digest, err)
		}
		if other, ok := seen[desc.Digest]; ok && other != diffIDs[i] {
			return fmt.Errorf("config %s: layer %s has two diff_ids: %s and %s", m.Config.Digest, desc.Digest, other, diffIDs[i])
		}
		seen[desc.Digest] = diffIDs[i]
		// Only OCI's fields are kept, not Docker's, such as the URLs of a layer.
		desc = v1.Descriptor{MediaType: mediaType, Size: desc.Size, Digest: desc.Digest}
		layer, err := partial.CompressedToLayer(baseLayer{dir, desc, diffIDs[i]})
		if err != nil {
			return err
		}
		b.layers = append(b.layers, layer)
	}
	return nil
}

// A baseLayer is a layer of a base image, with an OCI media type.
type baseLayer struct {
	dir    layout.Path
	desc   v1.Descriptor
	diffID v1.Hash
}

var _ partial.WithDiffID = baseLayer{}

func (l baseLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l baseLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l baseLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l baseLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l baseLayer) Descriptor() (*v1.Descriptor, error) { return l.desc.DeepCopy(), nil }
func (l baseLayer) Compressed() (io.ReadCloser, error)  { return l.dir.Open(l.desc) }

// check returns an error if the base is not for the platform. A config without a variant,
// which is common for arm, matches any.
func (b *baseImage) check(want v1.Platform) error {
	got := v1.Platform{OS: b.config.OS, Architecture: b.config.Architecture, Variant: b.config.Variant}
	if got.Variant == "" && got.Architecture == want.Architecture {
		got.Variant = want.Variant
	}
	normal, err := NormalizePlatform(got)
	if err != nil {
		return err
	}
	if comparePlatforms(normal, want) != 0 {
		return fmt.Errorf("config is for platform %q, want %q", normal.String(), want.String())
	}
	if n := len(b.config.Config.OnBuild); n > 0 {
		return fmt.Errorf("config has %d ONBUILD instructions, which only a build from a Dockerfile can run", n)
	}
	return nil
}

// addenda returns the base's layers, to append to an empty image.
func (b *baseImage) addenda() []mutate.Addendum {
	var adds []mutate.Addendum
	for _, l := range b.layers {
		adds = append(adds, mutate.Addendum{Layer: l})
	}
	return adds
}

// history returns the base's history with exactly one entry for each of its layers, in
// addition to the entries without a layer.
func (b *baseImage) history() ([]v1.History, error) {
	history, layers := slices.Clone(b.config.History), 0
	for _, h := range history {
		if !h.EmptyLayer {
			layers++
		}
	}
	if layers > len(b.layers) {
		return nil, fmt.Errorf("config has history of %d layers, want %d", layers, len(b.layers))
	}
	for range len(b.layers) - layers {
		history = append(history, v1.History{Created: b.config.Created, CreatedBy: "layer of " + string(b.digest)})
	}
	return history, nil
}

// inherit returns the base's config with own added, as by the instructions of a
// Dockerfile: image-spec v1.1, conversion.md, and the Dockerfile reference. An entrypoint
// removes the base's arguments, which are for another program.
func inherit(base, own v1.Config) v1.Config {
	cfg := *base.DeepCopy()
	if len(own.Entrypoint) > 0 {
		cfg.Entrypoint, cfg.Cmd = own.Entrypoint, nil
	}
	if len(own.Cmd) > 0 {
		cfg.Cmd = own.Cmd
	}
	if own.User != "" {
		cfg.User = own.User
	}
	if own.WorkingDir != "" {
		cfg.WorkingDir = own.WorkingDir
	}
	cfg.Env = mergeEnv(cfg.Env, own.Env)
	cfg.Labels = merge(cfg.Labels, own.Labels)
	cfg.ExposedPorts = merge(cfg.ExposedPorts, own.ExposedPorts)
	return cfg
}

// mergeEnv replaces variables of base by those of own, and appends the others.
func mergeEnv(base, own []string) []string {
	env := slices.Clone(base)
	for _, e := range own {
		name, _, _ := strings.Cut(e, "=")
		same := func(s string) bool { return s == name || strings.HasPrefix(s, name+"=") }
		if i := slices.IndexFunc(env, same); i >= 0 {
			env[i] = e
		} else {
			env = append(env, e)
		}
	}
	return env
}

func merge[V any](base, own map[string]V) map[string]V {
	if len(own) == 0 {
		return base
	}
	all := maps.Clone(base)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, own)
	return all
}

// A BaseSpec is the base image of one platform's image.
type BaseSpec struct {
	Layout string        `json:"layout"` // directory of an OCI image layout
	Digest digest.Digest `json:"digest"` // of the image's manifest for this platform
}

func (b BaseSpec) check() error {
	if b.Layout == "" {
		return errors.New("base.layout is empty: want a directory")
	}
	if _, err := digest.Parse(string(b.Digest)); err != nil {
		return fmt.Errorf("base.digest: %w", err)
	}
	return nil
}
