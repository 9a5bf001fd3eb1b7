// Package releasetest makes small releases for tests.
package releasetest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Time is every time in a release that a test makes, unless Args has another commit time.
var Time = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// Args says what a release has besides lock.json, manifest.yaml and SHA256SUMS.
type Args struct {
	Version string // default 1.2.0
	// Time is the commit time of the primary dependency; default Time.
	Time time.Time
	// Files are contents by path.
	Files map[string]string
	// Images are names; app:debug is the variant debug of app, at images/app-debug. Each has linux/amd64 and linux/arm64, with two layers of its own per
	// platform, on the same Bases layers (default 1). A layer has a file of LayerSize
	// incompressible bytes (default 1000).
	Images           []string
	Bases, LayerSize int
	// Charts are names, below helm/; their version is the release's.
	Charts []string
	// Git are the pinned repositories: name → URL@commit.
	Git map[string]string
	// Dirty makes the first dependency dirty, so that it may not be published.
	Dirty bool
}

// Make makes a release and returns its directory. Equal arguments give equal bytes.
func Make(tb testing.TB, a Args) string {
	tb.Helper()
	if a.Version == "" {
		a.Version = "1.2.0"
	}
	if a.Time.IsZero() {
		a.Time = Time
	}
	dir := filepath.Join(tb.TempDir(), "release")
	write := func(path string, data []byte) {
		name := filepath.Join(dir, filepath.FromSlash(path))
		check(tb, os.MkdirAll(filepath.Dir(name), 0o755))
		check(tb, os.WriteFile(name, data, 0o644))
	}
	for p, content := range a.Files {
		write(p, []byte(content))
	}
	for _, name := range a.Charts {
		write("helm/"+name+"-"+a.Version+".tgz", chart(tb, path.Base(name), a.Version))
	}
	for i, name := range a.Images {
		name, variant, _ := strings.Cut(name, ":")
		writeImage(tb, dir, image{name, variant, uint64(i)}, a)
	}
	write("manifest.yaml", manifestOf(a))
	data, err := jsonfile.Marshal(newLock(a))
	check(tb, err)
	write(release.LockFile, data)
	Seal(tb, dir)
	return dir
}

// Small writes a release of one file beside its lock, for examples: they have no
// testing.TB.
func Small(dir string) error {
	data, err := jsonfile.Marshal(newLock(Args{Version: "1.2.0", Time: Time}))
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, f := range []struct{ name, content string }{{"hello.txt", "hello"}, {release.LockFile, string(data)}} {
		fmt.Fprintf(&sums, "%s  %s\n", digest.FromBytes([]byte(f.content)).Hex(), f.name)
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.content), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, release.Checksums), []byte(sums.String()), 0o644)
}

// Open opens the release in a directory.
func Open(tb testing.TB, dir string) *release.Tree {
	tb.Helper()
	t, err := release.Open(tb.Context(), release.Dir(dir))
	check(tb, err)
	return t
}

// Seal writes the SHA256SUMS of a release's directory.
func Seal(tb testing.TB, dir string) {
	tb.Helper()
	check(tb, os.RemoveAll(filepath.Join(dir, release.Checksums)))
	sizes, err := release.Dir(dir).Sizes(tb.Context())
	check(tb, err)
	var lines []string
	for path := range sizes {
		d, _, err := digest.FromFile(filepath.Join(dir, filepath.FromSlash(path)))
		check(tb, err)
		lines = append(lines, path+"\x00"+d.Hex()+"  "+path+"\n")
	}
	slices.Sort(lines)
	for i, l := range lines {
		_, lines[i], _ = strings.Cut(l, "\x00")
	}
	check(tb, os.WriteFile(filepath.Join(dir, release.Checksums), []byte(strings.Join(lines, "")), 0o644))
}

