package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ulikunitz/xz"
)

// newXzReader returns a reader of the content of an xz file
// (https://tukaani.org/xz/xz-file-format.txt). A block that wants more memory than maxWindow
// is an error: the library allows 4 GiB.
func newXzReader(r *bufio.Reader) (io.Reader, error) {
	g := &xzGuard{r: r}
	g.next = g.stream
	return xz.ReaderConfig{DictCap: xzDictionary}.NewReader(g)
}

// An xzGuard passes on an xz file, and looks at the headers of its blocks. What is wrong in
// another way is left to the decoder.
type xzGuard struct {
	r     *bufio.Reader
	ready []byte       // bytes that were looked at
	pass  int64        // the number of bytes after them that nobody has to look at
	next  func() error // looks at what follows
	check int64        // the size of the check of a block
	size  int64        // of a block's data, or of the index, so far
	left  uint64       // numbers in the index that follow
}

var errXz = errors.New("xz: the structure is damaged")

func (g *xzGuard) Read(p []byte) (int, error) {
	for len(g.ready) == 0 && g.pass == 0 {
		if err := g.next(); err != nil && len(g.ready) == 0 {
			return 0, err
		}
	}
	if len(g.ready) > 0 {
		n := copy(p, g.ready)
		g.ready = g.ready[n:]
		return n, nil
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.pass)])
	g.pass -= int64(n)
	return n, err
}

// take looks at n bytes.
func (g *xzGuard) take(n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(g.r, b)
	g.ready = append(g.ready, b[:got]...)
	g.size += int64(got)
	if err != nil {
		g.next = func() error { return err }
	}
	return b, err
}

// refuse ends the file before what was looked at last.
func (g *xzGuard) refuse(err error) error {
	g.ready, g.next = nil, func() error { return err }
	return err
}

// stream looks at the header of a stream, or at padding before it.
func (g *xzGuard) stream() error {
	b, err := g.take(4)
	if err != nil || slices.Equal(b, make([]byte, 4)) {
		return err
	}
	if b, err = g.take(8); err != nil {
		return err
	}
	// The sizes of checks by their ids, section 2.1.1.2.
	if id := b[3] & 0x0f; id > 0 {
		g.check = 4 << ((id - 1) / 3)
	} else {
		g.check = 0
	}
	g.next = g.block
	return nil
}

// block looks at the header of a block. The index begins with a zero byte instead.
func (g *xzGuard) block() error {
	g.size = 0
	b, err := g.take(1)
	if err != nil {
		return err
	}
	if b[0] == 0 {
		g.next = g.index
		return nil
	}
	if b, err = g.take(4*int(b[0]) + 3); err != nil {
		return err
	}
	flags, rest := b[0], b[1:len(b)-4]
	number := func() uint64 {
		n, used := binary.Uvarint(rest)
		rest = rest[max(0, used):]
		return n
	}
	for _, bit := range []byte{0x40, 0x80} { // the sizes of the data and of the content
		if flags&bit != 0 {
			number()
		}
	}
	const lzma2 = 0x21
	if flags&3 != 0 || number() != lzma2 || number() != 1 || len(rest) == 0 {
		return g.refuse(errors.New("xz: got other filters, want LZMA2 alone"))
	}
	// Section 5.3.1.
	if bits := rest[0] & 0x3f; bits >= 40 || (2|int64(bits&1))<<(bits/2+11) > maxWindow {
		return g.refuse(fmt.Errorf("xz: a block wants a larger dictionary than %d bytes", maxWindow))
	}
	g.size, g.next = 0, g.chunk
	return nil
}

// chunk looks at the header of a chunk of LZMA2 data: its kind and its sizes.
func (g *xzGuard) chunk() error {
	b, err := g.take(1)
	if err != nil {
		return err
	}
	switch kind := b[0]; {
	case kind == 0: // the end; a check follows the padding
		g.pass, g.next = -g.size&3+g.check, g.block
		return nil
	case kind <= 2:
		b, err = g.take(2)
		g.pass = int64(binary.BigEndian.Uint16(b)) + 1
	case kind < 0x80:
		return g.refuse(errXz)
	default:
		b, err = g.take(4)
		g.pass = int64(binary.BigEndian.Uint16(b[2:])) + 1
		if kind >= 0xc0 {
			g.pass++
		}
	}
	if err != nil {
		g.pass = 0
		return err
	}
	g.size += g.pass
	return nil
}

// index looks at the number of records, two numbers each.
func (g *xzGuard) index() error {
	n, err := g.number()
	if err == nil {
		g.left, g.next = 2*n, g.record
	}
	return err
}

// record looks at a number of the index, or finds its end: padding, a check, the footer.
func (g *xzGuard) record() error {
	if g.left == 0 {
		g.pass, g.next = -g.size&3+4+12, g.stream
		return nil
	}
	g.left--
	_, err := g.number()
	return err
}

func (g *xzGuard) number() (uint64, error) {
	var all []byte
	for range 9 {
		b, err := g.take(1)
		if err != nil {
			return 0, err
		}
		if all = append(all, b[0]); b[0] < 0x80 {
			n, _ := binary.Uvarint(all)
			return n, nil
		}
	}
	return 0, g.refuse(errXz)
}
