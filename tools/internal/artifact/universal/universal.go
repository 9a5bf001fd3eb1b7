// Package universal joins programs for macOS, one for each architecture, in one file: a fat
// Mach-O, which is a header and the programs themselves, each at a page. See
// https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/fat.h.
package universal

import (
	"bufio"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// alignBits is the binary logarithm of the alignment of each program: a page of arm64, as lipo
// has it.
const alignBits = 14

// maxPrograms is the largest number of programs that Programs accepts.
const maxPrograms = 16

// archHeader is fat_arch, big endian.
type archHeader struct {
	CPU, SubCPU, Offset, Size, Align uint32
}

// Write writes a universal binary of the named programs to w, in their order. Each has to be a
// Mach-O executable of 64 bits, for another CPU than the others, and there have to be at least
// two.
func Write(w io.Writer, names ...string) (err error) {
	if len(names) < 2 {
		return fmt.Errorf("joining %q: got %d, want at least two programs, each for another CPU", names, len(names))
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	var headers []archHeader
	at := int64(8 + len(names)*binary.Size(archHeader{}))
	known := map[uint32]string{}
	for _, name := range names {
		f, err := fileio.OpenRegular(name)
		if err != nil {
			return err
		}
		files = append(files, f)
		h, err := header(f)
		if err != nil {
			return fmt.Errorf("reading program %q: %w", name, err)
		}
		if other, ok := known[h.CPU]; ok {
			return fmt.Errorf("joining %q and %q: both are for %v", other, name, macho.Cpu(h.CPU))
		}
		known[h.CPU] = name
		at = (at + 1<<alignBits - 1) >> alignBits << alignBits
		if at+int64(h.Size) > math.MaxUint32 {
			return fmt.Errorf("joining %q: the file would have more than 4 GiB", names)
		}
		h.Offset = uint32(at)
		at += int64(h.Size)
		headers = append(headers, h)
	}
	return write(w, files, headers)
}

// header returns the header of a program, without its offset.
func header(f *os.File) (archHeader, error) {
	info, err := f.Stat()
	if err != nil {
		return archHeader{}, err
	}
	m, err := macho.NewFile(f)
	if err != nil {
		return archHeader{}, fmt.Errorf("got no Mach-O file, want an executable for macOS: %w", err)
	}
	if m.Magic != macho.Magic64 || m.Type != macho.TypeExec {
		return archHeader{}, fmt.Errorf("got a Mach-O %v with magic %#x, want an executable of 64 bits", m.Type, m.Magic)
	}
	if info.Size() > math.MaxUint32 {
		return archHeader{}, fmt.Errorf("it has %d bytes, more than 4 GiB", info.Size())
	}
	return archHeader{CPU: uint32(m.Cpu), SubCPU: m.SubCpu, Size: uint32(info.Size()), Align: alignBits}, nil
}

// write writes the header, and the programs at their offsets.
func write(to io.Writer, files []*os.File, headers []archHeader) error {
	w := bufio.NewWriterSize(to, 1<<20)
	at := int64(8 + len(headers)*binary.Size(archHeader{}))
	for _, part := range []any{uint32(macho.MagicFat), uint32(len(headers)), headers} {
		if err := binary.Write(w, binary.BigEndian, part); err != nil {
			return err
		}
	}
	for i, h := range headers {
		if _, err := w.Write(make([]byte, int64(h.Offset)-at)); err != nil {
			return err
		}
		n, err := io.Copy(w, io.NewSectionReader(files[i], 0, int64(h.Size)))
		if err != nil {
			return err
		}
		if n != int64(h.Size) {
			return fmt.Errorf("reading program %q: got %d bytes, want %d: it changed while it was read", files[i].Name(), n, h.Size)
		}
		at = int64(h.Offset) + n
	}
	return w.Flush()
}

// Programs returns the programs in a file: each of a universal binary, in its order, or the
// file itself if it is none.
func Programs(r io.ReaderAt, size int64) ([]*io.SectionReader, error) {
	magic := make([]byte, 4)
	if n, err := r.ReadAt(magic, 0); n < 4 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := io.NewSectionReader(r, 0, size)
	if binary.BigEndian.Uint32(magic) != macho.MagicFat {
		return []*io.SectionReader{whole}, nil
	}
	fat, err := macho.NewFatFile(whole)
	if err != nil {
		return []*io.SectionReader{whole}, nil // a Java class has the same magic
	}
	if len(fat.Arches) > maxPrograms {
		return nil, fmt.Errorf("reading a universal binary: got %d programs, want at most %d", len(fat.Arches), maxPrograms)
	}
	var all []*io.SectionReader
	for _, a := range fat.Arches {
		if int64(a.Offset)+int64(a.Size) > size {
			return nil, fmt.Errorf("reading a universal binary: a program ends at byte %d of %d", int64(a.Offset)+int64(a.Size), size)
		}
		all = append(all, io.NewSectionReader(r, int64(a.Offset), int64(a.Size)))
	}
	return all, nil
}
