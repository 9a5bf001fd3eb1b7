//go:build linux

package hostile

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	ours "github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor is the descriptor of image-spec v1.1, descriptor.md.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// layout makes an OCI image layout, valid or not.
type layout struct {
	p   *prep
	dir string
}

func (p *prep) layout() *layout {
	l := &layout{p, "layout"}
	p.file("layout/oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`))
	return l
}

// blob adds a blob. The descriptor has mediaType.
func (l *layout) blob(mediaType string, data []byte) descriptor {
	d := describeBlob(mediaType, data)
	l.p.file("layout/blobs/sha256/"+d.Digest[7:], data)
	return d
}

func describeBlob(mediaType string, data []byte) descriptor {
	return descriptor{mediaType, fmt.Sprintf("sha256:%x", sha256.Sum256(data)), int64(len(data))}
}

func (l *layout) json(mediaType string, v any) descriptor { return l.blob(mediaType, marshal(l.p, v)) }

func marshal(p *prep, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		p.Fatal(err)
	}
	return data
}

// index writes index.json.
func (l *layout) index(all ...descriptor) {
	l.p.file("layout/index.json", marshal(l.p, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": all}))
}

// image adds a manifest with layers, and its config with diffIDs.
func (l *layout) image(layers []descriptor, diffIDs []string) descriptor {
	config := l.json(configType, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	return l.json(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers})
}

// plain adds an image with uncompressed layers.
func (l *layout) plain(layers ...[]byte) descriptor {
	var all []descriptor
	var diffIDs []string
	for _, data := range layers {
		d := l.blob(layerType, data)
		all, diffIDs = append(all, d), append(diffIDs, d.Digest)
	}
	return l.image(all, diffIDs)
}

// tarOf returns a tar in memory.
func tarOf(p *prep, write func(w *tarWriter)) []byte {
	var b bytes.Buffer
	w := newTarWriter(&b)
	write(w)
	if err := w.close(); err != nil {
		p.Fatal(err)
	}
	return b.Bytes()
}

// buildOn builds an image on a base: the first image of the layout in the directory in.
func buildOn(c *cell) error {
	all, err := ours.Path(c.in("layout")).Manifests()
	if err != nil {
		return err
	}
	tar, descriptor := filepath.Join(c.target(), "own.tar.gz"), filepath.Join(c.target(), "own.json")
	f, err := os.Create(tar)
	if err != nil {
		return err
	}
	defer f.Close()
	own, err := ociimage.WriteLayer(f, []archive.Entry{{Path: "own", Content: []byte("own")}}, time.Time{})
	if err != nil {
		return err
	}
	if err := jsonfile.Write(descriptor, own); err != nil {
		return err
	}
	index, err := ociimage.Index(ociimage.Spec{Created: time.Unix(1, 0), Platforms: []ociimage.PlatformSpec{{
		OS: "linux", Architecture: "amd64",
		Base:   &ociimage.BaseSpec{Layout: c.in("layout"), Digest: ours.DigestOf(all[0])},
		Layers: []ociimage.LayerSpec{{Tar: tar, Descriptor: descriptor}},
	}}})
	if err != nil {
		return err
	}
	dir := filepath.Join(c.target(), "image")
	err = ours.Write(c.ctx, ours.WriteArgs{Dir: dir, Index: index})
	if left, readErr := os.ReadDir(dir); err != nil && (readErr != nil || len(left) > 0) {
		err = errors.Join(err, readErr, fmt.Errorf("left in the directory: %v", left))
	}
	return err
}

// bases are base images whose layers do not match the config.
func bases() []hazard {
	compressed := func(name, want string, data func(p *prep) []byte) hazard {
		return hazard{name: "base: " + name, want: want, feed: buildOn, prepare: func(p *prep) {
			l := p.layout()
			l.index(l.image([]descriptor{l.blob(layerType+"+gzip", data(p))}, []string{someDigest}))
		}}
	}
	return []hazard{
		compressed("another diffID", `diffID: got sha256:`, func(p *prep) []byte { return gzipped(tarOf(p, func(w *tarWriter) { w.file("a", "a") })) }),
		compressed("no gzip", `decompressing: flate: corrupt input`, func(*prep) []byte { return []byte("\x1f\x8b\x08 no gzip at all") }),
		compressed("zstd with a window of 3 TiB", `window size exceeded`, func(*prep) []byte { return []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00") }),
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}
