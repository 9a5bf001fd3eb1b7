// Package imagetest reads images for tests, with go-containerregistry and the standard
// library: an oracle for what writes them.
package imagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

// Open returns the one index that the index.json of a layout points to.
func Open(t testing.TB, dir string) v1.ImageIndex {
	t.Helper()
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("index.json: got %+v, %v, want 1 manifest", m, err)
	}
	idx, err := top.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

// Find returns the one image for a platform, such as linux/arm64, in an index or in an
// index below it. What the platform leaves open, such as the variant, may be anything.
func Find(t testing.TB, idx v1.ImageIndex, platform string) v1.Image {
	t.Helper()
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	found := map[v1.Hash]v1.Image{}
	if err := find(idx, *want, found); err != nil {
		t.Fatal(err)
	}
	for _, img := range found {
		if len(found) == 1 {
			return img
		}
	}
	t.Fatalf("got %d images for %s, want 1", len(found), platform)
	return nil
}

func find(idx v1.ImageIndex, want v1.Platform, found map[v1.Hash]v1.Image) error {
	m, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	for _, desc := range m.Manifests {
		switch {
		case desc.MediaType.IsIndex():
			below, err := idx.ImageIndex(desc.Digest)
			if err == nil {
				err = find(below, want, found)
			}
			if err != nil {
				return err
			}
		case desc.MediaType.IsImage():
			img, err := idx.Image(desc.Digest)
			if err != nil {
				return err
			}
			config, err := img.ConfigFile()
			if err != nil {
				return err
			}
			if p := config.Platform(); p != nil && p.Satisfies(want) {
				found[desc.Digest] = img
			}
		}
	}
	return nil
}

// Files returns a line for each file of the image's root file system, as archivetest.List
// does.
func Files(t testing.TB, img v1.Image) []string {
	t.Helper()
	data, err := io.ReadAll(mutate.Extract(img))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := archivetest.List(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// List returns all that is in the layout in dir, to be compared with a golden file: each
// index, manifest and config as it is, but indented, and each entry of each layer, once,
// as archivetest.List has it. It checks every digest.
func List(dir string) (string, error) {
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return "", err
	}
	if err := validate.Index(top); err != nil {
		return "", err
	}
	l := lister{seen: map[v1.Hash]bool{}}
	err = l.index("index.json", top)
	return l.text.String(), err
}

type lister struct {
	text strings.Builder
	seen map[v1.Hash]bool
}

// json lists a document.
func (l *lister) json(name string, raw []byte, err error) error {
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = json.Indent(&b, raw, "", "  ")
	fmt.Fprintf(&l.text, "%s\n%s\n", name, bytes.TrimSpace(b.Bytes()))
	return err
}

func (l *lister) index(name string, idx v1.ImageIndex) error {
	raw, err := idx.RawManifest()
	if err := l.json(name, raw, err); err != nil {
		return err
	}
	m, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	for _, desc := range m.Manifests {
		if desc.MediaType.IsIndex() {
			below, err := idx.ImageIndex(desc.Digest)
			if err == nil {
				err = l.index("index "+desc.Digest.String(), below)
			}
			if err != nil {
				return err
			}
			continue
		}
		img, err := idx.Image(desc.Digest)
		if err == nil {
			err = l.image("manifest "+desc.Digest.String(), img)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) image(name string, img v1.Image) error {
	raw, err := img.RawManifest()
	if err := l.json(name, raw, err); err != nil {
		return err
	}
	raw, err = img.RawConfigFile()
	if err := l.json("config", raw, err); err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := l.layer(layer); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) layer(layer v1.Layer) error {
	h, err := layer.Digest()
	if err != nil || l.seen[h] {
		return err
	}
	l.seen[h] = true
	r, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	lines, err := archivetest.List(bytes.NewReader(data), int64(len(data)))
	fmt.Fprintf(&l.text, "layer %s\n%s\n", h, strings.Join(lines, "\n"))
	return err
}
