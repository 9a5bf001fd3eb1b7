package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// releaseVersion is the version of the published releases.
const releaseVersion = "1.2.0"

var imageArchitectures = []string{"amd64", "arm64"}

func imageName(i int) string { return fmt.Sprintf("image%02d", i) }

// sealRelease makes a directory of files a release: it writes lock.json, manifest.yaml and
// SHA256SUMS.
func sealRelease(dir string) error {
	stamp := time.Unix(1_700_000_000, 0).UTC()
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: releaseVersion, Product: "bench",
		Platforms: []string{"linux-amd64"}, Time: stamp,
		Dependencies: []lock.Dependency{{
			Name: "a", Primary: true, Local: &lock.Local{Path: "a", Commit: strings.Repeat("a0", 20)},
			Digest: string(digest.FromBytes(nil)), Time: stamp, Why: "HEAD of localpath",
		}},
	}
	l.Seal()
	if err := jsonfile.Write(filepath.Join(dir, release.LockFile), l); err != nil {
		return err
	}
	manifest := "version: " + releaseVersion + "\ndependencies:\n  a: {localpath: a}\n"
	if err := os.WriteFile(filepath.Join(dir, "manifest.yaml"), []byte(manifest), 0o644); err != nil {
		return err
	}
	var lines []string
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		path, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		d, _, err := digest.FromFile(file)
		lines = append(lines, filepath.ToSlash(path)+"\n"+d.Hex())
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(lines)
	for i, line := range lines {
		path, hex, _ := strings.Cut(line, "\n")
		lines[i] = hex + "  " + path + "\n"
	}
	return os.WriteFile(filepath.Join(dir, release.Checksums), []byte(strings.Join(lines, "")), 0o644)
}

// A benchImage is an image for each architecture, with common layers and layers of its own.
type benchImage struct{ seed, bases, own, layerSize int }

// makeImage writes an image as an OCI layout.
func makeImage(dir string, i benchImage) error {
	layer := func(seed, stream int) v1.Layer {
		data := make([]byte, i.layerSize)
		rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(stream)}).Read(data) // never fails
		return static.NewLayer(data, types.OCILayer)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for a, arch := range imageArchitectures {
		var layers []v1.Layer
		for base := range i.bases {
			layers = append(layers, layer(1000+base, 0))
		}
		for own := range i.own {
			layers = append(layers, layer(i.seed, a*i.own+own))
		}
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		img, err := mutate.AppendLayers(img, layers...)
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		config.OS, config.Architecture = "linux", arch
		if img, err = mutate.ConfigFile(img, config); err != nil {
			return err
		}
		platform := &v1.Platform{OS: "linux", Architecture: arch}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return p.AppendIndex(index)
}
