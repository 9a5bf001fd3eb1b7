package ociimage

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

// TestArchitectures builds one index for eight architectures, and reads it by
// go-containerregistry.
func TestArchitectures(t *testing.T) {
	dir := t.TempDir()
	want := []string{"linux/386", "linux/amd64", "linux/amd64/v3", "linux/arm/v6", "linux/arm64/v8", "linux/ppc64le", "linux/riscv64", "linux/s390x"}
	spec := Spec{Created: testTime, Ref: "v1.2.3"}
	for _, p := range want {
		parts := append(strings.Split(p, "/"), "")
		spec.Platforms = append(spec.Platforms, PlatformSpec{
			OS: parts[0], Architecture: parts[1], Variant: parts[2],
			Layers: []LayerSpec{writeTestLayer(t, dir, strings.ReplaceAll(p, "/", "-"), archive.Entry{Path: "app", Content: []byte(p), Mode: 0o755})},
		})
	}
	slices.Reverse(spec.Platforms)
	theirs, err := layout.ImageIndexFromPath(buildLayout(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(theirs); err != nil {
		t.Error(err)
	}
	top, err := theirs.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	idx, err := theirs.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	im, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range im.Manifests {
		got = append(got, d.Platform.String())
		img, err := idx.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil || !config.Platform().Equals(*d.Platform) {
			t.Errorf("config of %s: got %v, %v", d.Platform, config.Platform(), err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
