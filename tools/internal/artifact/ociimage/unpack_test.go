package ociimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// tree lists what is below dir: "path/ mode", "path mode content" or
// "path -> target".
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case info.IsDir():
			list = append(list, fmt.Sprintf("%s/ %o", rel, info.Mode().Perm()))
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			list = append(list, rel+" -> "+target)
		default:
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s %o %s", rel, info.Mode().Perm(), data)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type layers [][]tarEntry

func (l layers) image(t testing.TB) v1.Image {
	var tars [][]byte
	for _, entries := range l {
		tars = append(tars, makeTar(t, entries...))
	}
	return makeImage(t, tars...)
}

var unpackCases = []struct {
	name   string
	layers layers
	want   []string
}{
	{"files", layers{{{name: "a/"}, {name: "a/b", body: "x", mode: 0o644}, {name: "c", mode: 0o755}}}, []string{"a/ 755", "a/b 644 x", "c 755"}},
	{"dot before the path", layers{{{name: "./"}, {name: "./a/"}, {name: "./a/b", body: "x"}}}, []string{"a/ 755", "a/b 755 x"}},
	{"no parents", layers{{{name: "a/b/c", body: "x"}}}, []string{"a/ 755", "a/b/ 755", "a/b/c 755 x"}},
	{"file replaced", layers{{{name: "a", body: "1"}}, {{name: "a", body: "2", mode: 0o600}}}, []string{"a 600 2"}},
	{"directory kept", layers{{{name: "a/"}, {name: "a/b"}}, {{name: "a/", mode: 0o750}, {name: "a/c"}}}, []string{"a/ 750", "a/b 755", "a/c 755"}},
	{"directory becomes a file", layers{{{name: "a/"}, {name: "a/b"}}, {{name: "a", body: "x"}}}, []string{"a 755 x"}},
	{"file becomes a directory", layers{{{name: "a"}}, {{name: "a/"}}}, []string{"a/ 755"}},
	{"link replaced, not followed", layers{{{name: "t", body: "1"}, {name: "l", flag: tar.TypeSymlink, link: "t"}}, {{name: "l", body: "2"}}}, []string{"l 755 2", "t 755 1"}},
	{"directory for a link", layers{{{name: "d/"}, {name: "d/x"}, {name: "l", flag: tar.TypeSymlink, link: "d"}}, {{name: "l/"}}}, []string{"d/ 755", "d/x 755", "l/ 755"}},
	{"through a relative link", layers{{{name: "usr/bin/"}, {name: "bin", flag: tar.TypeSymlink, link: "usr/bin"}}, {{name: "bin/x"}}}, []string{"bin -> usr/bin", "usr/ 755", "usr/bin/ 755", "usr/bin/x 755"}},
	{"through an absolute link", layers{{{name: "var/run", flag: tar.TypeSymlink, link: "/run"}, {name: "run/"}}, {{name: "var/run/x"}}}, []string{"run/ 755", "run/x 755", "var/ 755", "var/run -> /run"}},
	{"through a link that goes up", layers{{{name: "a/b/l", flag: tar.TypeSymlink, link: "../../c"}, {name: "a/b/l/x"}}}, []string{"a/ 755", "a/b/ 755", "a/b/l -> ../../c", "c/ 755", "c/x 755"}},
	{"links are data", layers{{{name: "a", flag: tar.TypeSymlink, link: "/etc/shadow"}, {name: "b", flag: tar.TypeSymlink, link: "../../../x"}}}, []string{"a -> /etc/shadow", "b -> ../../../x"}},
	{"hard link", layers{{{name: "a", body: "x"}, {name: "d/b", flag: tar.TypeLink, link: "./a"}}}, []string{"a 755 x", "d/ 755", "d/b 755 x"}},
	{"hard link to a lower layer", layers{{{name: "a", body: "x"}}, {{name: "b", flag: tar.TypeLink, link: "a"}}, {{name: "a", body: "y"}}}, []string{"a 755 y", "b 755 x"}},
	{"setuid", layers{{{name: "a", mode: 0o6755}, {name: "tmp/", mode: 0o1777}}}, []string{"a 755", "tmp/ 777"}},
	{"no permissions", layers{{{name: "d/", mode: 0o1000}, {name: "d/a", mode: 0o1000}}}, []string{"d/ 700", "d/a 400"}},
	{"global header", layers{{{name: "pax_global_header", flag: tar.TypeXGlobalHeader}, {name: "a"}}}, []string{"a 755"}},
	{"nothing", layers{{}}, nil},

	{"whiteout of a file", layers{{{name: "a/b"}, {name: "a/c"}}, {{name: "a/.wh.b"}}}, []string{"a/ 755", "a/c 755"}},
	{"whiteout of a directory", layers{{{name: "a/b/c"}, {name: "d"}}, {{name: ".wh.a"}}}, []string{"d 755"}},
	{"whiteout of a link", layers{{{name: "d/x"}, {name: "l", flag: tar.TypeSymlink, link: "d"}}, {{name: ".wh.l"}}}, []string{"d/ 755", "d/x 755"}},
	{"whiteout of nothing", layers{{{name: "a"}}, {{name: ".wh.b"}, {name: "c/d/.wh.e"}}}, []string{"a 755"}},
	{"whiteout through a link", layers{{{name: "usr/bin/x"}, {name: "usr/bin/y"}, {name: "bin", flag: tar.TypeSymlink, link: "/usr/bin"}}, {{name: "bin/.wh.x"}}}, []string{"bin -> /usr/bin", "usr/ 755", "usr/bin/ 755", "usr/bin/y 755"}},
	{"whiteout and a new file", layers{{{name: "a/b"}, {name: "a/c"}}, {{name: ".wh.a"}, {name: "a/"}, {name: "a/d"}}}, []string{"a/ 755", "a/d 755"}},
	{"whiteout behind the new file", layers{{{name: "a/b"}, {name: "a/c"}}, {{name: "a/"}, {name: "a/d"}, {name: ".wh.a"}}}, []string{"a/ 755", "a/d 755"}},
	{"whiteout does not reach its own layer", layers{{{name: "a"}, {name: ".wh.a"}}}, []string{"a 755"}},
	{"whiteout in a middle layer", layers{{{name: "a", body: "1"}}, {{name: ".wh.a"}}, {{name: "a", body: "3"}}}, []string{"a 755 3"}},
	{"opaque", layers{{{name: "a/b"}, {name: "a/c/d"}, {name: "e"}}, {{name: "a/.wh..wh..opq"}, {name: "a/c/f"}}}, []string{"a/ 755", "a/c/ 755", "a/c/f 755", "e 755"}},
	{"opaque behind the files", layers{{{name: "a/b"}, {name: "a/c/d"}}, {{name: "a/c/f"}, {name: "a/.wh..wh..opq"}}}, []string{"a/ 755", "a/c/ 755", "a/c/f 755"}},
	{"opaque root", layers{{{name: "a/b"}, {name: "c"}}, {{name: ".wh..wh..opq"}, {name: "d"}}}, []string{"d 755"}},
	{"opaque nothing", layers{{{name: "a/.wh..wh..opq"}}}, nil},
}

