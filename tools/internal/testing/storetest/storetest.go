// Package storetest fills stores for tests.
package storetest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Blob adds a text to the store.
func Blob(s *store.Store, text string) (digest.Digest, error) {
	d, _, err := s.PutBlob(strings.NewReader(text))
	return d, err
}

// Module adds a module to the store that has only a go.mod, in a proxy's layout.
func Module(s *store.Store, path, version string) (lock.GoModule, error) {
	m, v := lock.GoModule{Path: path, Version: version}, module.Version{Path: path, Version: version}
	goMod := "module " + path + "\n"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(v.String() + "/go.mod")
	if err != nil {
		return m, err
	}
	if _, err := io.WriteString(f, goMod); err != nil {
		return m, err
	}
	if err := z.Close(); err != nil {
		return m, err
	}
	for ext, data := range map[string][]byte{".zip": b.Bytes(), ".mod": []byte(goMod), ".info": fmt.Appendf(nil, `{"Version":%q}`, version)} {
		if err := s.PutModule(v, ext, func(f *os.File) error {
			_, err := f.Write(data)
			return err
		}); err != nil {
			return m, err
		}
	}
	if m.Sum, err = sum(v.String()+"/go.mod", goMod); err == nil {
		m.GoModSum, err = sum("go.mod", goMod)
	}
	return m, err
}

// sum returns the h1 sum of one file.
func sum(name, text string) (string, error) {
	return dirhash.Hash1([]string{name}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
}

// The media types that Image uses.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// Image adds a base image for linux/amd64, whose layers are texts, to the store.
func Image(s *store.Store, name string, layers ...string) (lock.Image, error) {
	var size int
	put := func(mediaType string, data []byte) (map[string]any, error) {
		d := digest.FromBytes(data)
		size += len(data)
		return map[string]any{"mediaType": mediaType, "digest": d, "size": len(data)}, s.PutOCIBlob(bytes.NewReader(data), d, int64(len(data)))
	}
	config, err := put(configType, []byte(`{"os": "linux", "architecture": "amd64"}`))
	if err != nil {
		return lock.Image{}, err
	}
	var list []any
	for _, text := range layers {
		layer, err := put(layerType, []byte(text))
		if err != nil {
			return lock.Image{}, err
		}
		list = append(list, layer)
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": list})
	if err != nil {
		return lock.Image{}, err
	}
	if _, err := put(manifestType, raw); err != nil {
		return lock.Image{}, err
	}
	d := digest.FromBytes(raw)
	err = layout.Path(s.OCIDir()).Add(v1.Descriptor{MediaType: manifestType, Size: int64(len(raw)), Digest: layout.Hash(d)})
	return lock.Image{Name: name, Base: "test/" + name, Digest: d, Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: d, Size: int64(size)}}}, err
}

// TarDigest returns the digest of the canonical tar of a repository's HEAD.
func TarDigest(tb testing.TB, dir string) digest.Digest {
	tb.Helper()
	repo, err := gitsource.OpenLocal(tb.Context(), "", dir)
	if err != nil {
		tb.Fatal(err)
	}
	r := repo.Tar(tb.Context(), nil)
	d, _, err := digest.FromReader(r)
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return d
}
