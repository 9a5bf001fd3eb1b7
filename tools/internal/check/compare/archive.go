package compare

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

// compressed compares two files that are compressed with gzip, zstd or xz: of gzip
// (https://www.rfc-editor.org/rfc/rfc1952) the first headers, and of all the content. If all
// are equal, it compares the compressed bytes.
func (e *explainer) compressed(ctx context.Context, p pair, as format) error {
	type file struct {
		attrs attrs
		content
		sum [32]byte
	}
	old, new, err := both(p, as, func(c content) (f file, err error) {
		z, err := archive.Decompress(bufio.NewReader(c.reader()))
		if err != nil {
			return f, err
		}
		defer z.Close()
		if gz, ok := z.(*gzip.Reader); ok {
			if f.attrs, err = gzipAttrs(c, gz.Header); err != nil {
				return f, err
			}
		}
		h := sha256.New()
		f.content, err = e.spool(ctx, io.TeeReader(z, h))
		h.Sum(f.sum[:0])
		return f, err
	})
	if err != nil {
		return err
	}
	before := e.out.count
	e.attrs(p.member, old.attrs, new.attrs)
	if old.sum != new.sum {
		return e.explain(ctx, pair{p.member, old.content, new.content, p.depth + 1})
	}
	if e.out.count == before {
		e.note(finding{member: p.member, what: "compressed", old: plural(p.old.size, "byte"), new: plural(p.new.size, "byte")})
	}
	return nil
}

func gzipAttrs(c content, h gzip.Header) (attrs, error) {
	head := make([]byte, 10)
	if _, err := io.ReadFull(c.reader(), head); err != nil {
		return nil, err
	}
	mtime := ""
	if !h.ModTime.IsZero() {
		mtime = h.ModTime.UTC().Format(time.RFC3339)
	}
	return attrs{
		{"gzip mtime", mtime}, {"gzip OS", strconv.Itoa(int(h.OS))}, {"gzip name", h.Name}, {"gzip comment", h.Comment},
		{"gzip extra", fmt.Sprintf("%x", h.Extra)}, {"gzip level", strconv.Itoa(int(head[8]))},
		{"gzip flags", strconv.Itoa(int(head[3] & 3))}, // without those of the fields above
	}, nil
}

func plural[T int | int64 | uint64](n T, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// bounded collects entries up to the limits.
type bounded struct {
	entries []entry
	names   int
}

func (b *bounded) add(x entry) error {
	b.entries, b.names = append(b.entries, x), b.names+len(x.name)
	for _, a := range x.attrs {
		b.names += len(a.what) + len(a.value)
	}
	if b.names > maxNames || len(b.entries) > maxEntries {
		return fmt.Errorf("%w: more than %d entries or %d bytes of their headers", errBound, maxEntries, maxNames)
	}
	return nil
}

// tar compares two tars (POSIX.1-2017 pax and GNU).
func (e *explainer) tar(ctx context.Context, p pair) error {
	old, new, err := both(p, formatTar, func(c content) ([]entry, error) { return e.readTar(ctx, c) })
	if err != nil {
		return err
	}
	return e.entries(ctx, p, old, new)
}

func (e *explainer) readTar(ctx context.Context, c content) ([]entry, error) {
	var b bounded
	r := c.reader()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err == io.EOF {
			return b.entries, nil
		}
		if err != nil {
			return nil, err
		}
		// The reader reads no further than requested.
		start, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		x := entry{name: limited(h.Name, 4000), attrs: tarAttrs(h)}
		if x.size, x.sum, err = e.hash(ctx, t); err != nil {
			return nil, err
		}
		if end, err := r.Seek(0, io.SeekCurrent); err != nil || end != start+x.size {
			return nil, fmt.Errorf("%q is a sparse file", x.name)
		}
		x.open = func(context.Context) (content, error) {
			return content{io.NewSectionReader(c.at, start, x.size), x.size}, nil
		}
		if err := b.add(x); err != nil {
			return nil, err
		}
	}
}

// tarAttrs returns the fields of a header, without those that have their usual value.
func tarAttrs(h *tar.Header) attrs {
	a := attrs{
		{"type", tarType(h.Typeflag)}, {"mode", octal(h.Mode)}, {"mtime", stamp(h.ModTime)},
		{"owner", fmt.Sprintf("%d:%d %s:%s", h.Uid, h.Gid, limited(h.Uname, 100), limited(h.Gname, 100))},
		{"header format", h.Format.String()}, {"link", limited(h.Linkname, 4000)},
		{"device", fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)},
		{"atime", stamp(h.AccessTime)}, {"ctime", stamp(h.ChangeTime)},
	}
	for _, k := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		switch k {
		case "mtime", "atime", "ctime", "path", "linkpath", "uid", "gid", "uname", "gname", "size":
		default:
			a = append(a, attr{"header " + limited(k, 100), limited(h.PAXRecords[k], 1000)})
		}
	}
	return a
}

