package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// File is a file that changed. The blobs of images are not among them.
type File struct {
	Path    string `json:"path"`
	State   State  `json:"state"`
	OldPath string `json:"old_path,omitempty"` // where the version in the name differs
	OldSize int64  `json:"old_size"`           // in bytes
	NewSize int64  `json:"new_size"`
}

// Image is an image of the release, whether it changed or not.
type Image struct {
	Name      string     `json:"name"`
	State     State      `json:"state"`
	Platforms []Platform `json:"platforms"`
}

// Platform is an image for one platform.
type Platform struct {
	Platform string `json:"platform"`
	State    State  `json:"state"`
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

// files compares all files but the blobs of images.
func files(old, new *release.Tree) []File {
	olds, news := byName(old), byName(new)
	list := []File{}
	for name, a := range olds {
		b, ok := news[name]
		switch {
		case !ok:
			list = append(list, File{Path: a.Path, State: Removed, OldSize: a.Size})
		case a.Digest != b.Digest || a.Path != b.Path:
			f := File{Path: b.Path, State: Changed, OldSize: a.Size, NewSize: b.Size}
			if a.Path != b.Path {
				f.OldPath = a.Path
			}
			if a.Digest == b.Digest {
				f.State = Same
			}
			list = append(list, f)
		}
	}
	for name, b := range news {
		if _, ok := olds[name]; !ok {
			list = append(list, File{Path: b.Path, State: Added, NewSize: b.Size})
		}
	}
	slices.SortFunc(list, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.State, b.State))
	})
	return list
}

// byName names files by their path, with {version} for the release's version.
func byName(t *release.Tree) map[string]release.File {
	all := map[string]release.File{}
	for _, f := range t.Files {
		if ok, _ := path.Match("images/*/blobs/*/*", f.Path); ok {
			continue
		}
		name := f.Path
		if t.Version != "" {
			name = strings.ReplaceAll(name, t.Version, "{version}")
		}
		if _, taken := all[name]; taken {
			name = f.Path
		}
		all[name] = f
	}
	return all
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
	i := Image{Name: name, State: Same, Platforms: []Platform{}}
	all := maps.Clone(old)
	maps.Copy(all, new)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a, inOld := old[key]
		b, inNew := new[key]
		p := Platform{Platform: key, State: Same, Shared: []Layer{}, Added: []Layer{}, Removed: []Layer{}}
		switch {
		case !inOld:
			p.State = Added
		case !inNew:
			p.State = Removed
		case a.digest != b.digest:
			p.State = Changed
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
		if p.State != Same {
			i.State = Changed
		}
		i.Platforms = append(i.Platforms, p)
	}
	switch {
	case len(old) == 0:
		i.State = Added
	case len(new) == 0:
		i.State = Removed
	}
	return i
}

// built is an image for one platform.
type built struct {
	digest digest.Digest
	layers []Layer
}

// maxDepth is how deep indexes may be in indexes.
const maxDepth = 4

// document is what is read of an index or a manifest
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md).
type document struct {
	Manifests []struct {
		Digest   digest.Digest `json:"digest"`
		Platform *struct {
			OS           string `json:"os"`
			Architecture string `json:"architecture"`
			Variant      string `json:"variant"`
		} `json:"platform"`
	} `json:"manifests"`
	Layers []Layer `json:"layers"`
}

// platforms returns the image's manifests; none if the release does not have it.
func platforms(ctx context.Context, t *release.Tree, name string) (map[string]built, error) {
	all := map[string]built{}
	if !slices.Contains(t.Images(), name) {
		return all, nil
	}
	r := layoutReader{t, path.Join("images", name), all}
	return all, r.read(ctx, path.Join(r.dir, "index.json"), visit{})
}

type layoutReader struct {
	tree *release.Tree
	dir  string
	all  map[string]built
}

// visit is the way to a document.
type visit struct {
	platform string
	digest   digest.Digest
	depth    int
}

func (r *layoutReader) read(ctx context.Context, name string, v visit) error {
	if v.depth > maxDepth || len(r.all) > 1000 {
		return fmt.Errorf("%q: got more than %d indexes in indexes, or 1000 manifests", name, maxDepth)
	}
	data, err := r.tree.ReadFile(ctx, name)
	if err != nil {
		return err
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	if len(d.Manifests) == 0 && v.digest != "" {
		key := cmp.Or(v.platform, "any")
		for n := 2; r.all[key].digest != ""; n++ {
			key = fmt.Sprintf("%s %d", cmp.Or(v.platform, "any"), n)
		}
		r.all[key] = built{v.digest, d.Layers}
		return nil
	}
	for _, m := range d.Manifests {
		next := visit{v.platform, m.Digest, v.depth + 1}
		if p := m.Platform; p != nil {
			next.platform = path.Join(p.OS, p.Architecture, p.Variant)
		}
		if _, err := digest.Parse(string(m.Digest)); err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		if err := r.read(ctx, path.Join(r.dir, "blobs/sha256", m.Digest.Hex()), next); err != nil {
			return err
		}
	}
	return nil
}
