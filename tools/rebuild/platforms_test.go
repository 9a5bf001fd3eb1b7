package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/universal"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// TestPlatforms rebuilds programs for levels and systems beside the usual ones, in each format
// of archives: as files of the release, of a universal binary, and without build information
// that debug/buildinfo reads.
func TestPlatforms(t *testing.T) {
	if os.Getenv("RELEASE_PLATFORMS") != "all" {
		t.Skip("compiles the standard library for 5 platforms, twice: RELEASE_PLATFORMS=all runs it")
	}
	w := newWorld(t)
	const pkg = "example.com/Tool/cmd/hello"
	user := w.env
	built := map[string][]byte{}
	var programs []goinfo.Program
	for _, name := range []string{"linux-amd64v3", "linux-mips_softfloat", "wasip1-wasm", "osx-amd64", "osx-arm64"} {
		p, err := platform.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		w.env = slices.Concat(user, p.Env())
		built[name] = w.install(pkg, strip)
		programs = append(programs, goinfo.Program{Name: "hello", Package: pkg, GOOS: p.GOOS, GOARCH: p.GOARCH, Level: p.Level})
	}
	w.env = user
	pack := func(f archive.Format, content []byte) string {
		var b bytes.Buffer
		if err := f.Write(&b, []archive.Entry{{Path: "bin/hello", Content: content, Mode: 0o755}}, archive.Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var halves []string
	for _, half := range []string{"osx-amd64", "osx-arm64"} {
		halves = append(halves, filepath.Join(t.TempDir(), half))
		if err := os.WriteFile(halves[len(halves)-1], built[half], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var fat bytes.Buffer
	if err := universal.Write(&fat, halves...); err != nil {
		t.Fatal(err)
	}
	dir := w.release(map[string]string{
		"hello-1.0.0-linux-amd64v3.tar.xz":         pack(archive.TarXz, built["linux-amd64v3"]),
		"hello-1.0.0-linux-mips_softfloat.tar.zst": pack(archive.TarZstd, built["linux-mips_softfloat"]),
		"hello-1.0.0-wasip1-wasm":                  string(built["wasip1-wasm"]),
		"hello-1.0.0-osx-universal.zip":            pack(archive.Zip, fat.Bytes()),
	})
	status, out, errs := w.rebuild(dir, programs)
	w.outcomes(programs, true)
	if status != cli.OK || strings.Count(out, ": identical, sha256:") != len(programs) || !strings.Contains(out, "hello linux/amd64/v3, ") {
		t.Errorf("got status %d\n%s%s\nwant %d identical programs", status, out, errs, len(programs))
	}
}
