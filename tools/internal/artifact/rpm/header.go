package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits on a header, which is not trusted. The first is rpm's own; the largest headers of
// distributions have a tenth of the others.
const (
	maxTags   = 0xffff
	maxHeader = 32 << 20 // bytes
	maxValues = 2 << 20  // texts and numbers
	leadSize  = 96
)

// header are the values of a header by their tags.
type header struct {
	values map[uint32]value
	size   int64 // in bytes, as in the file
}

// A value is the value of a tag: texts, or numbers.
type value struct {
	texts   []string
	numbers []uint64
}

// The types of values that have texts or numbers.
var widths = map[uint32]int{1: 1, 2: 1, 3: 2, 4: 4, 5: 8}

const (
	typeString = 6
	typeArray  = 8
	typeI18N   = 9
)

// readHeader reads a header (https://rpm.org/docs/latest/format.html).
func readHeader(r io.Reader) (*header, error) {
	intro := make([]byte, 16)
	if _, err := io.ReadFull(r, intro); err != nil {
		return nil, fmt.Errorf("reading a header: %w", err)
	}
	if !bytes.Equal(intro[:4], []byte{0x8e, 0xad, 0xe8, 0x01}) {
		return nil, errors.New("reading a header: it does not begin with its magic number")
	}
	tags, size := int64(binary.BigEndian.Uint32(intro[8:])), int64(binary.BigEndian.Uint32(intro[12:]))
	if tags > maxTags || size > maxHeader {
		return nil, fmt.Errorf("reading a header: got %d tags in %d bytes, want at most %d in %d", tags, size, maxTags, maxHeader)
	}
	// A header that is cut takes no more memory than it has content.
	var all bytes.Buffer
	if n, err := io.Copy(&all, io.LimitReader(r, tags*16+size)); err != nil {
		return nil, fmt.Errorf("reading a header: %w", err)
	} else if n < tags*16+size {
		return nil, fmt.Errorf("reading a header: %w", io.ErrUnexpectedEOF)
	}
	h := &header{values: map[uint32]value{}, size: 16 + tags*16 + size}
	index, data := all.Bytes()[:tags*16], all.Bytes()[tags*16:]
	budget, values := len(data), 0
	for ; len(index) > 0; index = index[16:] {
		tag := binary.BigEndian.Uint32(index)
		kind, offset, count := binary.BigEndian.Uint32(index[4:]), binary.BigEndian.Uint32(index[8:]), binary.BigEndian.Uint32(index[12:])
		if int64(offset) > size {
			return nil, fmt.Errorf("tag %d: it is at %d of %d bytes", tag, offset, size)
		}
		v, used, err := decode(data[offset:], kind, count)
		// Values do not overlap in what rpm writes, so that they all fit.
		if budget -= used; err == nil && budget < 0 {
			err = errors.New("its value overlaps others")
		}
		if values += len(v.texts) + len(v.numbers); err == nil && values > maxValues {
			err = fmt.Errorf("got more than %d texts and numbers", maxValues)
		}
		if err != nil {
			return nil, fmt.Errorf("tag %d: %w", tag, err)
		}
		h.values[tag] = v
	}
	return h, nil
}

// decode decodes a value at the beginning of data. Used is its size in bytes.
func decode(data []byte, kind, count uint32) (v value, used int, err error) {
	all := data
	width := widths[kind]
	if (width > 0 || kind >= typeString && kind != 7) && count > maxValues {
		return v, 0, fmt.Errorf("got %d texts or numbers, want at most %d", count, maxValues)
	}
	switch {
	case width > 0:
		if int64(count)*int64(width) > int64(len(data)) {
			return v, 0, errors.New("its value is cut")
		}
		for ; count > 0; count-- {
			var n uint64
			for _, b := range data[:width] {
				n = n<<8 | uint64(b)
			}
			v.numbers, data = append(v.numbers, n), data[width:]
		}
	case kind == typeString, kind == typeArray, kind == typeI18N:
		for ; count > 0; count-- {
			text, rest, ok := bytes.Cut(data, []byte{0})
			if !ok {
				return v, 0, errors.New("its value is cut")
			}
			v.texts, data = append(v.texts, string(text)), rest
		}
	}
	return v, len(all) - len(data), nil
}

// text returns the first text of a tag, or "".
func (h *header) text(tag uint32) string {
	if t := h.values[tag].texts; len(t) > 0 {
		return t[0]
	}
	return ""
}

// number returns the first number of the first tag that has one, or 0.
func (h *header) number(tags ...uint32) uint64 {
	for _, tag := range tags {
		if n := h.values[tag].numbers; len(n) > 0 {
			return n[0]
		}
	}
	return 0
}