func TestUnpack(t *testing.T) {
	for _, tc := range unpackCases {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Unpack(t.Context(), UnpackArgs{Image: tc.layers.image(t), Dir: dir}); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, dir); !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

// TestUnpackExtract compares the files with those that go-containerregistry's
// mutate.Extract finds. It knows nothing of links in paths, and puts whiteouts in
// an order of its own.
func TestUnpackExtract(t *testing.T) {
	for _, tc := range unpackCases {
		if strings.Contains(tc.name, "link") || strings.Contains(tc.name, "own layer") || strings.Contains(tc.name, "behind") || strings.Contains(tc.name, "whiteout and") {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			img := tc.layers.image(t)
			if err := Unpack(t.Context(), UnpackArgs{Image: img, Dir: dir}); err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, line := range tree(t, dir) {
				if p, _, _ := strings.Cut(line, " "); !strings.HasSuffix(p, "/") {
					got = append(got, p)
				}
			}
			r := mutate.Extract(img)
			defer r.Close()
			tr := tar.NewReader(r)
			for {
				h, err := tr.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if h.Typeflag == tar.TypeReg {
					want = append(want, h.Name)
				}
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

var hostileCases = []struct {
	name   string
	layers layers
	err    string
}{
	{"dots", layers{{{name: "../x"}}}, `layer 0: entry "../x": path has a "\.\." in it`},
	{"dots inside", layers{{{name: "a/../../x"}}}, `path has a "\.\."`},
	{"dots at the end", layers{{{name: "a/.."}}}, `path has a "\.\."`},
	{"absolute", layers{{{name: "/etc/passwd"}}}, `entry "/etc/passwd": path is absolute`},
	{"empty", layers{{{name: ""}}}, `path is empty`},
	{"too long", layers{{{name: strings.Repeat("a/", 2100) + "x"}}}, `path has 4201 bytes`},
	{"through a link that leads out", layers{{{name: "l", flag: tar.TypeSymlink, link: "../.."}, {name: "l/x"}}}, `entry "l/x": "l" leads out of the image`},
	{"through a link of a lower layer", layers{{{name: "l", flag: tar.TypeSymlink, link: "../outside"}}, {{name: "l/x"}}}, `layer 1: entry "l/x": "l" leads out`},
	{"through two links", layers{{{name: "a/"}, {name: "a/l", flag: tar.TypeSymlink, link: ".."}, {name: "a/l/m", flag: tar.TypeSymlink, link: "a/l/.."}, {name: "m/x"}}}, `"m" leads out`},
	{"circle", layers{{{name: "a", flag: tar.TypeSymlink, link: "b"}, {name: "b", flag: tar.TypeSymlink, link: "a"}, {name: "a/x"}}}, `more than 40 symbolic links`},
	{"link to itself", layers{{{name: "a", flag: tar.TypeSymlink, link: "a/a"}, {name: "a/x"}}}, `more than 40 symbolic links`},
	{"empty link", layers{{{name: "a", flag: tar.TypeSymlink}}}, `has 0 bytes, want 1 to 4096`},
	{"whiteout through a link that leads out", layers{{{name: "l", flag: tar.TypeSymlink, link: "../outside"}}, {{name: "l/.wh.x"}}}, `leads out`},
	{"opaque through a link that leads out", layers{{{name: "l", flag: tar.TypeSymlink, link: ".."}}, {{name: "l/.wh..wh..opq"}}}, `leads out`},
	{"whiteout of the directory", layers{{{name: "a/.wh."}}}, `".wh." is not the name of a whiteout`},
	{"whiteout of .", layers{{{name: "a/.wh.."}}}, `is not the name of a whiteout`},
	{"whiteout of ..", layers{{{name: "a/.wh..."}}}, `is not the name of a whiteout`},
	{"whiteout of another kind", layers{{{name: ".wh..wh.plnk"}}}, `is not the name of a whiteout`},
	{"whiteout with content", layers{{{name: ".wh.a", body: "x"}}}, `a whiteout is a file of 1 bytes`},
	{"whiteout as a directory", layers{{{name: ".wh.a/"}}}, `a whiteout is a directory`},
	{"below a whiteout", layers{{{name: ".wh.a/b"}}}, `".wh.a" is the name of a whiteout`},
	{"hard link that leads out", layers{{{name: "a", flag: tar.TypeLink, link: "../outside"}}}, `entry "a": hard link to "../outside": path has a`},
	{"absolute hard link", layers{{{name: "a", flag: tar.TypeLink, link: "/etc/passwd"}}}, `hard link to "/etc/passwd": path is absolute`},
	{"hard link through a link", layers{{{name: "l", flag: tar.TypeSymlink, link: ".."}, {name: "a", flag: tar.TypeLink, link: "l/outside"}}}, `hard link to "l/outside": "l" leads out`},
	{"hard link to a link", layers{{{name: "l", flag: tar.TypeSymlink, link: "../outside"}, {name: "a", flag: tar.TypeLink, link: "l"}}}, `target is no regular file`},
	{"hard link to nothing", layers{{{name: "a", flag: tar.TypeLink, link: "b"}}}, `hard link to "b": .*no such file`},
	{"hard link below nothing", layers{{{name: "a", flag: tar.TypeLink, link: "b/c"}}}, `hard link to "b/c": .*no such file`},
	{"hard link to a directory", layers{{{name: "d/"}, {name: "a", flag: tar.TypeLink, link: "d"}}}, `target is no regular file`},
	{"hard link to itself", layers{{{name: "a"}}, {{name: "a", flag: tar.TypeLink, link: "a"}}}, `target is the link itself`},
	{"character device", layers{{{name: "a", flag: tar.TypeChar}}}, `found a character device`},
	{"block device", layers{{{name: "a", flag: tar.TypeBlock}}}, `found a block device`},
	{"named pipe", layers{{{name: "a", flag: tar.TypeFifo}}}, `found a named pipe`},
	{"root as a file", layers{{{name: "."}}}, `the root is a file`},
	{"twice", layers{{{name: "a"}, {name: "./a"}}}, `entry "./a": path stands twice`},
	{"directory and file", layers{{{name: "a/"}, {name: "a"}}}, `path stands twice`},
	{"file for a parent", layers{{{name: "a/b"}, {name: "a"}}}, `entry "a": an entry of the same layer`},
	{"twice through a link", layers{{{name: "d/x"}, {name: "l", flag: tar.TypeSymlink, link: "d"}, {name: "l/x"}}}, `entry "l/x": an entry of the same layer`},
	{"below a file", layers{{{name: "a"}, {name: "a/b"}}}, `entry "a/b": "a" is no directory`},
	{"too large", layers{{{name: "a", body: strings.Repeat("x", 3<<20)}}}, `more bytes than the limit`},
	{"too large together", layers{{{name: "a", body: strings.Repeat("x", 1<<20)}}, {{name: "b", body: strings.Repeat("x", 1<<20)}}}, `layer 1: .*more bytes than the limit`},
}

// TestUnpackHostile unpacks what must not be unpacked, beside a file that must
// not change.
func TestUnpackHostile(t *testing.T) {
	for _, tc := range hostileCases {
		t.Run(tc.name, func(t *testing.T) {
			top := t.TempDir()
			if err := os.WriteFile(filepath.Join(top, "outside"), []byte("safe"), 0o644); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(top, "rootfs")
			err := Unpack(t.Context(), UnpackArgs{Image: tc.layers.image(t), Dir: dir, MaxBytes: 2 << 20})
			wantError(t, err, tc.err)
			if got, want := tree(t, top), []string{"outside 644 safe", "rootfs/ 755"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestUnpackSparse has a tar of a few bytes stand for a file of 1 TiB.
func TestUnpackSparse(t *testing.T) {
	raw := makeTar(t, tarEntry{name: "a"})
	// The old GNU format: type S, one fragment of nothing at the end, 1 TiB.
	h := raw[:512]
	h[156] = 'S'
	copy(h[257:265], "ustar  \x00")
	copy(h[386:], "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copy(h[386+12:], "00000000000\x00")
	copy(h[483:], "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00")
	for i := 148; i < 156; i++ {
		h[i] = ' '
	}
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	if h, err := tar.NewReader(bytes.NewReader(raw)).Next(); err != nil || h.Size != 1<<40 {
		t.Fatalf("got %+v, %v, want a size of 1 TiB", h, err)
	}
	err := Unpack(t.Context(), UnpackArgs{Image: makeImage(t, raw), Dir: t.TempDir()})
	wantError(t, err, `found a tar entry of type 'S'`)
}

// badLayer is a layer that lies about its DiffID.
type badLayer struct{ v1.Layer }

func (badLayer) DiffID() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, nil
}

func TestUnpackDiffID(t *testing.T) {
	img, err := mutate.AppendLayers(makeImage(t), badLayer{static.NewLayer(makeTar(t, tarEntry{name: "a"}), types.OCIUncompressedLayer)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wantError(t, Unpack(t.Context(), UnpackArgs{Image: img, Dir: dir}), `layer 0: diffID: got sha256:\w+, want sha256:0000`)
	if got := tree(t, dir); len(got) > 0 {
		t.Errorf("after the error the directory has %q", got)
	}
}

func TestUnpackCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Unpack(ctx, UnpackArgs{Image: makeImage(t, makeTar(t, tarEntry{name: "a"})), Dir: t.TempDir()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestUmoci compares root file systems with those that umoci unpacks.
func TestUmoci(t *testing.T) {
	umoci, ok := readers.Look(t, "umoci")
	if !ok {
		return
	}
	idx := openLayout(t, buildLayout(t, testSpec(t, t.TempDir())))
	img, err := Find(idx, v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{"built": img}
	for _, tc := range unpackCases {
		images[tc.name] = tc.layers.image(t)
	}
	delete(images, "setuid")         // which umoci applies
	delete(images, "no permissions") // as umoci has it, the owner cannot read
	delete(images, "global header")  // which umoci 0.4.7 refuses
	for name, img := range images {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lp, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := lp.AppendImage(img, layout.WithAnnotations(map[string]string{refAnnotation: "x"})); err != nil {
				t.Fatal(err)
			}
			tool(t, umoci, "unpack", "--rootless", "--image", filepath.Join(dir, "layout")+":x", filepath.Join(dir, "bundle"))
			if err := Unpack(t.Context(), UnpackArgs{Image: img, Dir: filepath.Join(dir, "ours")}); err != nil {
				t.Fatal(err)
			}
			got, want := tree(t, filepath.Join(dir, "ours")), tree(t, filepath.Join(dir, "bundle", "rootfs"))
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant, as umoci has it,\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
