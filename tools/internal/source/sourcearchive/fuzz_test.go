package sourcearchive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// FuzzArchive: whatever a tar or a zip has, with a digest that matches, nothing comes out
// that is not below the source's directory.
func FuzzArchive(f *testing.F) {
	for _, name := range []string{"a", "m@v1.0.0/a", "m@v1.0.0/../a", "../a", "/a", "a/../../b", ".git/config", "m@v1", "@/a"} {
		f.Add(rawTar(f, tar.Header{Typeflag: tar.TypeReg, Name: name}), false)
		f.Add(rawTar(f, tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "/etc"}), false)
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		if _, err := z.Create(name); err != nil || z.Close() != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, isZip bool) {
		s := Source{Name: "x", Archive: filepath.Join(t.TempDir(), "source.tar"), Digest: string(digest.FromBytes(data))}
		if isZip {
			s.Archive = strings.TrimSuffix(s.Archive, "tar") + "zip"
		}
		err := os.WriteFile(s.Archive, data, 0o644)
		if err == nil && isZip {
			if s.Digest, err = dirhash.HashZip(s.Archive, dirhash.Hash1); err != nil {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if Write(&out, []Source{s}, modTime) != nil {
			return
		}
		z, err := gzip.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		for tr := tar.NewReader(z); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			name, ok := strings.CutPrefix(h.Name, "sources/x/")
			if err := sourcetar.CheckName(name); err != nil || !ok {
				t.Errorf("got path %q: %v", h.Name, err)
			}
		}
	})
}
