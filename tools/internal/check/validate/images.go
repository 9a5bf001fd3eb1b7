package validate

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A layer is what reading a layer's blob gave.
type layer struct {
	diffID digest.Digest
	paths  map[string]bool // without the leading slash
}

// blob reads a file of an image's layout: a layer, or one that images reads.
func (c *checker) blob(ctx context.Context, a release.Artifact, f release.File, r *bufio.Reader) error {
	z, err := decompress(r)
	if err != nil || z == nil {
		return err
	}
	defer z.Close()
	c.checked(Contents, 1)
	base, err := c.isBase(ctx, a, f.Digest)
	if err != nil {
		return err
	}
	l := layer{paths: map[string]bool{}}
	sum := sha256.New()
	tee := bufio.NewReaderSize(io.TeeReader(io.LimitReader(z, maxBytes), sum), 1<<16)
	err = c.openTar(ctx, a, tee, func(m member) {
		l.paths[strings.TrimSuffix(strings.TrimPrefix(m.path, "./"), "/")] = true
		m.base = base
		c.look(m)
	})
	if err != nil {
		return err
	}
	l.diffID = digest.FromSum(sum.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.layers == nil {
		c.layers = map[string]layer{}
	}
	c.layers[f.Path] = l
	return nil
}

// images checks the images, whose layers have been read.
func (c *checker) images(ctx context.Context) error {
	for _, a := range c.doc.Artifacts {
		if a.Kind != "image" {
			continue
		}
		c.checked(Images, 1)
		if err := c.image(ctx, a); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.find(Images, a.Path, "", "%v", err)
		}
	}
	return nil
}

// read returns a document of an image's layout by its digest.
func (c *checker) read(ctx context.Context, a release.Artifact, d digest.Digest) ([]byte, error) {
	return c.tree.ReadFile(ctx, path.Join(a.Path, layout.Blob(d)))
}

func (c *checker) image(ctx context.Context, a release.Artifact) error {
	raw, err := c.read(ctx, a, a.Digest)
	if err != nil {
		return err
	}
	index, err := layout.Parse(raw)
	if err != nil {
		return fmt.Errorf("reading its index: %w", err)
	}
	var platforms []string
	for _, desc := range index.Manifests {
		if desc.Platform == nil {
			c.find(Images, a.Path, "", "manifest %s has no platform", desc.Digest)
			continue
		}
		platforms = append(platforms, desc.Platform.String())
		if err := c.manifest(ctx, a, desc); err != nil {
			c.find(Images, a.Path, desc.Platform.String(), "%v", err)
		}
	}
	if !slices.Equal(platforms, a.Platforms) {
		c.find(Images, a.Path, "", "its index is for %s, %s says %s", strings.Join(platforms, ", "), release.DocumentFile, strings.Join(a.Platforms, ", "))
	}
	for _, s := range c.tree.Lock.Architectures {
		want, err := ociimage.ParsePlatform(s)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(platforms, func(p string) bool { got, err := ociimage.ParsePlatform(p); return err == nil && got.Equals(want) }) {
			c.find(Images, a.Path, "", "it is not built for %s, which the lock has", s)
		}
	}
	return nil
}

// manifest checks the image of one platform.
func (c *checker) manifest(ctx context.Context, a release.Artifact, desc v1.Descriptor) error {
	raw, err := c.read(ctx, a, layout.DigestOf(desc))
	if err != nil {
		return err
	}
	m, err := layout.Parse(raw)
	if err != nil {
		return err
	}
	if m.Config == nil {
		return errors.New("its manifest has no config")
	}
	raw, err = c.read(ctx, a, layout.DigestOf(*m.Config))
	if err != nil {
		return err
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("reading its config: %w", err)
	}
	return c.config(a, desc, m, &config)
}

