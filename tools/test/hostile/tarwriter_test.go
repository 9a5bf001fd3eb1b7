//go:build linux

package hostile

import (
	"archive/tar"
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const block = 512 // bytes

// tarWriter writes archives, including those that archive/tar refuses to write.
type tarWriter struct {
	out *bufio.Writer
	tar *tar.Writer
	bad bool // the end was not written by archive/tar
	err error
}

func newTarWriter(w io.Writer) *tarWriter {
	out := bufio.NewWriterSize(w, 1<<20)
	return &tarWriter{out: out, tar: tar.NewWriter(out)}
}

func (w *tarWriter) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *tarWriter) header(h *tar.Header) {
	h.ModTime = time.Unix(0, 0)
	w.note(w.tar.WriteHeader(h))
}

func (w *tarWriter) file(name, content string) {
	w.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))})
	_, err := io.WriteString(w.tar, content)
	w.note(err)
}

func (w *tarWriter) link(name, target string) {
	w.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// bytes writes raw bytes. The archive then gets no end.
func (w *tarWriter) bytes(s string) {
	w.note(w.tar.Flush())
	_, err := w.out.WriteString(s)
	w.note(err)
	w.bad = true
}

// rawHeader is a header with any values.
type rawHeader struct {
	name, link string
	flag       byte
	size       int64
	checksum   int // added to the correct one
	gnu        bool
	more       func(b []byte)
}

// raw writes a header and no content.
func (w *tarWriter) raw(h rawHeader) { w.bytes(string(headerBytes(h))) }

func headerBytes(h rawHeader) []byte {
	b := make([]byte, block)
	copy(b, h.name)
	copy(b[100:], fmt.Sprintf("%07o\x00%07o\x00%07o\x00", 0o644, 0, 0))
	if h.size < 0 || h.size >= 1<<33 { // GNU's form for large numbers
		binary.BigEndian.PutUint64(b[128:], uint64(h.size))
		b[124] = 0x80
		if h.size < 0 {
			copy(b[124:], "\xff\xff\xff\xff")
		}
	} else {
		copy(b[124:], fmt.Sprintf("%011o\x00", h.size))
	}
	copy(b[136:], fmt.Sprintf("%011o\x00", 0))
	b[156] = h.flag
	copy(b[157:], h.link)
	if h.gnu {
		copy(b[257:], "ustar  \x00")
	} else {
		copy(b[257:], "ustar\x0000")
	}
	if h.more != nil {
		h.more(b)
	}
	copy(b[148:], "        ")
	sum := h.checksum
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// pax writes an extended header with one record of any content, and the header that it applies
// to.
func (w *tarWriter) pax(key, value string, h rawHeader) {
	w.records(record(key, value), h)
}

func (w *tarWriter) records(records string, h rawHeader) {
	w.raw(rawHeader{name: "PaxHeaders/a", flag: tar.TypeXHeader, size: int64(len(records))})
	w.bytes(records + strings.Repeat("\x00", -len(records)&(block-1)))
	w.raw(h)
}

// manyEntries is a tar of n empty files that takes no memory.
type manyEntries struct {
	n, at  int64
	header []byte
}

func (m *manyEntries) Read(p []byte) (n int, err error) {
	if m.header == nil {
		m.header = headerBytes(rawHeader{name: "0000000", flag: tar.TypeReg})
	}
	for n < len(p) && m.at < m.n*block {
		k := copy(p[n:], m.entry(m.at / block)[m.at%block:])
		n, m.at = n+k, m.at+int64(k)
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

// entry changes the digits of the name, and the checksum accordingly.
func (m *manyEntries) entry(i int64) []byte {
	sum, _ := strconv.ParseInt(string(m.header[148:154]), 8, 32)
	for at := 6; at >= 0; at-- {
		digit := byte('0' + i%10)
		sum += int64(digit) - int64(m.header[at])
		m.header[at], i = digit, i/10
	}
	for at := 153; at >= 148; at-- {
		m.header[at], sum = byte('0'+sum&7), sum>>3
	}
	return m.header
}

// Seek implements io.Seeker as far as it is needed.
func (m *manyEntries) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset += m.at
	}
	m.at = offset
	return m.at, nil
}

// record returns "LENGTH KEY=VALUE\n". LENGTH includes itself.
func record(key, value string) string {
	n := len(key) + len(value) + 3
	n += len(fmt.Sprint(n + len(fmt.Sprint(n))))
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// gnuSparse writes a sparse file of holes only, in GNU's old format.
func (w *tarWriter) gnuSparse(name string, size int64) {
	w.raw(rawHeader{name: name, flag: tar.TypeGNUSparse, gnu: true, more: func(b []byte) {
		binary.BigEndian.PutUint64(b[386+4:], uint64(size)) // an empty extent at the end
		b[386] = 0x80
		copy(b[398:], fmt.Sprintf("%011o\x00", 0))
		binary.BigEndian.PutUint64(b[483+4:], uint64(size))
		b[483] = 0x80
	}})
}

// paxSparse writes a sparse file of holes only, in format 1.0 of GNU tar.
func (w *tarWriter) paxSparse(name string, size int64) {
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
		record("GNU.sparse.name", name) + record("GNU.sparse.realsize", fmt.Sprint(size))
	w.records(records, rawHeader{name: "GNUSparseFile.0/a", flag: tar.TypeReg, size: block})
	w.bytes(fmt.Sprintf("%-*s", block, "1\n"+fmt.Sprint(size)+"\n0\n"))
}

// close ends the archive, unless bytes has.
func (w *tarWriter) close() error {
	if !w.bad {
		w.note(w.tar.Close())
	}
	w.note(w.out.Flush())
	return w.err
}
