//go:build linux

package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor is as image-spec v1.1, descriptor.md, has it.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// layout makes an OCI image layout, as it is told.
type layout struct {
	p   *prep
	dir string
}

func (p *prep) layout() *layout {
	l := &layout{p, "layout"}
	p.file("layout/oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`))
	return l
}

// blob adds a blob. mediaType is what the descriptor says of it.
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

// image adds a manifest over layers, and its config. diffIDs are those of the layers.
func (l *layout) image(layers []descriptor, diffIDs []string) descriptor {
	config := l.json(configType, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	return l.json(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers})
}

// plain adds an image over layers that are not compressed.
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

// unpackImage feeds the first image of the layout below in to what unpacks it.
func unpackImage(c *cell) error {
	img, err := firstImage(c)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.target(), "image")
	err = ociimage.Unpack(c.ctx, ociimage.UnpackArgs{Image: img, Dir: dir, MaxBytes: 512 << 20})
	if err == nil {
		return nil
	}
	if left, readErr := os.ReadDir(dir); readErr != nil || len(left) > 0 {
		err = errors.Join(err, readErr, fmt.Errorf("left in the directory: %v", left))
	}
	return err
}

func firstImage(c *cell) (v1.Image, error) {
	index, err := ociimage.Open(c.in("layout"))
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) == 0 {
		return nil, errors.Join(err, errors.New("no manifest"))
	}
	return index.Image(m.Manifests[0].Digest)
}

// listImage feeds the layout below in to what lists it.
func listImage(c *cell) error {
	index, err := ociimage.Open(c.in("layout"))
	if err != nil {
		return err
	}
	return ociimage.List(c.ctx, io.Discard, index)
}

// layers are layers of images that are unpacked.
func layers() []hazard {
	var all []hazard
	images := func(name, want string, feed func(*cell) error, make func(p *prep) [][]byte) {
		all = append(all, hazard{name: "layer: " + name, want: want, feed: feed, prepare: func(p *prep) {
			l := p.layout()
			l.index(l.plain(make(p)...))
		}})
	}
	add := func(name, want string, write func(p *prep, w *tarWriter)) {
		images(name, `unpacking into "{base}/cell/image": layer 0: `+want, unpackImage, func(p *prep) [][]byte {
			return [][]byte{tarOf(p, func(w *tarWriter) { write(p, w) })}
		})
	}
	file := func(name, path, want string) {
		add(name, want, func(p *prep, w *tarWriter) { w.file(p.expand(path), "evil") })
	}
	file("up", "../x", `entry "../x": path has a ".." in it`)
	file("up from below", "a/../../x", `entry "a/../../x": path has a ".." in it`)
	file("absolute", "{outside}/x", `entry "{outside}/x": path is absolute`)
	const long = `entry "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/": `
	file("long path", strings.Repeat("d/", 2100)+"x", long+`path has 4201 bytes, want at most 4096`)
	file("path of a megabyte", strings.Repeat("d/", 500_000)+"x", long+`path has 1000001 bytes, want at most 4096`)
	add("whiteout of the parent", `entry "a/.wh...": ".wh..." is not the name of a whiteout`, func(_ *prep, w *tarWriter) { w.file("a/.wh...", "") })
	add("whiteout of itself", `entry ".wh.": ".wh." is not the name of a whiteout`, func(_ *prep, w *tarWriter) { w.file(".wh.", "") })
	file("directory that is a whiteout", ".wh.a/b", `entry ".wh.a/b": ".wh.a" is the name of a whiteout and cannot be a directory`)
	add("zero byte", `reading tar: archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.pax("path", "a\x00", rawHeader{name: "a", flag: tar.TypeReg}) })
	add("twice", `entry "./a": path stands twice in one layer`, func(_ *prep, w *tarWriter) { w.file("a", ""); w.file("./a", "") })
	add("file below a file", `entry "a/b": "a" is no directory`, func(_ *prep, w *tarWriter) { w.file("a", ""); w.file("a/b", "") })
	add("through a link up", `entry "a/x": "a" leads out of the image`, func(_ *prep, w *tarWriter) { w.link("a", ".."); w.file("a/x", "evil") })
	add("through a chain of links", `entry "d/out/x": "d/out" leads out of the image`, func(_ *prep, w *tarWriter) {
		w.link("d/up", "../..")
		w.link("d/out", "up/cellar")
		w.file("d/out/x", "evil")
	})
	add("through a circle of links", `entry "a/x": "a" leads through more than 40 symbolic links`, func(_ *prep, w *tarWriter) { w.link("a", "b"); w.link("b", "a"); w.file("a/x", "evil") })
	add("link of a megabyte", `entry "a": target of the symbolic link has 1000000 bytes, want 1 to 4096`, func(_ *prep, w *tarWriter) { w.link("a", strings.Repeat("b/", 500_000)) })
	add("hard link up", `entry "a": hard link to "../x": path has a ".." in it`, func(_ *prep, w *tarWriter) {
		w.header(&tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "../x"})
	})
	add("hard link, absolute", `entry "a": hard link to "{outside}/x": path is absolute`, func(p *prep, w *tarWriter) {
		w.header(&tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: p.outside + "/x"})
	})
	add("hard link through a link", `entry "b": hard link to "a/x": `, func(p *prep, w *tarWriter) {
		w.link("a", p.outside)
		w.header(&tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a/x"})
	})
	add("hard link to a link", `entry "b": hard link to "a": target is no regular file`, func(p *prep, w *tarWriter) {
		w.link("a", p.outside+"/x")
		w.header(&tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a"})
	})
	for name, flag := range map[string]byte{"character device": tar.TypeChar, "block device": tar.TypeBlock, "named pipe": tar.TypeFifo} {
		add(name, `entry "a": found a `+name, func(_ *prep, w *tarWriter) { w.raw(rawHeader{name: "a", flag: flag}) })
	}
	add("10 GiB, GNU sparse", `entry "a": found a tar entry of type 'S'`, func(_ *prep, w *tarWriter) { w.gnuSparse("a", 10<<30) })
	add("10 GiB, PAX sparse", `entry "a": files have more bytes than the limit`, func(_ *prep, w *tarWriter) { w.paxSparse("a", 10<<30) })
	add("400 MiB, PAX sparse", `entry "a": it is sparse`, func(_ *prep, w *tarWriter) { w.paxSparse("a", 400<<20) })
	add("cut off", `entry "a": unexpected EOF`, func(_ *prep, w *tarWriter) {
		w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: 600})
		w.bytes("evil")
	})
	add("negative size", `reading tar: archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: -1}) })
	add("records of 10 MiB", `reading tar: archive/tar: `, func(_ *prep, w *tarWriter) {
		w.pax("path", strings.Repeat("d/", 5<<20), rawHeader{name: "a", flag: tar.TypeReg})
	})
	images("up through the layer below", `layer 1: entry "a/x": "a" leads out of the image`, unpackImage, func(p *prep) [][]byte {
		return [][]byte{tarOf(p, func(w *tarWriter) { w.link("a", "../../..") }), tarOf(p, func(w *tarWriter) { w.file("a/x", "evil") })}
	})
	images("whiteout through a link up", `layer 1: entry "a/.wh.x": "a" leads out of the image`, unpackImage, func(p *prep) [][]byte {
		return [][]byte{tarOf(p, func(w *tarWriter) { w.link("a", "..") }), tarOf(p, func(w *tarWriter) { w.file("a/.wh.x", "") })}
	})
	return append(all, layerBombs()...)
}