// manifestOf returns a manifest that could resolve to the lock. A git dependency whose name
// ends in -go also gets the tag v<version>.
func manifestOf(a Args) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %s\ndependencies:\n", a.Version)
	for _, name := range slices.Sorted(maps.Keys(a.Git)) {
		url, commit, _ := strings.Cut(a.Git[name], "@")
		fmt.Fprintf(&b, "  %s: {git: %q, sha: %s, goversionenabled: %v}\n", name, url, commit, strings.HasSuffix(name, "-go"))
	}
	if len(a.Git) == 0 || a.Dirty {
		b.WriteString("  a: {localpath: ../a}\n")
	}
	return []byte(b.String())
}

func newLock(a Args) *lock.Lock {
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes([]byte("manifest")), Version: a.Version, Product: "demo",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64", "linux/arm64"}, Time: a.Time,
	}
	for name, at := range a.Git {
		url, commit, _ := strings.Cut(at, "@")
		l.Dependencies = append(l.Dependencies, lock.Dependency{
			Name: name, Git: &lock.Git{URL: url, Commit: commit}, Digest: string(digest.FromBytes([]byte(name))), Time: Time, Why: "sha in manifest",
			GoVersionEnabled: strings.HasSuffix(name, "-go"),
		})
	}
	if a.Dirty || len(a.Git) == 0 {
		l.Dependencies = append(l.Dependencies, lock.Dependency{
			Name: "a", Local: &lock.Local{Path: "../a", Commit: strings.Repeat("a0", 20), Dirty: a.Dirty},
			Digest: string(digest.FromBytes([]byte("a"))), Time: Time, Why: "HEAD of localpath",
		})
	}
	slices.SortFunc(l.Dependencies, func(a, b lock.Dependency) int { return strings.Compare(a.Name, b.Name) })
	l.Dependencies[0].Primary = true
	l.Seal()
	return l
}

// chart makes a Helm chart (https://helm.sh/docs/topics/charts/).
func chart(tb testing.TB, name, version string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	addFile(tb, w, name+"/Chart.yaml", fmt.Appendf(nil, "apiVersion: v2\nname: %s\ndescription: The chart %s.\nversion: %s\nappVersion: %s\n", name, name, version, version))
	addFile(tb, w, name+"/values.yaml", []byte("replicas: 1\n"))
	check(tb, w.Close())
	check(tb, z.Close())
	return b.Bytes()
}

func tarFile(tb testing.TB, name string, data []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	addFile(tb, w, name, data)
	check(tb, w.Close())
	return b.Bytes()
}

func addFile(tb testing.TB, w *tar.Writer, name string, data []byte) {
	check(tb, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: Time}))
	_, err := w.Write(data)
	check(tb, err)
}

// image is an image to make; the layers of one seed have their own content.
type image struct {
	name, variant string
	seed          uint64
}

func writeImage(tb testing.TB, release string, i image, a Args) {
	dir, ref, seed := filepath.Join(release, "images", i.name), a.Version, i.seed
	if i.variant != "" {
		dir, ref = dir+"-"+i.variant, ref+"-"+i.variant
	}
	layer := func(seed, stream uint64) v1.Layer {
		data := make([]byte, cmp.Or(a.LayerSize, 1000))
		rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(stream)}).Read(data)
		files := tarFile(tb, "data", data)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
			tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
		check(tb, err)
		return l
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for p, arch := range []string{"amd64", "arm64"} {
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		var layers []v1.Layer
		for i := range max(a.Bases, 1) {
			layers = append(layers, layer(1000+uint64(i), 0))
		}
		layers = append(layers, layer(seed, uint64(2*p)), layer(seed, uint64(2*p+1)))
		img, err := mutate.AppendLayers(img, layers...)
		check(tb, err)
		config, err := img.ConfigFile()
		check(tb, err)
		config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: a.Time}
		img, err = mutate.ConfigFile(img, config)
		check(tb, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	index = mutate.Annotations(index, map[string]string{"org.opencontainers.image.version": a.Version}).(v1.ImageIndex)
	check(tb, os.MkdirAll(dir, 0o755))
	p, err := layout.Write(dir, empty.Index)
	check(tb, err)
	check(tb, p.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref})))
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
