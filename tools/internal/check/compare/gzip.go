package compare

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
)

// maxMembers is how many members of a gzip file are looked at one by one.
const maxMembers = 1000

// gzipMember is one member of a gzip file
// (https://www.rfc-editor.org/rfc/rfc1952#section-2.3).
type gzipMember struct {
	attrs      attrs
	start, end int64 // where its header starts and its trailer ends
	body       int64 // where its compressed data starts
}

// gzipFile is what a gzip file says of itself, and the sum of its content.
type gzipFile struct {
	members []gzipMember
	count   int
	sum     [32]byte
	size    int64
}

// gzip compares two gzip files: their content, their headers, and where both are
// equal what the compressors made.
func (e *explainer) gzip(ctx context.Context, p pair) error {
	old, err := e.readGzip(ctx, p.old)
	if err != nil {
		return fmt.Errorf("reading the old gzip: %w", err)
	}
	new, err := e.readGzip(ctx, p.new)
	if err != nil {
		return fmt.Errorf("reading the new gzip: %w", err)
	}
	before := e.out.count
	for i := range min(len(old.members), len(new.members)) {
		member := p.member
		if i > 0 {
			member = join(member, fmt.Sprintf("member %d", i+1))
		}
		e.attrs(attrsArgs{member: member, format: formatGzip, old: old.members[i].attrs, new: new.members[i].attrs})
	}
	if old.sum != new.sum {
		return e.explain(ctx, pair{p.member, unzipped(p.old, old.size), unzipped(p.new, new.size), p.depth + 1})
	}
	if old.count != new.count {
		e.note(finding{member: p.member, format: formatGzip, what: "compressed", old: plural(old.count, "member"), new: plural(new.count, "member")})
		return nil
	}
	if e.out.count > before && e.out.last().Cause == causeLevel {
		return nil // the compressed bytes differ by it
	}
	same, err := e.sameBodies(ctx, p, old, new)
	if err == nil && !same {
		e.note(finding{member: p.member, format: formatGzip, what: "compressed", old: plural(int(p.old.size), "byte"), new: plural(int(p.new.size), "byte")})
	}
	return err
}

