package linuxpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

// checksumRecord is the record in a tar with which apk verifies a file.
const checksumRecord = "APK-TOOLS.checksum.SHA1"

// writeAPK writes an apk: a control segment and a data segment, each a gzip member. nfpm has
// the files and both segments in memory. Here the data is compressed as archives are, as it is
// read; the tars are those that nfpm writes (TestAsNFPM).
func (b *builder) writeAPK(ctx context.Context, w io.Writer, info *nfpm.Info) error {
	var skeleton bytes.Buffer
	if err := apk.Default.Package(info, &skeleton); err != nil {
		return err
	}
	r := bytes.NewReader(skeleton.Bytes())
	control, err := segment(r)
	if err != nil {
		return err
	}
	old := sha256.Sum256(skeleton.Bytes()[skeleton.Len()-r.Len():])
	data, err := segment(r)
	if err != nil {
		return err
	}
	p := &payload{sum: sha256.New()}
	z := archive.NewGzipWriter(p)
	size, err := b.fill(ctx).apkData(z, data)
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	control, err = fillSegment(control, func(pkginfo []byte) []byte {
		pkginfo = bytes.Replace(pkginfo, []byte("\nsize = 0\n"), fmt.Appendf(nil, "\nsize = %d\n", size), 1)
		return bytes.Replace(pkginfo, []byte(hex.EncodeToString(old[:])), []byte(hex.EncodeToString(p.sum.Sum(nil))), 1)
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(control); err != nil {
		return err
	}
	_, err = p.chunks.WriteTo(w)
	return err
}

// segment reads a gzip member, and no byte after it.
func segment(r *bytes.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return io.ReadAll(z)
}

// apkData writes the tar of a skeleton with the contents, and returns their size. A file's
// header has its digest, so that each file is read twice, the second time from memory.
func (f *fill) apkData(to io.Writer, skeleton []byte) (total int64, err error) {
	tr, tw := tar.NewReader(bytes.NewReader(skeleton)), tar.NewWriter(to)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return total, tw.Close()
		} else if err != nil {
			return 0, err
		}
		source := f.of(h.Name)
		if source == "" {
			if err := tw.WriteHeader(h); err != nil {
				return 0, err
			}
			continue
		}
		first, again := sha1.New(), sha1.New()
		err = f.file(io.Discard, source, first, func(size int64) error {
			h.Size = size
			total += size
			return nil
		})
		if err == nil {
			h.PAXRecords[checksumRecord] = hex.EncodeToString(first.Sum(nil))
			err = f.file(tw, source, again, func(int64) error { return tw.WriteHeader(h) })
		}
		if err == nil && !bytes.Equal(first.Sum(nil), again.Sum(nil)) {
			err = fmt.Errorf("%q changed while it was read", source)
		}
		if err != nil {
			return 0, fmt.Errorf("packing %q: %w", h.Name, err)
		}
	}
}

// fillSegment changes .PKGINFO in a control segment, a tar without the blocks at its end.
func fillSegment(skeleton []byte, change func([]byte) []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	tw := tar.NewWriter(z)
	err := rewrite(tw, bytes.NewReader(skeleton), func(name string, content []byte) ([]byte, error) {
		if name == ".PKGINFO" {
			content = change(content)
		}
		return content, nil
	})
	if err == nil {
		err = errors.Join(tw.Flush(), z.Close())
	}
	return out.Bytes(), err
}
