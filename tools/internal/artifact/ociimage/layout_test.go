package ociimage

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	ours "github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestLayout reads and validates a layout by go-containerregistry.
func TestLayout(t *testing.T) {
	dir := buildLayout(t, testSpec(t, t.TempDir()))
	theirs, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(theirs); err != nil {
		t.Error(err)
	}
	im, err := theirs.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if im.MediaType != types.OCIImageIndex || len(im.Manifests) != 1 {
		t.Fatalf("index.json: got %+v", im)
	}
	if d := im.Manifests[0]; d.MediaType != types.OCIImageIndex || d.Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" || d.ArtifactType != "" {
		t.Errorf("index.json: got descriptor %+v", d)
	}
	var platforms []string
	idx, err := theirs.ImageIndex(im.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if im, err = idx.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	for _, d := range im.Manifests {
		platforms = append(platforms, d.Platform.String())
		if d.ArtifactType != "" {
			t.Errorf("%s: artifactType is %q, want none", d.Platform, d.ArtifactType)
		}
	}
	if want := []string{"linux/amd64", "linux/arm/v6", "linux/arm64/v8"}; !slices.Equal(platforms, want) {
		t.Errorf("got platforms %v, want %v", platforms, want)
	}
	if im.Annotations["org.opencontainers.image.title"] != "app" {
		t.Errorf("index: got annotations %v", im.Annotations)
	}
	// index, 3 manifests, 3 configs, 3 layers of an app, 1 shared layer
	if blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256")); err != nil || len(blobs) != 11 {
		t.Errorf("got %d blobs, %v, want 11", len(blobs), err)
	}
}

func TestConfig(t *testing.T) {
	img := imagetest.Find(t, imagetest.Open(t, buildLayout(t, testSpec(t, t.TempDir()))), "linux/arm64")
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf.RootFS.DiffIDs = nil
	got, err := jsonfile.Marshal(cf)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "architecture": "arm64",
  "created": "2026-01-31T12:00:00Z",
  "history": [
    {
      "created": "2026-01-31T12:00:00Z",
      "created_by": "release-builder image layer"
    },
    {
      "created": "2026-01-31T12:00:00Z",
      "created_by": "release-builder image layer"
    }
  ],
  "os": "linux",
  "rootfs": {
    "type": "layers",
    "diff_ids": null
  },
  "config": {
    "Cmd": [
      "serve"
    ],
    "Entrypoint": [
      "/usr/bin/app"
    ],
    "Env": [
      "PATH=/usr/bin",
      "A=b=c"
    ],
    "Labels": {
      "a": "1",
      "b": "2"
    },
    "User": "65532:65532",
    "WorkingDir": "/tmp",
    "ExposedPorts": {
      "53/udp": {},
      "8080/tcp": {}
    }
  },
  "variant": "v8"
}
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.MediaType != types.OCIManifestSchema1 || m.Config.MediaType != types.OCIConfigJSON || m.Layers[0].MediaType != types.OCILayer {
		t.Errorf("got media types of the manifest %+v", m)
	}
	if m.Annotations["org.opencontainers.image.version"] != "1.2.3" {
		t.Errorf("got annotations %v", m.Annotations)
	}
}

// TestRegistry pushes a layout to a registry and pulls it back.
func TestRegistry(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	idx := imagetest.Open(t, buildLayout(t, testSpec(t, t.TempDir())))
	ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/example/app:v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, idx); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulled); err != nil {
		t.Error(err)
	}
	want, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("got digest %s, %v, want %s", got, err, want)
	}
	// Back into a layout: the same blobs.
	again := filepath.Join(t.TempDir(), "again")
	if err := ours.Write(t.Context(), ours.WriteArgs{Dir: again, Index: pulled, Ref: "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	if got, err := imagetest.Open(t, again).Digest(); err != nil || got != want {
		t.Errorf("layout of what was pulled: got digest %s, %v, want %s", got, err, want)
	}
}

// TestSkopeo reads and copies a layout by skopeo.
func TestSkopeo(t *testing.T) {
	skopeo, ok := readers.Look(t, "skopeo")
	if !ok {
		return
	}
	dir := buildLayout(t, testSpec(t, t.TempDir()))
	copied := filepath.Join(t.TempDir(), "copied")
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, skopeo, "--policy", policy, "copy", "--all", "oci:"+dir+":v1.2.3", "oci:"+copied+":v1.2.3")
	want, got := fileDigests(t, filepath.Join(dir, "blobs")), fileDigests(t, filepath.Join(copied, "blobs"))
	if !slices.Equal(got, want) {
		t.Errorf("skopeo's copy has the blobs\n%v\nwant\n%v", got, want)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		out := tool(t, skopeo, "--override-os", "linux", "--override-arch", arch, "inspect", "--config", "oci:"+dir+":v1.2.3")
		if !strings.Contains(string(out), `"architecture": "`+arch+`"`) {
			t.Errorf("skopeo inspect --config for %s: got %s", arch, out)
		}
	}
}

