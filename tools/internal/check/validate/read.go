package validate

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// Limits on what an artifact contains. It may be damaged, and it may be malicious.
const (
	maxMember  = 1<<31 - 1 // bytes of a file in an archive that is looked at, and of a zip
	maxMembers = 1_000_000
	maxBytes   = 1 << 36 // bytes of an archive, uncompressed
)

// arMagic begins an ar archive, which a Debian package is.
const arMagic = "!<arch>\n"

// A member is a file in an artifact, or the artifact itself.
type member struct {
	artifact release.Artifact
	path     string // in the artifact; empty for itself
	mode     fs.FileMode
	link     string
	base     bool   // it is in a layer of a base image
	data     []byte // valid while the member is visited
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
	open := func(r *bufio.Reader) error {
		if bytes.HasPrefix(head, []byte(arMagic)) {
			return c.openDeb(ctx, a, r, c.look)
		}
		return c.open(ctx, a, r, f.Size, c.look)
	}
	if a.Kind != "chart" && packageReaders[a.Kind] == nil {
		return open(r)
	}
	return c.bytes(r, f.Size, func(data []byte) error {
		if a.Kind == "chart" {
			c.chart(a, data)
		}
		c.linuxPackage(a, data)
		return open(bufio.NewReader(bytes.NewReader(data)))
	})
}

func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "PK\x03\x04", arMagic} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// open calls visit for each file in an archive, or for the file itself if it is none. It knows
// the format by its first bytes. An ar archive in another is a file.
func (c *checker) open(ctx context.Context, a release.Artifact, r *bufio.Reader, size int64, visit func(member)) error {
	head, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return c.bytes(r, size, func(data []byte) error { return c.openZip(ctx, a, data, visit) })
	}
	z, err := decompress(r)
	if err != nil {
		return err
	}
	if z != nil {
		defer z.Close()
		return c.openTar(ctx, a, bufio.NewReaderSize(io.LimitReader(z, maxBytes), 1<<16), visit)
	}
	return c.bytes(r, size, func(data []byte) error {
		visit(member{artifact: a, mode: 0o644, data: data})
		return nil
	})
}

// decompress is archive.Decompress with a reader of gzip that is faster than the standard
// library's.
func decompress(r *bufio.Reader) (io.ReadCloser, error) {
	if head, _ := r.Peek(2); string(head) == "\x1f\x8b" {
		return gzip.NewReader(r)
	}
	return archive.Decompress(r)
}

// bytes calls use with the next size bytes of r. The memory is used again when it has returned.
func (c *checker) bytes(r io.Reader, size int64, use func(data []byte) error) error {
	if size > maxMember {
		return fmt.Errorf("it has %d bytes: no more than %d can be checked", size, maxMember)
	}
	b, ok := c.buffers.Get().(*[]byte)
	if !ok {
		b = new([]byte)
	}
	defer c.buffers.Put(b)
	if int64(cap(*b)) < size {
		*b = make([]byte, size)
	}
	data := (*b)[:size]
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	return use(data)
}

// openTar reads a tar. A file that is compressed and not a tar is one member.
func (c *checker) openTar(ctx context.Context, a release.Artifact, r *bufio.Reader, visit func(member)) error {
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
		if h.Typeflag != tar.TypeReg {
			visit(m)
			continue
		}
		err = c.bytes(t, h.Size, func(data []byte) error {
			m.data = data
			visit(m)
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading %q: %w", h.Name, err)
		}
	}
	return fmt.Errorf("it has more than %d files", maxMembers)
}

func (c *checker) openZip(ctx context.Context, a release.Artifact, data []byte, visit func(member)) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := member{artifact: a, path: f.Name, mode: f.Mode()}
		if f.Mode().IsDir() {
			visit(m)
			continue
		}
		if err := c.zipped(f, m, visit); err != nil {
			return fmt.Errorf("reading %q: %w", f.Name, err)
		}
	}
	return nil
}

func (c *checker) zipped(f *zip.File, m member, visit func(member)) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	size := int64(min(f.UncompressedSize64, maxMember+1))
	return c.bytes(r, size, func(data []byte) error {
		// The checksum is compared at the end.
		if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
			return cmp.Or(err, zip.ErrFormat)
		}
		if m.data = data; m.mode&fs.ModeSymlink != 0 {
			m.link, m.data = string(data), nil
		}
		visit(m)
		return nil
	})
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
