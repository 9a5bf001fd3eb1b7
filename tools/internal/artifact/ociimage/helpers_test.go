package ociimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
)

var testTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// tool runs a program and returns its output.
func tool(t *testing.T, path string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s %q: %v\n%s", path, args, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return out
}

// writeTestLayer writes NAME.tar.gz and NAME.json into dir.
func writeTestLayer(t *testing.T, dir, name string, entries ...archive.Entry) LayerSpec {
	t.Helper()
	spec := LayerSpec{Tar: filepath.Join(dir, name+".tar.gz"), Descriptor: filepath.Join(dir, name+".json")}
	f, err := os.Create(spec.Tar)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	desc, err := WriteLayer(f, entries, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := jsonfile.Write(spec.Descriptor, desc); err != nil {
		t.Fatal(err)
	}
	return spec
}

// testSpec returns a spec for three platforms that share a layer.
func testSpec(t *testing.T, dir string) Spec {
	t.Helper()
	base := writeTestLayer(t, dir, "base",
		archive.Entry{Path: "etc/passwd", Content: []byte("root:x:0:0::/:/sbin/nologin\n")},
		archive.Entry{Path: "tmp/"},
		archive.Entry{Path: "bin", Symlink: "usr/bin"})
	platform := func(arch, variant string) PlatformSpec {
		return PlatformSpec{
			OS: "linux", Architecture: arch, Variant: variant,
			Layers: []LayerSpec{base, writeTestLayer(t, dir, "app-"+arch,
				archive.Entry{Path: "usr/bin/app", Content: []byte("#!/bin/sh\necho " + arch + "\n"), Mode: 0o755})},
			Config: ConfigSpec{
				Entrypoint: []string{"/usr/bin/app"}, Cmd: []string{"serve"}, Env: []string{"PATH=/usr/bin", "A=b=c"},
				User: "65532:65532", WorkDir: "/tmp", Labels: map[string]string{"b": "2", "a": "1"}, Ports: []string{"8080", "53/udp"},
			},
		}
	}
	return Spec{
		Created:     testTime,
		Ref:         "v1.2.3",
		Annotations: map[string]string{"org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.title": "app"},
		Platforms:   []PlatformSpec{platform("amd64", ""), platform("arm", "v6"), platform("arm64", "")},
	}
}

// buildLayout writes the layout of spec and returns its directory.
func buildLayout(t *testing.T, spec Spec) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := build(t, spec, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func build(t *testing.T, spec Spec, dir string) error {
	idx, err := Index(spec)
	if err != nil {
		return err
	}
	return layout.Write(t.Context(), layout.WriteArgs{Dir: dir, Index: idx, Ref: spec.Ref})
}

// A tarEntry is one entry of a tar made for a test.
type tarEntry struct {
	name, body, link string
	flag             byte // zero: a directory if name ends in "/", else a file
	mode             int64
}

// makeTar returns the tar of entries, as they are.
func makeTar(t testing.TB, entries ...tarEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.flag, Mode: e.mode, Size: int64(len(e.body)), ModTime: testTime}
		if h.Typeflag == 0 && e.name != "" && e.name[len(e.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if e.flag == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: e.flag, PAXRecords: map[string]string{"comment": e.name}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var wantError = errtest.Match

func readCloser(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
