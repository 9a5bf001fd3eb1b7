package compare

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"
)

// maxZipDirectory is how large, in bytes, the central directory may be.
const maxZipDirectory = 16 << 20

// zipArchive is one side of two zips (PKWARE's APPNOTE.TXT 6.3.10).
type zipArchive struct {
	r       *zip.Reader
	entries []entry
}

func (e *explainer) zip(ctx context.Context, p pair) error {
	old, err := e.readZip(ctx, p.old)
	if err != nil {
		return fmt.Errorf("reading the old zip: %w", err)
	}
	new, err := e.readZip(ctx, p.new)
	if err != nil {
		return fmt.Errorf("reading the new zip: %w", err)
	}
	e.attrs(attrsArgs{member: p.member, format: formatZip, old: attrs{{"comment", old.r.Comment}}, new: attrs{{"comment", new.r.Comment}}})
	a := &archives{p: p, format: formatZip, old: old, new: new}
	if err := e.archives(ctx, a); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for _, x := range a.pairs {
		if old.entries[x[0]].sum != new.entries[x[1]].sum {
			continue
		}
		f, g := old.r.File[x[0]], new.r.File[x[1]]
		same, err := e.sameRaw(ctx, f, g, buf)
		if err != nil {
			return err
		}
		if !same && f.Method == g.Method {
			e.note(finding{
				member: join(p.member, printable(f.Name)), format: formatZip, what: "compressed",
				old: plural(int(f.CompressedSize64), "byte"), new: plural(int(g.CompressedSize64), "byte"),
			})
		}
	}
	return nil
}

func (e *explainer) readZip(ctx context.Context, c content) (*zipArchive, error) {
	if err := checkZipDirectory(c); err != nil {
		return nil, err
	}
	r, err := zip.NewReader(c.at, c.size)
	if err != nil && err != zip.ErrInsecurePath {
		return nil, err
	}
	if len(r.File) > maxEntries {
		return nil, fmt.Errorf("%w: more than %d entries", errBound, maxEntries)
	}
	a, buf := &zipArchive{r: r}, make([]byte, 64<<10)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		x, sum := entry{name: limited(f.Name, 4000), attrs: zipAttrs(f)}, newHash()
		x.size, err = e.copyBounded(ctx, sum, in, buf)
		in.Close()
		if err != nil {
			return nil, err
		}
		sum.Sum(x.sum[:0])
		a.entries = append(a.entries, x)
	}
	return a, nil
}

// checkZipDirectory refuses a directory that would take much memory to read: it
// ends the file, with a record that archive/zip finds in the same way.
func checkZipDirectory(c content) error {
	const record, most = 22, 22 + 65535
	tail := make([]byte, min(c.size, most))
	if _, err := c.at.ReadAt(tail, c.size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || at+record > len(tail) {
		return zip.ErrFormat
	}
	size := int64(binary.LittleEndian.Uint32(tail[at+12:]))
	if size == 0xffffffff || binary.LittleEndian.Uint16(tail[at+10:]) == 0xffff {
		size = c.size // zip64: the directory is nowhere near that, but it could be
	}
	if size > maxZipDirectory && c.size > maxZipDirectory {
		return fmt.Errorf("%w: a directory of more than %d bytes", errBound, maxZipDirectory)
	}
	return nil
}

// zipAttrs are what the directory says of a file.
func zipAttrs(f *zip.File) attrs {
	extra, stamps := zipExtra(f.Extra)
	return attrs{
		{"method", strconv.Itoa(int(f.Method))}, {"mode", octal(int64(f.Mode().Perm()))},
		{"mtime", f.Modified.Format(time.RFC3339)}, {"timestamps", stamps}, {"external attributes", zipExternal(f)},
		{"extra field", extra}, {"comment", limited(f.Comment, 1000)},
		{"header version", fmt.Sprintf("%#x, %d", f.CreatorVersion, f.ReaderVersion)}, {"header flags", fmt.Sprintf("%#x", f.Flags)},
	}
}

// zipExternal is the external attributes without what mode says already.
func zipExternal(f *zip.File) string {
	return fmt.Sprintf("%#x", f.ExternalAttrs&^(0o777<<16))
}

// zipExtra takes the extended timestamps (0x5455) from the extra fields: they say
// what mtime says.
func zipExtra(extra []byte) (others, stamps string) {
	var rest []byte
	for len(extra) >= 4 {
		size := 4 + int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra) {
			break
		}
		if binary.LittleEndian.Uint16(extra) == 0x5455 {
			stamps += fmt.Sprintf("%x", extra[:size])
		} else {
			rest = append(rest, extra[:size]...)
		}
		extra = extra[size:]
	}
	return fmt.Sprintf("%x", append(rest, extra...)), stamps
}

// sameRaw reports whether two files were compressed to the same bytes.
func (e *explainer) sameRaw(ctx context.Context, f, g *zip.File, buf []byte) (bool, error) {
	if f.CompressedSize64 != g.CompressedSize64 {
		return false, nil
	}
	var sums [2][32]byte
	for i, f := range []*zip.File{f, g} {
		r, err := f.OpenRaw()
		if err != nil {
			return false, err
		}
		h := newHash()
		if _, err := e.copyBounded(ctx, h, r, buf); err != nil {
			return false, err
		}
		h.Sum(sums[i][:0])
	}
	return sums[0] == sums[1], nil
}

func (a *zipArchive) list() []entry { return a.entries }

func (a *zipArchive) content(_ context.Context, i int) (content, error) {
	f := a.r.File[i]
	return content{size: a.entries[i].size, open: func(context.Context) (io.ReadCloser, error) { return f.Open() }}, nil
}

func (a *zipArchive) close() {}
