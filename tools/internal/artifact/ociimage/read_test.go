package ociimage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A rawLayout is a layout put together by hand.
type rawLayout struct {
	t   testing.TB
	dir string
}

func newRawLayout(t testing.TB) rawLayout {
	t.Helper()
	l := rawLayout{t, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(l.dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.file("oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`))
	return l
}

func (l rawLayout) file(name string, data []byte) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), data, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// blob adds a blob and returns its descriptor.
func (l rawLayout) blob(mediaType types.MediaType, data []byte) v1.Descriptor {
	l.t.Helper()
	d := v1.Descriptor{MediaType: mediaType, Size: int64(len(data)), Digest: v1Hash(digest.FromBytes(data))}
	if err := os.WriteFile(blobPath(l.dir, d.Digest), data, 0o644); err != nil {
		l.t.Fatal(err)
	}
	return d
}

func (l rawLayout) json(mediaType types.MediaType, v any) v1.Descriptor {
	l.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.blob(mediaType, data)
}

func (l rawLayout) index(manifests ...v1.Descriptor) v1.Descriptor {
	return l.json(types.OCIImageIndex, v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: manifests})
}

// top writes index.json.
func (l rawLayout) top(manifests ...v1.Descriptor) {
	l.t.Helper()
	data, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: manifests})
	if err != nil {
		l.t.Fatal(err)
	}
	l.file("index.json", data)
}

// image adds an image with the layer, whose tar is tar.
func (l rawLayout) image(layer v1.Descriptor, tar []byte) v1.Descriptor {
	config := l.json(types.OCIConfigJSON, v1.ConfigFile{OS: "linux", Architecture: "amd64",
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{v1Hash(digest.FromBytes(tar))}}})
	return l.json(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer}})
}

func TestLayerCompression(t *testing.T) {
	tar := makeTar(t, tarEntry{name: "a", body: "x"})
	compress := func(c compression.Compression) []byte {
		opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(tar)), nil }
		layer, err := tarball.LayerFromOpener(opener, tarball.WithCompression(c))
		if err != nil {
			t.Fatal(err)
		}
		r, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, tc := range []struct {
		mediaType types.MediaType
		data      []byte
	}{
		{types.OCIUncompressedLayer, tar},
		{types.OCILayer, compress(compression.GZip)},
		{types.DockerLayer, compress(compression.GZip)},
		{types.OCILayerZStd, compress(compression.ZStd)},
	} {
		t.Run(string(tc.mediaType), func(t *testing.T) {
			l := newRawLayout(t)
			l.top(l.image(l.blob(tc.mediaType, tc.data), tar))
			idx, err := Open(l.dir)
			if err != nil {
				t.Fatal(err)
			}
			img, err := Find(idx, v1.Platform{OS: "linux", Architecture: "amd64"})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := Unpack(t.Context(), UnpackArgs{Image: img, Dir: dir}); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, dir); len(got) != 1 || got[0] != "a 755 x" {
				t.Errorf("got %q", got)
			}
			// A byte behind the compressed stream is no part of the tar, but of the blob.
			spoiled := append(bytes.Clone(tc.data), 0)
			if err := os.WriteFile(blobPath(l.dir, v1Hash(digest.FromBytes(tc.data))), spoiled, 0o644); err != nil {
				t.Fatal(err)
			}
			wantError(t, Unpack(t.Context(), UnpackArgs{Image: img, Dir: t.TempDir()}), `size: got \d+ bytes, want \d+`)
			spoiled = bytes.Clone(tc.data)
			spoiled[len(spoiled)-1] ^= 1
			if err := os.WriteFile(blobPath(l.dir, v1Hash(digest.FromBytes(tc.data))), spoiled, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := Unpack(t.Context(), UnpackArgs{Image: img, Dir: t.TempDir()}); err == nil {
				t.Error("a blob with another last byte: got no error")
			}
		})
	}
}

