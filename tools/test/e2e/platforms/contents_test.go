package platforms_test

import (
	"archive/tar"
	"bytes"
	"debug/macho"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
)

// checkUniversal compares the halves of the universal binary with the programs for one
// architecture.
func checkUniversal(t *testing.T, programs map[platform.Platform][]byte) {
	whole := programs[platform.Platform{GOOS: "darwin", GOARCH: platform.Universal}]
	fat, err := macho.NewFatFile(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if len(fat.Arches) != 2 {
		t.Fatalf("got %d programs, want 2", len(fat.Arches))
	}
	for i, want := range []struct {
		goarch string
		cpu    macho.Cpu
	}{{"amd64", macho.CpuAmd64}, {"arm64", macho.CpuArm64}} {
		half := fat.Arches[i]
		thin := programs[platform.Platform{GOOS: "darwin", GOARCH: want.goarch}]
		if half.Cpu != want.cpu || !bytes.Equal(whole[half.Offset:half.Offset+half.Size], thin) {
			t.Errorf("half %d: got %v of %d bytes, want the program of %d bytes for %s", i, half.Cpu, half.Size, len(thin), want.goarch)
		}
	}
}

// checkImage checks the index of the image: its platforms, and the program in the layers of
// each.
func (w *world) checkImage(t *testing.T, programs map[platform.Platform][]byte) {
	index := imagetest.Open(t, w.release("images", "tiny"))
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range m.Manifests {
		name := d.Platform.String()
		architecture := strings.TrimSuffix(name, "/v8") // the variant of every 64-bit ARM
		got = append(got, architecture)
		targets, err := platform.Targets(architecture)
		if err != nil || len(targets) != 1 {
			t.Errorf("%s: got targets %v, %v", name, targets, err)
			continue
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil || config.Platform().String() != name {
			t.Errorf("%s: got config for %s, %v", name, config.Platform(), err)
		}
		if content, err := fileOf(img, "usr/local/bin/tiny"); err != nil || !bytes.Equal(content, programs[targets[0]]) {
			t.Errorf("%s: got a program of %d bytes, %v, want the archives' of %d", name, len(content), err, len(programs[targets[0]]))
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(architectures)); !slices.Equal(got, want) {
		t.Errorf("got manifests for %q, want %q", got, want)
	}
}

// fileOf returns the content of a file in the image's only layer.
func fileOf(img v1.Image, name string) (content []byte, err error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	if len(layers) != 1 {
		return nil, errors.New("the image has not one layer")
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(files)
		}
	}
}
