package ociimage

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestParsePlatform(t *testing.T) {
	for _, tc := range []struct{ in, want, err string }{
		{in: "linux/amd64", want: "linux/amd64"},
		{in: "linux/amd64/v1", want: "linux/amd64"},
		{in: "linux/amd64/v3", want: "linux/amd64/v3"},
		{in: "linux/arm64", want: "linux/arm64/v8"},
		{in: "linux/arm64/8", want: "linux/arm64/v8"},
		{in: "linux/arm64/v8", want: "linux/arm64/v8"},
		{in: "linux/arm64/v9", want: "linux/arm64/v9"},
		{in: "linux/arm", want: "linux/arm/v7"},
		{in: "linux/arm/7", want: "linux/arm/v7"},
		{in: "linux/arm/6", want: "linux/arm/v6"},
		{in: "linux/s390x", want: "linux/s390x"},
		{in: "windows/amd64", want: "windows/amd64"},
		{in: "linux", err: "want os/architecture"},
		{in: "", err: "want os/architecture"},
		{in: "linux/", err: "architecture is missing"},
		{in: "/amd64", err: "os is missing"},
		{in: "linux/amd64/", err: "variant is empty"},
		{in: "linux/amd64/v1/x", err: "want os/architecture"},
		{in: "linux/x86_64", err: `architecture is "x86_64", want "amd64"`},
		{in: "linux/aarch64", err: `architecture is "aarch64", want "arm64"`},
		{in: "macos/arm64", err: `os is "macos", want "darwin"`},
		{in: "Linux/amd64", err: `"Linux" has a character`},
		{in: "linux/amd64 ", err: `"amd64 " has a character`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			p, err := ParsePlatform(tc.in)
			wantError(t, err, tc.err)
			if err == nil && p.String() != tc.want {
				t.Errorf("got %s, want %s", p, tc.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	idx := openLayout(t, buildLayout(t, testSpec(t, t.TempDir())))
	for _, tc := range []struct{ want, err string }{
		{want: "linux/amd64"},
		{want: "linux/arm64"},
		{want: "linux/arm64/v8"},
		{want: "linux/arm/v6"},
		{want: "linux/arm", err: `"linux/arm/v7": no image for it; there is linux/amd64, linux/arm/v6, linux/arm64/v8$`},
		{want: "darwin/amd64", err: "no image"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			p, err := ParsePlatform(tc.want)
			if err != nil {
				t.Fatal(err)
			}
			img, err := Find(idx, p)
			wantError(t, err, tc.err)
			if err != nil {
				return
			}
			cf, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if got := cf.Platform(); comparePlatforms(*got, p) != 0 {
				t.Errorf("got %s, want %s", got, p)
			}
		})
	}
}

// TestFindByConfig finds images whose descriptors say nothing of the platform,
// and sees two for one platform.
func TestFindByConfig(t *testing.T) {
	image := func(arch, author string) mutate.IndexAddendum {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, Author: author, RootFS: v1.RootFS{Type: "layers"}})
		if err != nil {
			t.Fatal(err)
		}
		return mutate.IndexAddendum{Add: img}
	}
	idx := mutate.AppendManifests(empty.Index, image("arm64", ""), image("amd64", "a"))
	if _, err := Find(idx, v1.Platform{OS: "linux", Architecture: "arm64"}); err != nil {
		t.Error(err)
	}
	_, err := Find(mutate.AppendManifests(idx, image("amd64", "a")), v1.Platform{OS: "linux", Architecture: "amd64"})
	wantError(t, err, "") // the same image twice
	_, err = Find(mutate.AppendManifests(idx, image("amd64", "b")), v1.Platform{OS: "linux", Architecture: "amd64"})
	wantError(t, err, `"linux/amd64": 2 images for it, want 1: sha256:\w+, sha256:\w+`)
	_, err = Find(empty.Index, v1.Platform{OS: "linux", Architecture: "amd64"})
	wantError(t, err, "there is none")
}