func plural(n int, what string) string {
	switch {
	case n < 0:
		return ""
	case n == 1:
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func unzipped(c content, size int64) content {
	return content{size: size, open: func(ctx context.Context) (io.ReadCloser, error) {
		r, err := c.open(ctx)
		if err != nil {
			return nil, err
		}
		z, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
		if err != nil {
			r.Close()
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{z, r}, nil
	}}
}

// tape is a reader that knows where it is.
type tape struct {
	r   *bufio.Reader
	pos int64
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.pos += int64(n)
	return n, err
}

func (t *tape) ReadByte() (byte, error) {
	b, err := t.r.ReadByte()
	if err == nil {
		t.pos++
	}
	return b, err
}

func (e *explainer) readGzip(ctx context.Context, c content) (*gzipFile, error) {
	r, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := &tape{r: bufio.NewReaderSize(r, 64<<10)}
	f, h, buf := new(gzipFile), newHash(), make([]byte, 64<<10)
	var z *gzip.Reader
	for {
		head, err := t.r.Peek(10)
		if len(head) == 0 && err == io.EOF {
			h.Sum(f.sum[:0])
			return f, nil
		}
		head = slices.Clone(head) // the reader may use its buffer for what comes next
		m := gzipMember{start: t.pos}
		if z == nil {
			z, err = gzip.NewReader(t)
		} else {
			err = z.Reset(t)
		}
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		m.attrs, m.body = gzipAttrs(head, z.Header), t.pos
		n, err := e.copyBounded(ctx, h, z, buf)
		if err != nil {
			return nil, err
		}
		f.size += n
		m.end = t.pos
		if f.count++; len(f.members) < maxMembers {
			f.members = append(f.members, m)
		}
	}
}

// gzipAttrs returns the fields of a member's header, which starts with head.
func gzipAttrs(head []byte, h gzip.Header) attrs {
	mtime := ""
	if !h.ModTime.IsZero() {
		mtime = h.ModTime.UTC().Format(time.RFC3339)
	}
	a := attrs{
		{"gzip mtime", mtime}, {"gzip OS", strconv.Itoa(int(h.OS))}, {"gzip name", h.Name},
		{"gzip comment", h.Comment}, {"gzip extra", fmt.Sprintf("%x", h.Extra)},
	}
	if len(head) == 10 { // the flags of what stands above are left out
		a = append(a, attr{"gzip flags", strconv.Itoa(int(head[3] & 3))}, attr{"gzip level", strconv.Itoa(int(head[8]))})
	}
	return a
}

// copyBounded copies r to w within e's bounds, and ends when ctx is cancelled.
func (e *explainer) copyBounded(ctx context.Context, w io.Writer, r io.Reader, buf []byte) (int64, error) {
	var size int64
	for {
		n, err := r.Read(buf)
		size += int64(n)
		if _, err := w.Write(buf[:n]); err != nil {
			return size, err
		}
		switch {
		case err == io.EOF:
			return size, e.charge(int64(n))
		case err != nil:
			return size, err
		case ctx.Err() != nil:
			return size, ctx.Err()
		}
		if err := e.charge(int64(n)); err != nil {
			return size, err
		}
	}
}

// sameBodies reports whether the compressed data are equal, whatever the headers say.
func (e *explainer) sameBodies(ctx context.Context, p pair, old, new *gzipFile) (bool, error) {
	sums, buf := make([][32]byte, 2), make([]byte, 64<<10)
	for i, side := range []struct {
		c content
		f *gzipFile
	}{{p.old, old}, {p.new, new}} {
		r, err := side.c.open(ctx)
		if err != nil {
			return false, err
		}
		h, at := newHash(), int64(0)
		for _, m := range side.f.members {
			_, err = io.CopyN(io.Discard, r, m.body-at)
			if err == nil {
				binary.Write(h, binary.BigEndian, m.end-m.body) // never fails
				_, err = e.copyBounded(ctx, h, io.LimitReader(r, m.end-m.body), buf)
			}
			if err != nil {
				r.Close()
				return false, err
			}
			at = m.end
		}
		r.Close()
		h.Sum(sums[i][:0])
	}
	return sums[0] == sums[1], nil
}

// zstd compares two zstd files (https://www.rfc-editor.org/rfc/rfc8878) by content.
func (e *explainer) zstd(ctx context.Context, p pair) error {
	var sums [2][32]byte
	var sizes [2]int64
	for i, c := range []content{p.old, p.new} {
		r, err := unzstd(c).open(ctx)
		if err != nil {
			return err
		}
		h := newHash()
		sizes[i], err = e.copyBounded(ctx, h, r, make([]byte, 64<<10))
		r.Close()
		if err != nil {
			return fmt.Errorf("reading zstd: %w", err)
		}
		h.Sum(sums[i][:0])
	}
	if sums[0] == sums[1] {
		e.note(finding{member: p.member, format: formatZstd, what: "compressed", old: plural(int(p.old.size), "byte"), new: plural(int(p.new.size), "byte")})
		return nil
	}
	old, new := unzstd(p.old), unzstd(p.new)
	old.size, new.size = sizes[0], sizes[1]
	return e.explain(ctx, pair{p.member, old, new, p.depth + 1})
}

func unzstd(c content) content {
	return content{size: -1, open: func(ctx context.Context) (io.ReadCloser, error) {
		r, err := c.open(ctx)
		if err != nil {
			return nil, err
		}
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			r.Close()
			return nil, err
		}
		return &zstdReader{z, r}, nil
	}}
}

type zstdReader struct {
	*zstd.Decoder
	under io.Closer
}

func (z *zstdReader) Close() error {
	z.Decoder.Close()
	return z.under.Close()
}
