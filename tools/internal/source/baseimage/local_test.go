package baseimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	ours "github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func TestLayoutBase(t *testing.T) {
	dir := t.TempDir()
	path, err := layout.Write(filepath.Join(dir, "images"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	idx, img := testIndex(t, false, "linux/amd64", "linux/arm64"), testImage(t, "linux/arm64", 7, true)
	tag := func(s string) layout.Option {
		return layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": s})
	}
	if err := path.AppendIndex(idx, tag("v1")); err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img, tag("v2")); err != nil {
		t.Fatal(err)
	}
	want := digestString(t, img)
	for _, tc := range []struct{ base, digest, err string }{
		{"oci-layout:images:v2", want, ``},
		{"oci-layout:" + dir + "/images:v2", want, ``},
		{"oci-layout:images@" + want, want, ``},
		{"oci-layout:images:v1", digestString(t, idx), ``},
		{"oci-layout:images", "", `^image "app": base "oci-layout:images": index.json has 2 manifests for "any tag", want 1; available: "v1 sha256:[0-9a-f]{64}", "v2 sha256:[0-9a-f]{64}"$`},
		{"oci-layout:images:v3", "", `index.json has 0 manifests for "v3", want 1; available: "v1 sha256`},
		{"oci-layout:images@sha256:" + strings.Repeat("0", 64), "", `index.json has 0 manifests for "sha256:0`},
	} {
		a := args(t, tc.base, "linux/arm64")
		a.Dir = dir
		got, err := Pin(t.Context(), a)
		wantError(t, err, tc.err)
		if err == nil && got.Digest != digest.Digest(tc.digest) {
			t.Errorf("%s: got %s, want %s", tc.base, got.Digest, tc.digest)
		}
		if err == nil {
			b := args(t, "")
			b.Dir = dir
			wantError(t, Bring(t.Context(), b, got), "")
			wantError(t, Check(b.Store, got), "")
		}
	}
	for _, blob := range imageBlobs(t, img) {
		file := filepath.Join(dir, "images", "blobs", "sha256", blob)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[0] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		a := args(t, "oci-layout:images:v2", "linux/arm64")
		a.Dir = dir
		_, err = Pin(t.Context(), a)
		wantError(t, err, `reading blob ".*/`+blob+`": digest: got sha256:[0-9a-f]+, want sha256:`+blob)
		data[0] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// An entry is one of a tar: a file, or a link if it has a target.
type entry struct {
	name, body, symlink, link string
}

func writeTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body)), Typeflag: tar.TypeReg}
		if e.symlink != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.symlink
		} else if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeLink, e.link
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

