package ociimage

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/x509/pkix"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// FuzzUnpack unpacks two layers of any bytes. Whatever they hold, nothing beside
// the directory changes, and nothing but files, directories and links comes to be.
func FuzzUnpack(f *testing.F) {
	lower := makeTar(f, tarEntry{name: "a/b"}, tarEntry{name: "l", flag: '2', link: "../outside"}, tarEntry{name: "u", flag: '2', link: ".."})
	for _, c := range unpackCases {
		for _, entries := range c.layers {
			f.Add(lower, makeTar(f, entries...))
		}
	}
	for _, c := range hostileCases {
		for _, entries := range c.layers {
			if b := makeTar(f, entries...); len(b) < 64<<10 {
				f.Add(b, b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) { unpackBeside(t, lower, upper) })
}

// FuzzUnpackEntries unpacks layers of entries with few names, which meet each
// other often: three bytes of program are an entry's type, path and target.
func FuzzUnpackEntries(f *testing.F) {
	words := []string{"a", "b", "c", "outside", "..", "", ".", ".wh.a", ".wh.b", ".wh..wh..opq", "../..", "/", "rootfs", "b/c", "/a", "c/.."}
	types := []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeReg, tar.TypeSymlink, tar.TypeFifo}
	const newLayer = 0x80
	join := func(b byte) string { return path.Join(words[b>>4], words[b&15]) }
	f.Add([]byte{2, 0x50, 0x44, 0, 0x01, 0, 3, 0x11, 0x03, newLayer, 0x07, 0})
	f.Add([]byte{1, 0x50, 0, 2, 0x51, 0x50, newLayer, 0x19, 0, 0, 0x12, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		var tars [][]byte
		var entries []tarEntry
		for ; len(program) >= 3 && len(program) < 300; program = program[3:] {
			if program[0]&newLayer != 0 {
				tars = append(tars, makeTar(t, entries...))
				entries = nil
			}
			e := tarEntry{name: cmp.Or(strings.TrimSuffix(join(program[1]), "/"), "."), flag: types[int(program[0]&^newLayer)%len(types)]}
			if e.flag == tar.TypeSymlink || e.flag == tar.TypeLink {
				e.link = join(program[2])
			}
			entries = append(entries, e)
		}
		unpackBeside(t, append(tars, makeTar(t, entries...))...)
	})
}

// unpackBeside unpacks tars beside a file, and checks what becomes of it.
func unpackBeside(t *testing.T, tars ...[]byte) {
	t.Helper()
	top := t.TempDir()
	if err := os.WriteFile(filepath.Join(top, "outside"), []byte("safe"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "rootfs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := newUnpacker(root, 1<<20)
	for _, b := range tars {
		u.kept = map[string]bool{".": true}
		if err := readEntries(&budgetReader{bytes.NewReader(b), &u.streamLeft}, u.entry); err != nil {
			break
		}
	}
	checkUnpacked(t, top)
}

// checkUnpacked checks what FuzzUnpack left behind.
func checkUnpacked(t *testing.T, top string) {
	t.Helper()
	list, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	if want := []string{"outside", "rootfs"}; !slices.Equal(names, want) {
		t.Errorf("got %q beside the directory, want %q", names, want)
	}
	info, err := os.Lstat(filepath.Join(top, "outside"))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(top, "outside")); err != nil || string(data) != "safe" || info.Mode() != 0o644 {
		t.Errorf("the file outside is now %q, %s, %v", data, info.Mode(), err)
	}
	err = filepath.WalkDir(filepath.Join(top, "rootfs"), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if os.SameFile(fi, info) {
			t.Errorf("%q is a link to the file outside", p)
		}
		if fi.Mode()&^(fs.ModePerm|fs.ModeDir|fs.ModeSymlink) != 0 {
			t.Errorf("%q has the mode %s", p, fi.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzOpen reads layouts with any index.json, manifest, config and layer, and
// lists them.
func FuzzOpen(f *testing.F) {
	tar := makeTar(f, tarEntry{name: "a", body: "x"})
	l := newRawLayout(f)
	image := l.image(l.blob(types.OCIUncompressedLayer, tar), tar)
	l.top(image)
	read := func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	index, manifest := read(filepath.Join(l.dir, "index.json")), read(blobPath(l.dir, image.Digest))
	idx, err := Open(l.dir)
	if err != nil {
		f.Fatal(err)
	}
	img, err := idx.Image(image.Digest)
	if err != nil {
		f.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(index, manifest, config, tar)
	f.Add([]byte(`{"schemaVersion": 2, "manifests": []}`), manifest, config, tar)
	f.Add([]byte(`{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "size": 0, "digest": "sha256:`+image.Digest.Hex+`"}]}`), manifest, config, tar)
	f.Add([]byte(`{"schemaVersion": 2, "manifests": [null]}`), []byte(`{"layers": [null]}`), []byte(`{"rootfs": {"diff_ids": [""]}}`), []byte{})
	f.Fuzz(func(t *testing.T, index, manifest, config, layer []byte) {
		l := newRawLayout(t)
		l.file("index.json", index)
		// The blobs stand under their own digests and under those of the seed, so
		// that both what fits and what does not is met.
		for _, b := range [][]byte{manifest, config, layer} {
			l.blob("", b)
		}
		l.json(types.OCIManifestSchema1, v1.Manifest{})
		l.image(l.blob(types.OCIUncompressedLayer, layer), layer)
		if err := os.WriteFile(blobPath(l.dir, image.Digest), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
		// First as it is; then as an index that names the manifest rightly.
		for range 2 {
			if idx, err := Open(l.dir); err == nil {
				_ = List(t.Context(), io.Discard, idx)
				_, _ = Find(idx, v1.Platform{OS: "linux", Architecture: "amd64"})
			}
			l.top(l.blob(types.OCIManifestSchema1, manifest), l.blob(types.OCIImageIndex, index), l.image(l.blob(types.OCIUncompressedLayer, layer), layer))
		}
	})
}

// FuzzCABundle parses any bytes as certificates.
func FuzzCABundle(f *testing.F) {
	der := slices.Concat(makeCert(f, 1, pkix.Name{CommonName: "A"}, true), makeCert(f, 2, pkix.Name{CommonName: "B"}, true))
	f.Add(der)
	f.Add(der[:len(der)-1])
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		var b bytes.Buffer
		if err := WriteCABundle(&b, der); err == nil && b.Len() == 0 {
			t.Error("got no error and no certificates")
		}
	})
}
