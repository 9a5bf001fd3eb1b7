package changes

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Image is an image of the release, changed or not.
type Image struct {
	Name      string         `json:"name"`
	State     lockdiff.State `json:"state"`
	Platforms []Platform     `json:"platforms"`
}

// Platform is an image for one platform.
type Platform struct {
	Platform string         `json:"platform"`
	State    lockdiff.State `json:"state"`
	// Shared are the layers that both have: a machine with the old image does not download
	// them.
	Shared  []Layer `json:"shared"`
	Added   []Layer `json:"added"`
	Removed []Layer `json:"removed"`
}

// Layer is a layer of an image, as a registry has it.
type Layer struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"` // in bytes
}

// images compares the images by name, platform by platform.
func images(ctx context.Context, old, new *release.Tree) ([]Image, error) {
	names := slices.Concat(old.Images(), new.Images())
	slices.Sort(names)
	var list []Image
	for _, name := range slices.Compact(names) {
		a, err := platforms(ctx, old, name)
		if err != nil {
			return nil, fmt.Errorf("reading image %q of the old release: %w", name, err)
		}
		b, err := platforms(ctx, new, name)
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
	digest digest.Digest
	layers []Layer
}

// maxDepth is the maximum depth of nested indexes.
const maxDepth = 4

// platforms returns the image's manifests, or none if the release does not have the image.
func platforms(ctx context.Context, t *release.Tree, name string) (map[string]built, error) {
	all := map[string]built{}
	if !slices.Contains(t.Images(), name) {
		return all, nil
	}
	r := layoutReader{t, path.Join("images", name), all}
	return all, r.read(ctx, path.Join(r.dir, layout.IndexFile), visit{})
}

type layoutReader struct {
	tree *release.Tree
	dir  string
	all  map[string]built
}

// visit is the path to a document.
type visit struct {
	platform string
	digest   digest.Digest
	depth    int
}

func (r *layoutReader) read(ctx context.Context, name string, v visit) error {
	if v.depth > maxDepth || len(r.all) > 1000 {
		return fmt.Errorf("%q: got more than %d levels of indexes, or more than 1000 manifests", name, maxDepth)
	}
	data, err := r.tree.ReadFile(ctx, name)
	if err != nil {
		return err
	}
	d, err := layout.Parse(data)
	if err == nil && d.SchemaVersion != 2 {
		err = fmt.Errorf("schemaVersion is %d, want 2", d.SchemaVersion)
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	if len(d.Manifests) == 0 && v.digest != "" {
		key := cmp.Or(v.platform, "any")
		for n := 2; r.all[key].digest != ""; n++ {
			key = fmt.Sprintf("%s %d", cmp.Or(v.platform, "any"), n)
		}
		b := built{v.digest, []Layer{}}
		for _, l := range d.Layers {
			b.layers = append(b.layers, Layer{layout.DigestOf(l), l.Size})
		}
		r.all[key] = b
		return nil
	}
	for _, m := range d.Manifests {
		next := visit{v.platform, layout.DigestOf(m), v.depth + 1}
		if p := m.Platform; p != nil {
			next.platform = path.Join(p.OS, p.Architecture, p.Variant)
		}
		if err := r.read(ctx, path.Join(r.dir, layout.Blob(next.digest)), next); err != nil {
			return err
		}
	}
	return nil
}
