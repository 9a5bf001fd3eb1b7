package ociimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	theirs "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// dockerArchive returns the archive of one image of a layout.
func dockerArchive(t *testing.T, dir, platform, repository string) ([]byte, error) {
	t.Helper()
	p, err := ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = WriteDockerArchive(t.Context(), &b, DockerArchiveArgs{Layout: layout.Path(dir), Platform: p, Repository: repository, ModTime: testTime})
	return b.Bytes(), err
}

// gunzip is what readers of an archive see.
func gunzip(data []byte) tarball.Opener {
	return func() (io.ReadCloser, error) { return gzip.NewReader(bytes.NewReader(data)) }
}

// TestDockerArchive reads an archive of each platform by go-containerregistry, as a Docker
// archive and as a layout.
func TestDockerArchive(t *testing.T) {
	dir := buildLayout(t, testSpec(t, t.TempDir()))
	for _, platform := range []string{"linux/amd64", "linux/arm/v6", "linux/arm64"} {
		data, err := dockerArchive(t, dir, platform, "docker.io/me/app")
		if err != nil {
			t.Fatal(err)
		}
		want := imagetest.Find(t, imagetest.Open(t, dir), platform)
		tag, err := name.NewTag("me/app:v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		got, err := tarball.Image(gunzip(data), &tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(got); err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		sameConfig(t, got, want)
		unpacked := t.TempDir()
		untar(t, data, unpacked)
		top, err := theirs.ImageIndexFromPath(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(top); err != nil {
			t.Errorf("%s: as a layout: %v", platform, err)
		}
		m, err := top.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		d, err := want.Digest()
		if err != nil || len(m.Manifests) != 1 || m.Manifests[0].Digest != d || m.Manifests[0].Annotations[containerdName] != "docker.io/me/app:v1.2.3" {
			t.Errorf("%s: got %+v, %v, want manifest %s", platform, m.Manifests, err, d)
		}
	}
}

func sameConfig(t *testing.T, got, want v1.Image) {
	t.Helper()
	a, err1 := got.ConfigName()
	b, err2 := want.ConfigName()
	if err := errors.Join(err1, err2); err != nil || a != b {
		t.Errorf("config: got %s, want %s, %v", a, b, err)
	}
	layers, err1 := got.Layers()
	wanted, err2 := want.Layers()
	if err := errors.Join(err1, err2); err != nil || len(layers) != len(wanted) {
		t.Fatalf("got %d layers, want %d, %v", len(layers), len(wanted), err)
	}
	for i := range layers {
		a, err1 := layers[i].Digest()
		b, err2 := wanted[i].Digest()
		if err := errors.Join(err1, err2); err != nil || a != b {
			t.Errorf("layer %d: got %s, want %s, %v", i, a, b, err)
		}
	}
}

func untar(t *testing.T, data []byte, dir string) {
	t.Helper()
	z, err := gunzip(data)()
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(z)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(testTime) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: got %+v", h.Name, h)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(to, 0o755)
		} else {
			var content []byte
			if content, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(to, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDockerArchiveNames has the names that readers see.
func TestDockerArchiveNames(t *testing.T) {
	spec := testSpec(t, t.TempDir())
	spec.Ref = "1.2.3+build-debug"
	dir := buildLayout(t, spec)
	for _, tt := range []struct{ repository, tag, whole string }{
		{"app", "app:1.2.3_build-debug", "docker.io/library/app:1.2.3_build-debug"},
		{"docker.io/me/app", "docker.io/me/app:1.2.3_build-debug", "docker.io/me/app:1.2.3_build-debug"},
		{"registry.example:5000/a/b/app", "registry.example:5000/a/b/app:1.2.3_build-debug", "registry.example:5000/a/b/app:1.2.3_build-debug"},
	} {
		data, err := dockerArchive(t, dir, "linux/amd64", tt.repository)
		if err != nil {
			t.Fatal(err)
		}
		m, err := tarball.LoadManifest(gunzip(data))
		if err != nil || len(m) != 1 || strings.Join(m[0].RepoTags, " ") != tt.tag {
			t.Errorf("%s: got %+v, %v, want %s", tt.repository, m, err, tt.tag)
		}
		unpacked := t.TempDir()
		untar(t, data, unpacked)
		x, err := layout.Path(unpacked).Manifests()
		if err != nil || len(x) != 1 || x[0].Annotations[containerdName] != tt.whole || x[0].Annotations[layout.RefName] != "1.2.3_build-debug" {
			t.Errorf("%s: got %+v, %v, want %s", tt.repository, x, err, tt.whole)
		}
	}
}

// TestDockerArchiveDeterministic writes from a copy of the layout in another directory.
func TestDockerArchiveDeterministic(t *testing.T) {
	dir := buildLayout(t, testSpec(t, t.TempDir()))
	other := filepath.Join(t.TempDir(), "another directory")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TZ", "Pacific/Kiritimati")
	a, err1 := dockerArchive(t, dir, "linux/arm64", "app")
	b, err2 := dockerArchive(t, other, "linux/arm64/v8", "app")
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
		t.Errorf("got other bytes from a copy, %v", err)
	}
}

func TestDockerArchiveErrors(t *testing.T) {
	spec := testSpec(t, t.TempDir())
	dir := buildLayout(t, spec)
	spec.Ref = ""
	nameless := buildLayout(t, spec)
	altered := filepath.Join(t.TempDir(), "altered")
	if err := os.CopyFS(altered, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	layers, err := imagetest.Find(t, imagetest.Open(t, dir), "linux/arm64").Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(altered, "blobs", "sha256", h.Hex)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	blank := t.TempDir()
	if _, err := theirs.Write(blank, empty.Index); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, platform, repository, want string }{
		{dir, "linux/s390x", "app", `has no image for linux/s390x: it has images for linux/amd64, linux/arm/v6, linux/arm64/v8`},
		{dir, "linux/amd64", "App", `naming the image: .*App`},
		{nameless, "linux/amd64", "app", `the index has no name`},
		{altered, "linux/arm64", "app", `reading blob ".*` + h.Hex + `": digest: got sha256:[0-9a-f]+, want ` + h.String()},
		{altered, "linux/amd64", "app", ``},
		{blank, "linux/amd64", "app", `has no image index`},
		{t.TempDir(), "linux/amd64", "app", `no such file`},
	} {
		_, err := dockerArchive(t, tt.dir, tt.platform, tt.repository)
		wantError(t, err, tt.want)
	}
}

// TestDockerArchiveTools has other programs read an archive. They get the tar: crane reads no
// other, and the skopeo of Debian 12 reads no gzip of anybody's.
func TestDockerArchiveTools(t *testing.T) {
	dir := buildLayout(t, testSpec(t, t.TempDir()))
	data, err := dockerArchive(t, dir, "linux/arm64", "registry.example/me/app")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.tar.gz")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, readers.Find(t, "gzip"), "-d", file)
	file = strings.TrimSuffix(file, ".gz")
	if skopeo, ok := readers.Look(t, "skopeo"); ok {
		source := "docker-archive:" + file + ":registry.example/me/app:v1.2.3"
		got := tool(t, skopeo, "inspect", "--config", "--raw", source)
		want, err := imagetest.Find(t, imagetest.Open(t, dir), "linux/arm64").RawConfigFile()
		if err != nil || string(got) != string(want) {
			t.Errorf("skopeo inspect: got config %s, want %s, %v", got, want, err)
		}
		to := filepath.Join(t.TempDir(), "copy")
		tool(t, skopeo, "--insecure-policy", "copy", source, "oci:"+to+":x")
		img, err := layoutImage(to)
		if err == nil {
			err = validate.Image(img)
		}
		if err != nil {
			t.Errorf("skopeo copy: %v", err)
		}
	}
	if crane, ok := readers.Look(t, "crane"); ok {
		if out := tool(t, crane, "validate", "--tarball", file); !strings.Contains(string(out), "PASS") {
			t.Errorf("crane validate: got %s", out)
		}
	}
}

// layoutImage returns the one image of a layout.
func layoutImage(dir string) (v1.Image, error) {
	top, err := theirs.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	m, err := top.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		return nil, errors.Join(err, errors.New("want one manifest"))
	}
	return top.Image(m.Manifests[0].Digest)
}