// fileDigests returns "MODE PATH DIGEST" for each file and directory below dir.
func fileDigests(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		sum, _, err := digest.FromFile(p)
		list = append(list, rel+" "+string(sum))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestWriteLayoutCopies checks that a blob is not a link to the layer, and that the modes
// are fixed.
func TestWriteLayoutCopies(t *testing.T) {
	src := t.TempDir()
	spec := testSpec(t, src)
	dir := buildLayout(t, spec)
	layer, err := os.Stat(spec.Platforms[0].Layers[0].Tar)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if os.SameFile(info, layer) {
			t.Errorf("%q is the layer file itself", p)
		}
		if want := map[bool]os.FileMode{true: os.ModeDir | 0o755, false: 0o644}[info.IsDir()]; info.Mode() != want {
			t.Errorf("%q: mode is %s, want %s", p, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// editDescriptor changes the descriptor of a layer on disk.
func editDescriptor(t *testing.T, l LayerSpec, edit func(*LayerDescriptor)) {
	t.Helper()
	d, err := ReadLayerDescriptor(l.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	edit(&d)
	if err := jsonfile.Write(l.Descriptor, d); err != nil {
		t.Fatal(err)
	}
}

func TestDescriptorIsNotTrusted(t *testing.T) {
	other := digest.FromBytes([]byte("other"))
	for _, tc := range []struct {
		name string
		edit func(t *testing.T, l LayerSpec)
		err  string
	}{
		{"digest", func(t *testing.T, l LayerSpec) {
			editDescriptor(t, l, func(d *LayerDescriptor) { d.Digest = other })
		}, `layer ".*base.tar.gz": digest: got sha256:\w{64}, want ` + string(other)},
		{"diffID", func(t *testing.T, l LayerSpec) {
			editDescriptor(t, l, func(d *LayerDescriptor) { d.DiffID = other })
		}, `layer ".*base.tar.gz": diffID: got sha256:\w{64}, want ` + string(other)},
		{"size", func(t *testing.T, l LayerSpec) {
			editDescriptor(t, l, func(d *LayerDescriptor) { d.Size++ })
		}, `layer ".*base.tar.gz": size: got \d+ bytes, want \d+`},
		{"cut off", func(t *testing.T, l LayerSpec) {
			if err := os.Truncate(l.Tar, 100); err != nil {
				t.Fatal(err)
			}
		}, `layer ".*base.tar.gz": size: got 100 bytes, want \d+`},
		{"cut off, and described so", func(t *testing.T, l LayerSpec) {
			if err := os.Truncate(l.Tar, 100); err != nil {
				t.Fatal(err)
			}
			editDescriptor(t, l, func(d *LayerDescriptor) { d.Digest, d.Size, _ = digest.FromFile(l.Tar) })
		}, `layer ".*base.tar.gz": decompressing: unexpected EOF`},
		{"gone", func(t *testing.T, l LayerSpec) {
			if err := os.Remove(l.Tar); err != nil {
				t.Fatal(err)
			}
		}, `base.tar.gz: no such file`},
		{"descriptor gone", func(t *testing.T, l LayerSpec) {
			if err := os.Remove(l.Descriptor); err != nil {
				t.Fatal(err)
			}
		}, `reading layer descriptor: open .*base.json: no such file`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec := testSpec(t, t.TempDir())
			tc.edit(t, spec.Platforms[0].Layers[0])
			dir := t.TempDir()
			wantError(t, build(t, spec, dir), tc.err)
			if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
				t.Errorf("after the error the directory has %v, %v, want nothing", list, err)
			}
		})
	}
}

// TestSameLayerTwice passes one layer as two files, like a build for two platforms, and
// then alters the second.
func TestSameLayerTwice(t *testing.T) {
	src := t.TempDir()
	spec := testSpec(t, src)
	copied := writeTestLayer(t, t.TempDir(), "base",
		archive.Entry{Path: "etc/passwd", Content: []byte("root:x:0:0::/:/sbin/nologin\n")},
		archive.Entry{Path: "tmp/"},
		archive.Entry{Path: "bin", Symlink: "usr/bin"})
	want, err := imagetest.Open(t, buildLayout(t, spec)).Digest()
	if err != nil {
		t.Fatal(err)
	}
	spec.Platforms[1].Layers[0] = copied
	if got, err := imagetest.Open(t, buildLayout(t, spec)).Digest(); err != nil || got != want {
		t.Errorf("got digest %s, %v, want %s", got, err, want)
	}
	// A second file that claims the digest of the first.
	if err := os.WriteFile(copied.Tar, []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, build(t, spec, t.TempDir()), `layer ".*base.tar.gz": size: got 5 bytes`)
	editDescriptor(t, copied, func(d *LayerDescriptor) { d.DiffID = d.Digest })
	wantError(t, build(t, spec, t.TempDir()), `digest is sha256:\w+ for both, but diffID is`)
	// The same layer twice in one image is allowed.
	twice := testSpec(t, src)
	twice.Platforms[0].Layers = append(twice.Platforms[0].Layers, twice.Platforms[0].Layers[0])
	if err := validate.Index(imagetest.Open(t, buildLayout(t, twice))); err != nil {
		t.Error(err)
	}
}

func TestWriteLayoutDir(t *testing.T) {
	spec := testSpec(t, t.TempDir())
	dir := t.TempDir()
	if err := build(t, spec, dir); err != nil {
		t.Errorf("into an empty directory: %v", err)
	}
	before := fileDigests(t, dir)
	wantError(t, build(t, spec, dir), `directory is not empty: found "blobs"`)
	if after := fileDigests(t, dir); !slices.Equal(after, before) {
		t.Error("the directory was changed")
	}
	wantError(t, build(t, spec, filepath.Join(dir, "index.json")), `not a directory`)
	wantError(t, build(t, spec, filepath.Join(dir, "no", "parent")), `no such file`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	idx, err := Index(spec)
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if err := ours.Write(ctx, ours.WriteArgs{Dir: empty, Index: idx}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if list, err := os.ReadDir(empty); err != nil || len(list) > 0 {
		t.Errorf("after cancelling the directory has %v, %v, want nothing", list, err)
	}
}
