package ociimage

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

// TestWriteLayer compares the descriptor with what the standard library and
// go-containerregistry compute from the bytes.
func TestWriteLayer(t *testing.T) {
	var b bytes.Buffer
	got, err := WriteLayer(&b, []archive.Entry{
		{Path: "usr/bin/app", Content: bytes.Repeat([]byte("abc"), 1<<20), Mode: 0o755},
		{Path: "bin", Symlink: "usr/bin"},
	}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	diffID, _, err := digest.FromReader(gz)
	if err != nil {
		t.Fatal(err)
	}
	want := LayerDescriptor{types.OCILayer, digest.FromBytes(b.Bytes()), int64(b.Len()), diffID}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(opener)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Layer(layer); err != nil {
		t.Error(err)
	}
	lines, err := archivetest.List(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	const list = `lrwxrwxrwx 0:0 0 2026-01-31T12:00:00Z bin -> usr/bin
drwxr-xr-x 0:0 0 2026-01-31T12:00:00Z usr/
drwxr-xr-x 0:0 0 2026-01-31T12:00:00Z usr/bin/
-rwxr-xr-x 0:0 3145728 2026-01-31T12:00:00Z usr/bin/app sha256:cc932bce1f4a`
	if got := strings.Join(lines, "\n"); got != list {
		t.Errorf("got\n%s\nwant\n%s", got, list)
	}
}

func TestWriteLayerErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".wh.x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		entry archive.Entry
		err   string
	}{
		{"whiteout", archive.Entry{Path: "etc/.wh.passwd", Content: []byte{}}, `"etc/.wh.passwd": name ".wh.passwd" would remove`},
		{"opaque whiteout", archive.Entry{Path: ".wh..wh..opq", Content: []byte{}}, `would remove`},
		{"directory of a whiteout", archive.Entry{Path: ".wh.a/b", Content: []byte{}}, `".wh.a" would remove`},
		{"whiteout on disk", archive.Entry{Path: "etc", Source: dir}, `"etc/.wh.x": name ".wh.x" would remove`},
		{"no such source", archive.Entry{Path: "etc", Source: filepath.Join(dir, "none")}, `no such file`},
		{"path leads out", archive.Entry{Path: "../etc", Content: []byte{}}, `"../etc"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := WriteLayer(io.Discard, []archive.Entry{tc.entry}, testTime)
			wantError(t, err, tc.err)
		})
	}
	full := errors.New("disk is full")
	_, err := WriteLayer(failingWriter{full}, []archive.Entry{{Path: "a", Content: make([]byte, 8<<20)}}, testTime)
	if !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestReadLayerDescriptor(t *testing.T) {
	const sum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	const good = `{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "` + sum + `", "size": 1, "diffID": "` + sum + `"}`
	for _, tc := range []struct{ name, in, err string }{
		{"good", good, ""},
		{"media type", strings.Replace(good, "+gzip", "+zstd", 1), `mediaType is "application/vnd.oci.image.layer.v1.tar\+zstd", want "application/vnd.oci.image.layer.v1.tar\+gzip"`},
		{"digest", strings.Replace(good, `"sha256:0`, `"sha256:X`, 1), `parsing digest "sha256:X`},
		{"diffID", strings.Replace(good, `diffID": "sha256:0`, `diffID": "sha256:`, 1), `parsing digest`},
		{"size", strings.Replace(good, `1,`, `0,`, 1), `size is 0`},
		{"unknown field", strings.Replace(good, `size`, `Sizes`, 1), `unknown field "Sizes"`},
		{"empty", "", `desc.json:1: `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "desc.json")
			if err := os.WriteFile(name, []byte(tc.in), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadLayerDescriptor(name)
			wantError(t, err, tc.err)
		})
	}
}

// TestMemory writes a layer and a layout of a file that is larger than the memory limit.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses 300 MiB of zeros")
	}
	const limit = 256 << 20
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 300<<20); err != nil {
		t.Fatal(err)
	}
	peak := watchMemory(t)
	spec := Spec{Created: testTime, Platforms: []PlatformSpec{{
		OS: "linux", Architecture: "amd64",
		Layers: []LayerSpec{writeTestLayer(t, dir, "big", archive.Entry{Path: "big", Source: big})},
	}}}
	buildLayout(t, spec)
	if got := peak(); got > limit {
		t.Errorf("got %d MiB of memory, want at most %d", got>>20, limit>>20)
	} else {
		t.Logf("%d MiB of memory", got>>20)
	}
}

// watchMemory returns a function that returns the peak memory of the Go runtime since
// then, in bytes.
func watchMemory(t *testing.T) func() uint64 {
	var peak uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.Sys-m.HeapReleased)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() {
		select {
		case <-stop:
		default:
			close(stop)
		}
	})
	return func() uint64 {
		close(stop)
		<-done
		return peak
	}
}
