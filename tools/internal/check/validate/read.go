package validate

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// Limits on what an artifact contains. It may be damaged, and it may be malicious.
const (
	maxMember  = 1 << 30 // bytes of a file in an archive that is looked at
	maxZip     = 2 << 30 // bytes of a zip
	maxMembers = 1_000_000
	maxBytes   = 1 << 36 // bytes of an archive, uncompressed
)

// A member is a file in an artifact, or the artifact itself.
type member struct {
	artifact release.Artifact
	path     string // in the artifact; empty for itself
	mode     fs.FileMode
	link     string
	base     bool // it is in a layer of a base image
	data     []byte
}

// file reads one file of the release, and all that is in it. Its digest is checked at the end.
func (c *checker) file(ctx context.Context, f release.File) error {
	r, err := c.tree.Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	a, ok := c.artifactOf(f.Path)
	if !ok {
		a = release.Artifact{Path: f.Path, Kind: "document"}
	}
	b := bufio.NewReaderSize(r, 1<<20)
	err = c.inside(ctx, a, f, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.find(Contents, f.Path, "", "%v", err)
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		c.find(Digests, f.Path, "", "%v", err)
	}
	return nil
}

// inside checks what is in a file.
func (c *checker) inside(ctx context.Context, a release.Artifact, f release.File, r *bufio.Reader) error {
	if a.Kind == "image" {
		return c.blob(ctx, a, f, r)
	}
	head, _ := r.Peek(8)
	if isArchive(head) {
		c.checked(Contents, 1)
	}
	if a.Kind == "chart" || packageReaders[a.Kind] != nil {
		data, err := readMember(r, f.Size)
		if err != nil {
			return err
		}
		if a.Kind == "chart" {
			c.chart(a, data)
		}
		c.linuxPackage(a, data)
		r = bufio.NewReader(bytes.NewReader(data))
	}
	return c.open(ctx, a, r, f.Size, func(m member) { c.look(m) })
}

func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "PK\x03\x04", "!<arch>\n"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// open calls visit for each file in an archive, or for the file itself if it is none. It knows
// the format by its first bytes.
func (c *checker) open(ctx context.Context, a release.Artifact, r *bufio.Reader, size int64, visit func(member)) error {
	head, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return openZip(ctx, a, r, size, visit)
	case bytes.HasPrefix(head, []byte("!<arch>\n")):
		return c.openDeb(ctx, a, r, visit)
	case isArchive(head):
		z, err := decompress(r, head)
		if err != nil {
			return err
		}
		defer z.Close()
		return openTar(ctx, a, bufio.NewReaderSize(io.LimitReader(z, maxBytes), 1<<16), visit)
	}
	data, err := readMember(r, size)
	if err != nil {
		return err
	}
	visit(member{artifact: a, mode: 0o644, data: data})
	return nil
}

// decompress reads gzip, also several files of it in a row, zstd or xz.
func decompress(r io.Reader, head []byte) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte("\xfd7zXZ")):
		x, err := xz.NewReader(r)
		return io.NopCloser(x), err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func readMember(r io.Reader, size int64) ([]byte, error) {
	if size > maxMember {
		return nil, fmt.Errorf("it has %d bytes: no more than %d can be checked", size, maxMember)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data, nil
}

// openTar reads a tar. A file that is compressed and not a tar is one member.
func openTar(ctx context.Context, a release.Artifact, r *bufio.Reader, visit func(member)) error {
	if head, _ := r.Peek(262); len(head) < 262 || string(head[257:262]) != "ustar" {
		data, err := io.ReadAll(io.LimitReader(r, maxMember))
		if err == nil {
			visit(member{artifact: a, mode: 0o644, data: data})
		}
		return err
	}
	t := tar.NewReader(r)
	for range maxMembers {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, r) // the compressor's checksum
			return err
		}
		if err != nil {
			return err
		}
		m := member{artifact: a, path: h.Name, mode: h.FileInfo().Mode(), link: h.Linkname}
		if h.Typeflag == tar.TypeReg {
			if m.data, err = readMember(t, h.Size); err != nil {
				return fmt.Errorf("reading %q: %w", h.Name, err)
			}
		}
		visit(m)
	}
	return fmt.Errorf("it has more than %d files", maxMembers)
}

func openZip(ctx context.Context, a release.Artifact, r io.Reader, size int64, visit func(member)) error {
	if size > maxZip {
		return fmt.Errorf("it has %d bytes: no more than %d can be checked", size, maxZip)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(data), size)
	if err != nil {
		return err
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := member{artifact: a, path: f.Name, mode: f.Mode()}
		if !f.Mode().IsDir() {
			if m.data, err = readZipped(f); err != nil {
				return fmt.Errorf("reading %q: %w", f.Name, err)
			}
		}
		if m.mode&fs.ModeSymlink != 0 {
			m.link, m.data = string(m.data), nil
		}
		visit(m)
	}
	return nil
}

func readZipped(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if f.UncompressedSize64 > maxMember {
		return nil, fmt.Errorf("it has %d bytes: no more than %d can be checked", f.UncompressedSize64, maxMember)
	}
	return io.ReadAll(r) // to its end: the checksum is after it
}

// openDeb reads the members of an ar file (deb(5)), and what is in its tars.
func (c *checker) openDeb(ctx context.Context, a release.Artifact, r *bufio.Reader, visit func(member)) error {
	if _, err := r.Discard(8); err != nil {
		return err
	}
	for {
		header := make([]byte, 60)
		if _, err := io.ReadFull(r, header); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var size int64
		name := strings.TrimRight(string(header[:16]), " /")
		if _, err := fmt.Sscanf(strings.TrimSpace(string(header[48:58])), "%d", &size); err != nil || string(header[58:]) != "`\n" || size < 0 {
			return fmt.Errorf("reading %q: its header is damaged", name)
		}
		part := bufio.NewReader(io.LimitReader(r, size))
		within := func(m member) {
			if m.path == "" || strings.HasPrefix(name, "control.tar") {
				m.path = path.Join(name, m.path)
			}
			visit(m)
		}
		if err := c.open(ctx, a, part, size, within); err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		if _, err := io.Copy(io.Discard, part); err != nil {
			return err
		}
		if size%2 == 1 {
			if _, err := r.Discard(1); err != nil {
				return err
			}
		}
	}
}
