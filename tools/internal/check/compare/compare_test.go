package compare_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var stamp = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// A member is a file of an archive of any format.
type member struct {
	name, content string
	mode          int64
	uid           int
	uname         string
	mtime         time.Time
}

func members() []member {
	return []member{
		{"a.txt", "first\nsecond\n", 0o644, 0, "", stamp},
		{"bin/tool", "\x00\x01built in /build/one/src/main.go\x00\x02", 0o755, 0, "", stamp},
		{"id", "id: 6f1e2d3c4b5a69788796a5b4c3d2e1f0\n", 0o644, 0, "", stamp},
		{"z.json", `{"name": "z", "files": ["a", "b", "c"]}` + "\n", 0o644, 0, "", stamp},
	}
}

// leaks are the faults of a packer, one at a time.
var leaks = []struct {
	name string
	seed func(m []member) []member
}{
	{"mtime", func(m []member) []member { m[1].mtime = stamp.Add(90*time.Minute + 7*time.Second); return m }},
	{"zone", func(m []member) []member { m[1].mtime = stamp.Add(2 * time.Hour); return m }},
	{"order", func(m []member) []member { m[0], m[2] = m[2], m[0]; return m }},
	{"owner", func(m []member) []member { m[0].uid, m[0].uname = 1000, "builder"; return m }},
	{"umask", func(m []member) []member { m[1].mode = 0o700; return m }},
	{"mode", func(m []member) []member { m[0].mode = 0o755; return m }},
	{"content", func(m []member) []member { m[0].content = "first\nthird\n"; return m }},
	{"added", func(m []member) []member { return append(m, member{"zz", "more", 0o644, 0, "", stamp}) }},
	{"removed", func(m []member) []member { return m[1:] }},
	{"path", func(m []member) []member {
		m[1].content = strings.ReplaceAll(m[1].content, "/build/one", "/home/me/two")
		return m
	}},
	{"random", func(m []member) []member { m[2].content = "id: 0a9b8c7d6e5f40312213f4e5d6c7b8a9\n"; return m }},
	{"map-order", func(m []member) []member { m[3].content = `{"name": "z", "files": ["b", "c", "a"]}` + "\n"; return m }},
	{"renamed", func(m []member) []member { m[2].name = "id-2"; return m }},
}

// formats are the ways to pack members into the files of a release.
var formats = []struct {
	name string
	pack func(t *testing.T, m []member) map[string]string
}{
	{"tar", func(t *testing.T, m []member) map[string]string { return map[string]string{"x.tar": tarOf(t, m)} }},
	{"tar.gz", func(t *testing.T, m []member) map[string]string {
		return map[string]string{"x.tar.gz": gzipOf(t, tarOf(t, m), gzip.Header{OS: 255}, 6)}
	}},
	{"zip", func(t *testing.T, m []member) map[string]string { return map[string]string{"x.zip": zipOf(t, m)} }},
	{"image", func(t *testing.T, m []member) map[string]string {
		return imageOf(t, gzipOf(t, tarOf(t, m), gzip.Header{OS: 255}, 6), nil)
	}},
	{"nested", func(t *testing.T, m []member) map[string]string {
		inner := gzipOf(t, tarOf(t, m), gzip.Header{OS: 255}, 6)
		return map[string]string{"x.zip": zipOf(t, []member{{"in.tar.gz", inner, 0o644, 0, "", stamp}})}
	}},
}

// TestLeaks packs with each leak in each format, and checks that the difference is named.
func TestLeaks(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			var b bytes.Buffer
			for _, l := range leaks {
				r := trees(t, f.pack(t, members()), f.pack(t, l.seed(members())))
				b.WriteString("== " + l.name + "\n" + listed(r))
			}
			golden(t, "leaks-"+f.name+".txt", b.String())
		})
	}
}

// listed returns a line for each difference. It leaves out blobs of an image that only refer
// to another.
func listed(r *compare.Report) string {
	var b strings.Builder
	for _, f := range r.Files {
		for _, d := range f.Differences {
			if strings.HasPrefix(d.Cause, "explained at ") {
				continue
			}
			fmt.Fprintf(&b, "%s: %s: %s: %q → %q", f.Path, d.Member, d.What, d.Old, d.New)
			if d.Cause != "" {
				fmt.Fprintf(&b, " (%s)", d.Cause)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func tarOf(t *testing.T, m []member) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, x := range m {
		check(t, w.WriteHeader(&tar.Header{Name: x.name, Mode: x.mode, Size: int64(len(x.content)), ModTime: x.mtime, Uid: x.uid, Uname: x.uname}))
		_, err := w.Write([]byte(x.content))
		check(t, err)
	}
	check(t, w.Close())
	return b.String()
}

func gzipOf(t *testing.T, content string, h gzip.Header, level int) string {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	check(t, err)
	w.Header = h
	_, err = w.Write([]byte(content))
	check(t, err)
	check(t, w.Close())
	return b.String()
}

func zipOf(t *testing.T, m []member) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, x := range m {
		h := &zip.FileHeader{Name: x.name, Method: zip.Deflate, Modified: x.mtime}
		h.SetMode(os.FileMode(x.mode))
		f, err := w.CreateHeader(h)
		check(t, err)
		_, err = f.Write([]byte(x.content))
		check(t, err)
	}
	check(t, w.Close())
	return b.String()
}

// imageOf makes the files of an image of two platforms. The second has the layer, after one
// that does not change.
func imageOf(t *testing.T, layer string, alter func(c *v1.ConfigFile)) map[string]string {
	base := static.NewLayer([]byte(gzipOf(t, tarOf(t, members()[:1]), gzip.Header{}, 6)), types.OCILayer)
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for i, arch := range []string{"amd64", "arm64"} {
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		layers := []v1.Layer{base, static.NewLayer([]byte(layer), types.OCILayer)}
		img, err := mutate.AppendLayers(img, layers[:i+1]...)
		check(t, err)
		config, err := img.ConfigFile()
		check(t, err)
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Config.Env = "linux", arch, []string{"PATH=/bin"}
		if alter != nil {
			alter(config)
		}
		img, err = mutate.ConfigFile(img, config)
		check(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	check(t, err)
	check(t, p.AppendIndex(index))
	files := map[string]string{}
	sizes, err := release.Dir(dir).Sizes(t.Context())
	check(t, err)
	for name := range sizes {
		data, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		files["images/app/"+name] = string(data)
	}
	return files
}

// trees compares two releases with these files.
func trees(t testing.TB, old, new map[string]string) *compare.Report {
	t.Helper()
	r, err := compare.Trees(t.Context(), release.Dir(write(t, old)), release.Dir(write(t, new)))
	check(t, err)
	return r
}

func write(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, content := range files {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	return dir
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	check(t, err)
	if got != string(want) {
		t.Errorf("got\n%s\nwant %s; if it is right, run go test ./tools/internal/check/compare -update\n%s", got, name, want)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
