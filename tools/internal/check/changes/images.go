package changes

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Image is an image of the release, whether it changed or not.
type Image struct {
	Name      string         `json:"name"`
	State     lockdiff.State `json:"state"`
	Platforms []Platform     `json:"platforms"`
}

// Platform is an image for one platform.
type Platform struct {
	Platform string         `json:"platform"`
	State    lockdiff.State `json:"state"`
	// Shared are the layers that both have: whoever has the old image does not
	// download them.
	Shared  []Layer `json:"shared"`
	Added   []Layer `json:"added"`
	Removed []Layer `json:"removed"`
}

// Layer is a layer of an image, as it is in a registry.
type Layer struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"` // in bytes
}

// images compares the images by name, platform by platform.
func images(old, new *side) ([]Image, error) {
	names := slices.Concat(old.tree.Images(), new.tree.Images())
	slices.Sort(names)
	var list []Image
	for _, name := range slices.Compact(names) {
		a, err := old.platforms(name)
		if err != nil {
			return nil, fmt.Errorf("reading image %q of the old release: %w", name, err)
		}
		b, err := new.platforms(name)
		if err != nil {
			return nil, fmt.Errorf("reading image %q of the new release: %w", name, err)
		}
		list = append(list, image(name, a, b))
	}
	return list, nil
}

func image(name string, old, new map[string]built) Image {
	i := Image{Name: name, State: lockdiff.Same, Platforms: []Platform{}}
	all := maps.Clone(old)
	maps.Copy(all, new)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a, inOld := old[key]
		b, inNew := new[key]
		p := Platform{Platform: key, State: lockdiff.Same, Shared: []Layer{}, Added: []Layer{}, Removed: []Layer{}}
		switch {
		case !inOld:
			p.State = lockdiff.Added
		case !inNew:
			p.State = lockdiff.Removed
		case a.digest != b.digest:
			p.State = lockdiff.Changed
		}
		for _, l := range b.layers {
			if slices.Contains(a.layers, l) {
				p.Shared = append(p.Shared, l)
			} else {
				p.Added = append(p.Added, l)
			}
		}
		for _, l := range a.layers {
			if !slices.Contains(b.layers, l) {
				p.Removed = append(p.Removed, l)
			}
		}
		if p.State != lockdiff.Same {
			i.State = lockdiff.Changed
		}
		i.Platforms = append(i.Platforms, p)
	}
	switch {
	case len(old) == 0:
		i.State = lockdiff.Added
	case len(new) == 0:
		i.State = lockdiff.Removed
	}
	return i
}

// built is an image for one platform.
type built struct {
	digest v1.Hash
	layers []Layer
}

// platforms returns the image's manifests; none if the release does not have it.
func (s *side) platforms(name string) (map[string]built, error) {
	all := map[string]built{}
	if !slices.Contains(s.tree.Images(), name) {
		return all, nil
	}
	index, err := ociimage.Open(filepath.Join(s.name, "images", name))
	if err != nil {
		return nil, err
	}
	return all, ociimage.Each(index, func(d v1.Descriptor, m *v1.Manifest) {
		platform := "any"
		if d.Platform != nil {
			platform = d.Platform.String()
		}
		key := platform
		for n := 2; all[key].layers != nil; n++ {
			key = fmt.Sprintf("%s %d", platform, n)
		}
		b := built{d.Digest, []Layer{}}
		for _, l := range m.Layers {
			b.layers = append(b.layers, Layer{digest.Digest(l.Digest.String()), l.Size})
		}
		all[key] = b
	})
}