func (c *checker) config(a release.Artifact, desc v1.Descriptor, m *layout.Document, config *v1.ConfigFile) error {
	where := desc.Platform.String()
	if config.OS != desc.Platform.OS || config.Architecture != desc.Platform.Architecture {
		c.find(Images, a.Path, where, "its config is for %s/%s", config.OS, config.Architecture)
	}
	if !config.Created.Time.Equal(c.tree.Lock.Time) {
		c.find(Images, a.Path, where, "it was created at %s, want %s, the time of the primary source", config.Created, c.tree.Lock.Time)
	}
	if got, ok := config.Config.Labels["org.opencontainers.image.version"]; ok && got != c.tree.Version {
		c.find(Images, a.Path, where, "its label org.opencontainers.image.version is %q, want %q", got, c.tree.Version)
	}
	if len(m.Layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("it has %d layers, and its config %d diff_ids", len(m.Layers), len(config.RootFS.DiffIDs))
	}
	files := map[string]bool{}
	for i, desc := range m.Layers {
		c.mu.Lock()
		l, ok := c.layers[path.Join(a.Path, layout.Blob(layout.DigestOf(desc)))]
		c.mu.Unlock()
		if !ok {
			return fmt.Errorf("its layer %s cannot be read", desc.Digest)
		}
		if got := string(l.diffID); got != config.RootFS.DiffIDs[i].String() {
			c.find(Images, a.Path, where, "layer %s unpacks to %s, want %s as in the config", desc.Digest, got, config.RootFS.DiffIDs[i])
		}
		for p := range l.paths {
			files[p] = true
		}
	}
	if e := config.Config.Entrypoint; len(e) > 0 && path.IsAbs(e[0]) && !files[strings.TrimPrefix(path.Clean(e[0]), "/")] && !linked(files, e[0]) {
		c.find(Images, a.Path, where, "its entrypoint %q is in no layer", e[0])
	}
	c.ownImage(a, where, config)
	return nil
}

// linked reports whether a directory of a file may be a link, such as /bin to usr/bin.
func linked(files map[string]bool, name string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	return files[first] && files[path.Join("usr", strings.TrimPrefix(name, "/"))]
}

// isBase reports whether a layer is that of a base image: the history of each image says which
// layers were added to it.
func (c *checker) isBase(ctx context.Context, a release.Artifact, d digest.Digest) (bool, error) {
	c.basesMu.Lock()
	defer c.basesMu.Unlock()
	if known, ok := c.bases[a.Path]; ok {
		return known[d], nil
	}
	known, err := c.baseLayers(ctx, a)
	if err != nil {
		return false, err
	}
	if c.bases == nil {
		c.bases = map[string]map[digest.Digest]bool{}
	}
	c.bases[a.Path] = known
	return known[d], nil
}

func (c *checker) baseLayers(ctx context.Context, a release.Artifact) (map[digest.Digest]bool, error) {
	found := map[digest.Digest]bool{}
	raw, err := c.read(ctx, a, a.Digest)
	if err != nil {
		return nil, err
	}
	index, err := layout.Parse(raw)
	if err != nil {
		return nil, err
	}
	for _, desc := range index.Manifests {
		raw, err := c.read(ctx, a, layout.DigestOf(desc))
		if err != nil {
			return nil, err
		}
		m, err := layout.Parse(raw)
		if err != nil || m.Config == nil {
			return nil, errors.Join(err, fmt.Errorf("manifest %s has no config", desc.Digest))
		}
		if raw, err = c.read(ctx, a, layout.DigestOf(*m.Config)); err != nil {
			return nil, err
		}
		var config v1.ConfigFile
		if err := json.Unmarshal(raw, &config); err != nil {
			return nil, err
		}
		at := 0
		for _, h := range config.History {
			if h.EmptyLayer || at >= len(m.Layers) {
				continue
			}
			if h.CreatedBy != ociimage.CreatedBy {
				found[layout.DigestOf(m.Layers[at])] = true
			}
			at++
		}
	}
	return found, nil
}