// savedImage returns an archive of `docker save` with layers as tars. One of them is a link
// to another's, as old versions wrote shared layers.
func savedImage(t testing.TB) []entry {
	t.Helper()
	one, two := string(writeTar(t, entry{name: "one", body: "1"})), string(writeTar(t, entry{name: "two", body: "2"}))
	diffID := func(s string) string { return string(digest.FromBytes([]byte(s))) }
	config := fmt.Sprintf(`{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [%q, %q, %q, %q]}}`, diffID(one), diffID(two), diffID(one), diffID(two))
	return []entry{
		{name: "config.json", body: config},
		{name: "a/layer.tar", body: one},
		{name: "b/layer.tar", body: two},
		{name: "c/layer.tar", symlink: "../a/layer.tar"},
		{name: "d.tar", link: "b/layer.tar"},
		{name: "manifest.json", body: `[{"Config": "config.json", "RepoTags": ["app:1", "host/app:2"], "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar", "d.tar"]}]`},
	}
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestArchive pins archives of docker and of go-containerregistry.
func TestArchive(t *testing.T) {
	name := writeFile(t, writeTar(t, savedImage(t)...))
	for _, base := range []string{"docker-archive:" + name, "docker-archive:" + name + ":app:1", "docker-archive:" + name + ":host/app:2"} {
		a := args(t, base, "linux/amd64")
		img, err := Pin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		m := storedManifest(t, a, img)
		if len(m.Layers) != 4 || m.Layers[0].MediaType != types.OCIUncompressedLayer || m.Layers[2].Digest != m.Layers[0].Digest {
			t.Errorf("%s: got layers %+v", base, m.Layers)
		}
		const want = "sha256:3cdaf671f0e0f7e68f4c3cb084063540d0c008e0941bc7f8f9182f2fc71c9635"
		if img.Digest != want {
			t.Errorf("%s: got manifest %s, want %s: a pinned archive would no longer be what it was", base, img.Digest, want)
		}
		b := args(t, "")
		wantError(t, Bring(t.Context(), b, img), "")
		wantError(t, Check(b.Store, img), "")
		if got, want := blobs(t, b.Store.OCIDir()), blobs(t, a.Store.OCIDir()); !slices.Equal(got, want) {
			t.Errorf("store has %q, want %q", got, want)
		}
	}
}

func storedManifest(t testing.TB, a Args, img *lock.Image) *ours.Document {
	t.Helper()
	d, err := storedDocument(a.Store, img.Platforms[0].Digest, "")
	if err != nil {
		t.Fatal(err)
	}
	return d.manifest
}

// TestArchiveOfOthers pins an archive with two images and with gzip layers, whose bytes
// stay.
func TestArchiveOfOthers(t *testing.T) {
	img := testImage(t, "linux/arm64", 3, true)
	file := filepath.Join(t.TempDir(), "image.tar")
	tags := map[name.Tag]v1.Image{}
	for s, img := range map[string]v1.Image{"team/app:1": img, "team/other:1": testImage(t, "linux/arm64", 4, true)} {
		tag, err := name.NewTag(s)
		if err != nil {
			t.Fatal(err)
		}
		tags[tag] = img
	}
	if err := tarball.MultiWriteToFile(file, tags); err != nil {
		t.Fatal(err)
	}
	a := args(t, "docker-archive:"+file+":team/app:1", "linux/arm64")
	got, err := Pin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	m, theirs := storedManifest(t, a, got), imageBlobs(t, img)
	if m.Config.Digest.Hex != theirs[1] || m.Layers[0].Digest.Hex != theirs[2] || m.Layers[1].Digest.Hex != theirs[3] {
		t.Errorf("got %+v, want config and layers %q", m, theirs[1:])
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := Layout(t.Context(), a.Store, got, dir); err != nil {
		t.Fatal(err)
	}
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
	_, err = Pin(t.Context(), args(t, "docker-archive:"+file, "linux/arm64"))
	wantError(t, err, `manifest.json: got 2 images for tag "", want 1; available: "team/app:1", "team/other:1"$`)
	_, err = Pin(t.Context(), args(t, "docker-archive:"+file+":none:1", "linux/arm64"))
	wantError(t, err, `got 0 images for tag "none:1", want 1`)
}

// TestArchiveRefused checks the errors for archives that are not those of `docker save`.
func TestArchiveRefused(t *testing.T) {
	replace := func(old, new string) []byte {
		all := savedImage(t)
		for i := range all {
			all[i].body = strings.Replace(all[i].body, old, new, 1)
		}
		return writeTar(t, all...)
	}
	with := func(entries ...entry) []byte { return writeTar(t, append(savedImage(t), entries...)...) }
	var zipped bytes.Buffer
	if err := gzip.NewWriter(&zipped).Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
		err  string
	}{
		{"empty", nil, `tar has no file "manifest.json"`},
		{"compressed", zipped.Bytes(), `file is compressed, want a tar$`},
		{"no tar", bytes.Repeat([]byte("x"), 1024), `reading tar: `},
		{"cut off", writeTar(t, savedImage(t)...)[:1200], `reading tar: unexpected EOF`},
		{"no config", replace(`"config.json"`, `"none.json"`), `config: tar has no file "none.json"`},
		{"no layer", replace(`"a/layer.tar"`, `"/etc/passwd"`), `layer "/etc/passwd": tar has no file "/etc/passwd"`},
		{"garbage", replace(`[{`, `{`), `manifest.json: invalid character`},
		{"garbage config", replace(`"rootfs"`, `rootfs`), `config "config.json": invalid character`},
		{"altered layer", with(entry{name: "b/layer.tar", body: "other"}), `layer "b/layer.tar": digest: got sha256:[0-9a-f]+, want sha256:[0-9a-f]+ as in config`},
		{"one layer less", replace(`, "d.tar"`, ``), `got 4 diff_ids, want 3: one for each layer`},
		{"link in a circle", with(entry{name: "a/layer.tar", symlink: "layer.tar"}), `"a/layer.tar" has more than 8 links to its file`},
		{"link out", with(entry{name: "a/layer.tar", symlink: "../../../etc/passwd"}), `tar has no file "a/layer.tar"`},
		{"empty layer", with(entry{name: "a/layer.tar"}), `layer "a/layer.tar": size is 0 bytes`},
		{"large config", with(entry{name: "config.json", body: strings.Repeat(" ", 9<<20)}), `config: size of "config.json": got 9437184 bytes, want at most 8388608`},
		{"large manifest.json", with(entry{name: "manifest.json", body: strings.Repeat(" ", 2<<20)}), `size of "manifest.json": got 2097152 bytes`},
		{"long name", with(entry{name: strings.Repeat("x", 5000), body: "x"}), `name has more than 4096 bytes`},
		{"many entries", with(make([]entry, 10_000)...), `tar has more than 10000 entries`},
		{"many images", replace(`[{`, `[{}`+strings.Repeat(`,{}`, 1000)+`,{`), `manifest.json: array has more than 1000 elements`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Pin(t.Context(), args(t, "docker-archive:"+writeFile(t, tc.data), "linux/amd64"))
			wantError(t, err, `^image "app": base "docker-archive:.*": reading ".*": (`+tc.err+`)`)
		})
	}
}

