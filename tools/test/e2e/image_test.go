package e2e_test

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestImageLayout reads and checks every byte with go-containerregistry.
func TestImageLayout(t *testing.T) {
	l := readLock(t)
	index := craneIndex(t)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range m.Manifests {
		got = append(got, d.Platform.OS+"/"+d.Platform.Architecture)
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if !config.Created.Equal(l.Time) {
			t.Errorf("created: got %s, want %s", config.Created, l.Time)
		}
		if got, want := strings.Join(config.Config.Entrypoint, " "), "/usr/local/bin/crane"; got != want {
			t.Errorf("entrypoint: got %q, want %q", got, want)
		}
		if got, want := config.Config.User, "65532:65532"; got != want {
			t.Errorf("user: got %q, want %q", got, want)
		}
		if got := config.Config.Labels["org.opencontainers.image.version"]; got != l.Version {
			t.Errorf("label version: got %q, want %q", got, l.Version)
		}
	}
	if !slices.Equal(got, l.Architectures) {
		t.Errorf("platforms: got %v, want %v", got, l.Architectures)
	}
}

// craneIndex returns the one image index of the layout.
func craneIndex(t *testing.T) v1.ImageIndex { return imagetest.Open(t, copyLayout(t)) }

// copyLayout returns a copy of crane's layout. Some readers write beside it, or refuse
// symbolic links, which Bazel passes.
func copyLayout(t *testing.T) string {
	t.Helper()
	source, copied := filepath.Join(dir(t), "images", "crane"), filepath.Join(t.TempDir(), "crane")
	walk(t, source, func(name string) {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(copied, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	})
	return copied
}

// TestCraneFromImage runs the program from the image's root file system.
func TestCraneFromImage(t *testing.T) {
	l := readLock(t)
	to := t.TempDir()
	untar(t, mutate.Extract(imagetest.Find(t, craneIndex(t), strings.Replace(hostPlatform(), "-", "/", 1))), to)
	got := string(run(t, nil, filepath.Join(to, "usr", "local", "bin", "crane"), "version"))
	if want := version(t, l, "crane"); !strings.HasPrefix(got, want) {
		t.Errorf("crane version: got %q, want %q", got, want)
	}
	certs, err := os.ReadFile(filepath.Join(to, "etc", "ssl", "certs", "ca-certificates.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(certs), "-----BEGIN CERTIFICATE-----"); n < 100 {
		t.Errorf("ca-certificates.crt has %d certificates, want at least 100", n)
	}
}

// TestOtherReaders reads the layout with skopeo and umoci.
func TestOtherReaders(t *testing.T) {
	l := readLock(t)
	copied := copyLayout(t)
	if skopeo, ok := readers.Look(t, "skopeo"); ok {
		flat := filepath.Join(t.TempDir(), "flat")
		run(t, nil, skopeo, "--insecure-policy", "--override-arch=arm64", "--override-os=linux", "copy", "oci:"+copied+":"+l.Version, "oci:"+flat+":arm64")
		if umoci, ok := readers.Look(t, "umoci"); ok {
			bundle := filepath.Join(t.TempDir(), "bundle")
			run(t, nil, umoci, "unpack", "--rootless", "--image", flat+":arm64", bundle)
			if _, err := os.Stat(filepath.Join(bundle, "rootfs", "usr", "local", "bin", "crane")); err != nil {
				t.Error(err)
			}
		}
	}
}

// untar unpacks the files of a tar of this release. It is not safe for other tars.
func untar(t *testing.T, r io.ReadCloser, to string) {
	t.Helper()
	defer r.Close()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(tr)
		name := filepath.Join(to, h.Name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, h.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
	}
}

// unzip unpacks a zip of this release. It is not safe for other zips.
func unzip(t *testing.T, file, to string) string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		name := filepath.Join(to, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, f.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
