package bundle

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// pushImage puts an image into a registry and returns what it is called there.
func pushImage(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	img, err := random.Image(5_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(s.URL, "http://") + "/base:1")
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// TestBaseImage: a base image that no build has read yet is fetched, and its blobs are packed.
func TestBaseImage(t *testing.T) {
	dir := t.TempDir()
	if err := plant(dir); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", filepath.Join(dir, "ws"))
	t.Setenv("RELEASE_STORE", filepath.Join(dir, "store"))
	elsewhere, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img, err := baseimage.Pin(t.Context(), baseimage.Args{
		Name: "app", Base: pushImage(t), Platforms: []string{"linux/amd64"}, Store: elsewhere, Keychain: authn.DefaultKeychain,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ws", "manifests", "demo", "lock.json")
	l, err := lock.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	l.Images = []lock.Image{*img}
	l.Seal()
	if err := jsonfile.Write(file, l); err != nil {
		t.Fatal(err)
	}
	pack := func() (int, string, string) {
		var stdout, stderr strings.Builder
		status := Run(t.Context(), []string{
			"--active", "demo", "--modules", filepath.Join(dir, "modules.txt"), "--go", "go", "pack", "--no-root", "--platform", "linux_amd64", "--out", filepath.Join(dir, "b.tar"),
		}, &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	t.Setenv("RELEASE_AIRGAP", "1")
	if status, _, stderr := pack(); status != cli.Failure || !strings.Contains(stderr, `line demo: lock entry "app": `) || !strings.Contains(stderr, "is not in the store") {
		t.Errorf("without a network: got %d, %s", status, stderr)
	}
	t.Setenv("RELEASE_AIRGAP", "")
	status, stdout, stderr := pack()
	if status != cli.OK || !strings.Contains(stderr, "fetching what the store lacks") || !strings.Contains(stdout, "image app") {
		t.Errorf("got %d\n%s\n%s", status, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "store", "oci", "blobs", "sha256", img.Digest.Hex())); err != nil {
		t.Error(err)
	}
}