func octal(mode int64) string { return "0" + strconv.FormatInt(mode, 8) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func tarType(flag byte) string {
	names := map[byte]string{
		tar.TypeReg: "file", '\x00': "file", tar.TypeLink: "hard link", tar.TypeSymlink: "symbolic link", tar.TypeChar: "character device",
		tar.TypeBlock: "block device", tar.TypeDir: "directory", tar.TypeFifo: "fifo", tar.TypeXGlobalHeader: "global header",
	}
	if n, ok := names[flag]; ok {
		return n
	}
	return fmt.Sprintf("%q", flag)
}

// zip compares two zips (PKWARE's APPNOTE.TXT 6.3.10).
func (e *explainer) zip(ctx context.Context, p pair) error {
	type file struct {
		entries []entry
		comment string
	}
	old, new, err := both(p, formatZip, func(c content) (f file, err error) {
		f.entries, f.comment, err = e.readZip(ctx, c)
		return f, err
	})
	if err != nil {
		return err
	}
	e.attrs(p.member, attrs{{"comment", old.comment}}, attrs{{"comment", new.comment}})
	return e.entries(ctx, p, old.entries, new.entries)
}

func (e *explainer) readZip(ctx context.Context, c content) (_ []entry, comment string, err error) {
	if err := checkZipDirectory(c); err != nil {
		return nil, "", err
	}
	r, err := zip.NewReader(c.at, c.size)
	if err != nil && err != zip.ErrInsecurePath {
		return nil, "", err
	}
	var b bounded
	for _, f := range r.File {
		x := entry{name: limited(f.Name, 4000), attrs: zipAttrs(f)}
		raw, err := f.OpenRaw()
		if err != nil {
			return nil, "", err
		}
		in, err := f.Open()
		if err != nil {
			return nil, "", err
		}
		x.packed, x.packedSum, err = e.hash(ctx, raw)
		if err == nil {
			x.size, x.sum, err = e.hash(ctx, in)
		}
		if err != nil {
			return nil, "", err
		}
		x.open = func(ctx context.Context) (content, error) {
			in, err := f.Open()
			if err != nil {
				return content{}, err
			}
			return e.spool(ctx, in)
		}
		if err := b.add(x); err != nil {
			return nil, "", err
		}
	}
	return b.entries, r.Comment, nil
}

func (e *explainer) hash(ctx context.Context, r io.Reader) (size int64, sum [32]byte, err error) {
	h := sha256.New()
	size, err = e.copy(ctx, h, r, maxRead)
	h.Sum(sum[:0])
	return size, sum, err
}

// checkZipDirectory refuses a directory that would take much memory to read. The directory's
// end record is at the end of the file; it is found in the same way as archive/zip does.
func checkZipDirectory(c content) error {
	const record, most, maxDirectory = 22, 22 + 65535, 16 << 20
	tail := make([]byte, min(c.size, most))
	if _, err := c.at.ReadAt(tail, c.size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || at+record > len(tail) {
		return zip.ErrFormat
	}
	// With zip64, the record does not have the directory's size.
	if size := binary.LittleEndian.Uint32(tail[at+12:]); size > maxDirectory && c.size > maxDirectory {
		return fmt.Errorf("%w: a directory of more than %d bytes", errBound, maxDirectory)
	}
	return nil
}

// zipAttrs returns the fields of a file in the directory.
func zipAttrs(f *zip.File) attrs {
	return attrs{
		{"method", strconv.Itoa(int(f.Method))}, {"mode", octal(int64(f.Mode().Perm()))}, {"mtime", f.Modified.Format(time.RFC3339)},
		{"external attributes", fmt.Sprintf("%#x", f.ExternalAttrs&^(0o777<<16))}, // without the mode
		{"extra field", zipExtra(f.Extra)}, {"comment", limited(f.Comment, 1000)},
		{"header version", fmt.Sprintf("%#x, %d", f.CreatorVersion, f.ReaderVersion)}, {"header flags", fmt.Sprintf("%#x", f.Flags)},
	}
}

// zipExtra returns the extra fields except the extended timestamps (0x5455), which repeat
// mtime.
func zipExtra(extra []byte) string {
	var rest []byte
	for len(extra) >= 4 {
		size := 4 + int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra) {
			break
		}
		if binary.LittleEndian.Uint16(extra) != 0x5455 {
			rest = append(rest, extra[:size]...)
		}
		extra = extra[size:]
	}
	return fmt.Sprintf("%x", append(rest, extra...))
}