// TestArchiveChanged fetches a pinned archive that was changed.
func TestArchiveChanged(t *testing.T) {
	name := writeFile(t, writeTar(t, savedImage(t)...))
	img, err := Pin(t.Context(), args(t, "docker-archive:"+name, "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}
	other := savedImage(t)
	other[0].body = strings.Replace(other[0].body, "rootfs", `author": "x", "rootfs`, 1)
	if err := os.WriteFile(name, writeTar(t, other...), 0o644); err != nil {
		t.Fatal(err)
	}
	err = Bring(t.Context(), args(t, ""), img)
	wantError(t, err, `^lock entry "app": base "docker-archive:.*": reading ".*": digest of the image's manifest: got sha256:[0-9a-f]+, want `+string(img.Digest))
	wantHint(t, err, "the file changed after it was pinned")
}

// TestArchiveSparse checks GNU tar's sparse files, whose content is at other offsets.
func TestArchiveSparse(t *testing.T) {
	plain := &tar.Header{Typeflag: tar.TypeReg, PAXRecords: map[string]string{"path": "x"}}
	pax := &tar.Header{Typeflag: tar.TypeReg, PAXRecords: map[string]string{"GNU.sparse.major": "1"}}
	old := &tar.Header{Typeflag: tar.TypeGNUSparse}
	if isSparse(plain) || !isSparse(pax) || !isSparse(old) {
		t.Errorf("got %v, %v, %v, want false, true, true", isSparse(plain), isSparse(pax), isSparse(old))
	}
	command := readers.Find(t, "tar")
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "layer.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"posix", "gnu"} {
		name := filepath.Join(dir, format)
		err := exec.Command(command, "--sparse", "--format="+format, "-C", dir, "-cf", name, "layer.tar").Run()
		readers.Require(t, "sparse-tar", err == nil)
		_, err = Pin(t.Context(), args(t, "docker-archive:"+name, "linux/amd64"))
		wantError(t, err, `entry "layer.tar" is sparse, want a plain file`)
	}
}

func TestChooseArchived(t *testing.T) {
	img, err := chooseArchived([]byte(`[{"RepoTags": ["a:1"], "Config": "c"}, {"RepoTags": null, "Layers": ["l"]}]`), "a:1")
	if want := (&archivedImage{Config: "c", RepoTags: []string{"a:1"}}); err != nil || !reflect.DeepEqual(img, want) {
		t.Errorf("got %+v, %v, want %+v", img, err, want)
	}
	_, err = chooseArchived([]byte(`[{"Layers": ["x"`+strings.Repeat(`,"x"`, 512)+`]}]`), "")
	wantError(t, err, `image has 513 layers, want at most 512`)
}