func TestOpenHostile(t *testing.T) {
	tar := makeTar(t, tarEntry{name: "a"})
	good := func(l rawLayout) v1.Descriptor { return l.image(l.blob(types.OCIUncompressedLayer, tar), tar) }
	for _, tc := range []struct {
		name string
		make func(l rawLayout)
		err  string
	}{
		{"good", func(l rawLayout) { l.top(good(l)) }, ""},
		{"nested", func(l rawLayout) { l.top(l.index(l.index(good(l)))) }, ""},
		{"unknown fields", func(l rawLayout) { l.file("index.json", []byte(`{"schemaVersion": 2, "new": 1, "manifests": []}`)) }, ""},
		{"no marker", func(l rawLayout) { os.Remove(filepath.Join(l.dir, "oci-layout")) }, `oci-layout: no such file`},
		{"marker is no JSON", func(l rawLayout) { l.file("oci-layout", []byte("x")) }, `parsing oci-layout: invalid character`},
		{"other version", func(l rawLayout) { l.file("oci-layout", []byte(`{"imageLayoutVersion": "2.0.0"}`)) }, `imageLayoutVersion is "2.0.0", want "1.0.0"`},
		{"no index", func(l rawLayout) {}, `index.json: no such file`},
		{"index too large", func(l rawLayout) { l.file("index.json", make([]byte, 5<<20)) }, `more than 4194304 bytes`},
		{"index is no JSON", func(l rawLayout) { l.file("index.json", []byte("{}x")) }, `parsing index.json: invalid character 'x'`},
		{"index without version", func(l rawLayout) { l.file("index.json", []byte("{}")) }, `schemaVersion is 0, want 2`},
		{"index is a manifest", func(l rawLayout) {
			l.file("index.json", []byte(`{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}`))
		}, `mediaType is "application/vnd.oci.image.manifest.v1\+json", want`},
		{"digest with dots", func(l rawLayout) {
			l.file("index.json", []byte(`{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "size": 1, "digest": "sha256:../../../../etc/passwd"}]}`))
		}, `non-hex character`},
		{"digest with another algorithm", func(l rawLayout) {
			d := good(l)
			d.Digest = v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("0", 128)}
			l.top(d)
		}, `algorithm is "sha512", want sha256`},
		{"manifest missing", func(l rawLayout) {
			d := good(l)
			os.Remove(blobPath(l.dir, d.Digest))
			l.top(d)
		}, `reading blob: .*no such file`},
		{"manifest of another size", func(l rawLayout) { d := good(l); d.Size--; l.top(d) }, `size: got \d+ bytes, want \d+`},
		{"negative size", func(l rawLayout) { d := good(l); d.Size = -1; l.top(d) }, `size: got \d+ bytes, want -1`},
		{"manifest too large", func(l rawLayout) { l.top(l.blob(types.OCIManifestSchema1, make([]byte, 5<<20))) }, `size is 5242880 bytes, want at most 4194304`},
		{"manifest with another digest", func(l rawLayout) {
			d := good(l)
			os.WriteFile(blobPath(l.dir, d.Digest), make([]byte, d.Size), 0o644)
			l.top(d)
		}, `digest: got sha256:\w+, want sha256:\w+`},
		{"manifest is a directory", func(l rawLayout) {
			d := good(l)
			os.Remove(blobPath(l.dir, d.Digest))
			os.Mkdir(blobPath(l.dir, d.Digest), 0o755)
			l.top(d)
		}, `found d---------, want a regular file`},
		{"manifest is no JSON", func(l rawLayout) { l.top(l.blob(types.OCIManifestSchema1, []byte("x"))) }, `parsing manifest sha256:\w+: invalid character`},
		{"manifest is an index", func(l rawLayout) {
			d := l.index()
			d.MediaType = types.OCIManifestSchema1
			l.top(d)
		}, `parsing manifest sha256:\w+: mediaType is "application/vnd.oci.image.index.v1\+json", want`},
		{"config is no JSON", func(l rawLayout) {
			l.top(l.json(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2, Config: l.blob(types.OCIConfigJSON, []byte("x"))}))
		}, `reading config of image sha256:\w+: invalid character`},
		{"config missing", func(l rawLayout) {
			l.top(l.json(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2, Config: v1.Descriptor{MediaType: types.OCIConfigJSON}}))
		}, `cannot parse hash`},
		{"config without diffIDs", func(l rawLayout) {
			l.top(l.json(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2,
				Config: l.json(types.OCIConfigJSON, v1.ConfigFile{}),
				Layers: []v1.Descriptor{l.blob(types.OCIUncompressedLayer, tar)}}))
		}, `manifest has 1 layers, but config has 0 diffIDs`},
		{"layer with another diffID", func(l rawLayout) { l.top(l.image(l.blob(types.OCIUncompressedLayer, tar), []byte("x"))) }, `layer sha256:\w+: diffID: got sha256:\w+, want sha256:\w+`},
		{"layer is no tar", func(l rawLayout) {
			b := bytes.Repeat([]byte("x"), 1024)
			l.top(l.image(l.blob(types.OCIUncompressedLayer, b), b))
		}, `reading tar: archive/tar: invalid tar header`},
		{"layer twice the same path", func(l rawLayout) {
			b := makeTar(t, tarEntry{name: "a"}, tarEntry{name: "a"})
			l.top(l.image(l.blob(types.OCIUncompressedLayer, b), b))
		}, `entry "a": path stands twice`},
		{"too deep", func(l rawLayout) {
			d := l.index()
			for range 9 {
				d = l.index(d)
			}
			l.top(d)
		}, `more than 8 levels`},
		{"too many", func(l rawLayout) {
			d := l.index()
			for range 3 {
				d = l.index(d, d, d, d, d, d, d, d, d, d)
			}
			l.top(d)
		}, `more than 1000 manifests`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newRawLayout(t)
			tc.make(l)
			idx, err := Open(l.dir)
			if err == nil {
				err = List(t.Context(), io.Discard, idx)
			}
			wantError(t, err, tc.err)
		})
	}
}

