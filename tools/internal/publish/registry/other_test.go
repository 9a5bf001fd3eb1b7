package registry

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
)

// other pushes an image that is not the release's and returns its digest. A
// version with label- before it stands in the config, one with other- or without
// in an annotation of the index.
func other(t testing.TB, s *registrytest.Server, at, version string) string {
	t.Helper()
	ref, err := name.ParseReference(at)
	if err != nil {
		t.Fatal(err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config := v1.Config{Labels: map[string]string{"test": version}}
	if v, ok := strings.CutPrefix(version, "label-"); ok {
		config.Labels[versionKey], version = v, ""
	}
	if img, err = mutate.Config(img, config); err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: img})
	if v := strings.TrimPrefix(version, "other-"); v != "" {
		index = mutate.Annotations(index, map[string]string{versionKey: v}).(v1.ImageIndex)
	}
	if err := remote.WriteIndex(ref, index, remote.WithTransport(s.Transport)); err != nil {
		t.Fatal(err)
	}
	h, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}