// layerBombs are layers that become large.
func layerBombs() []hazard {
	compressed := func(name, want string, feed func(*cell) error, data func(p *prep) []byte) hazard {
		return hazard{name: "layer: " + name, want: want, feed: feed, prepare: func(p *prep) {
			l := p.layout()
			l.index(l.image([]descriptor{l.blob(layerType+"+gzip", data(p))}, []string{someDigest}))
		}}
	}
	return []hazard{
		compressed("gzip bomb of 20 GiB", `decompressed layers have more bytes than the limit`, unpackImage, func(p *prep) []byte {
			head := tarOf(p, func(w *tarWriter) { w.file("a", ""); w.note(w.tar.Flush()); w.bad = true })
			return append(gzipped(head), bytes.Repeat(gzipped(make([]byte, 16<<20)), 20<<30/(16<<20))...)
		}),
		compressed("file of 20 GiB", `entry "a": files have more bytes than the limit`, unpackImage, func(p *prep) []byte {
			return gzipped(tarOf(p, func(w *tarWriter) { w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: 20 << 30}) }))
		}),
		compressed("a million names of 4000 bytes", `names have more than 67108864 bytes`, listImage, func(p *prep) []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			w := newTarWriter(z)
			for i := range 20_000 {
				w.file(fmt.Sprintf("%s%d", strings.Repeat("nnnnnnnnn/", 399), i), "")
			}
			if err := errors.Join(w.close(), z.Close()); err != nil {
				p.Fatal(err)
			}
			return b.Bytes()
		}),
		{name: "layer: a million entries", want: `reading tar: more than 300000 entries`, feed: listImage, prepare: func(p *prep) {
			l := p.layout()
			var b bytes.Buffer
			z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
			if _, err := io.Copy(z, &manyEntries{n: 1_000_000}); err != nil {
				p.Fatal(err)
			}
			if err := z.Close(); err != nil {
				p.Fatal(err)
			}
			l.index(l.image([]descriptor{l.blob(layerType+"+gzip", b.Bytes())}, []string{someDigest}))
		}},
		compressed("another diffID", `diffID: got sha256:`, unpackImage, func(p *prep) []byte { return gzipped(tarOf(p, func(w *tarWriter) { w.file("a", "a") })) }),
		compressed("no gzip", `reading tar: flate: corrupt input`, unpackImage, func(*prep) []byte { return []byte("\x1f\x8b\x08 no gzip at all") }),
		compressed("zstd with a window of 3 TiB", `window size exceeded`, unpackImage, func(*prep) []byte { return []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00") }),
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}