// TestOpenLinks reads a layout of links, as Bazel's sandbox has it.
func TestOpenLinks(t *testing.T) {
	raw, linked := newRawLayout(t), t.TempDir()
	tar := makeTar(t, tarEntry{name: "a"})
	raw.top(raw.image(raw.blob(types.OCIUncompressedLayer, tar), tar))
	err := filepath.WalkDir(raw.dir, func(p string, d os.DirEntry, err error) error {
		rel, relErr := filepath.Rel(raw.dir, p)
		switch {
		case err != nil || relErr != nil:
			return fmt.Errorf("%v, %v", err, relErr)
		case d.IsDir():
			return os.MkdirAll(filepath.Join(linked, rel), 0o755)
		}
		return os.Symlink(p, filepath.Join(linked, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
	idx, err := Open(linked)
	if err != nil {
		t.Fatal(err)
	}
	if err := List(t.Context(), io.Discard, idx); err != nil {
		t.Error(err)
	}
}

// TestListArtifact lists what is neither an image nor an index.
func TestListArtifact(t *testing.T) {
	l := newRawLayout(t)
	artifact := l.json(types.OCIManifestSchema1, v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: l.blob(types.OCIEmptyJSON, []byte("{}")),
		Layers: []v1.Descriptor{l.blob("application/x", []byte("x"))},
	})
	artifact.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	l.top(artifact, l.blob("text/plain\n", []byte("y")))
	idx, err := Open(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := List(t.Context(), &b, idx); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`manifest unknown/unknown %s %d application/vnd.oci.image.manifest.v1+json
  config %s 2 application/vnd.oci.empty.v1+json
  blob %s 1 application/x
other %s 1 "text/plain\n"
`, artifact.Digest, artifact.Size, digest.FromBytes([]byte("{}")), digest.FromBytes([]byte("x")), digest.FromBytes([]byte("y")))
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
