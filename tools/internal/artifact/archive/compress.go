package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// The constants of the other compressors. Changing one of them, or the versions of
// klauspost/compress or ulikunitz/xz in go.mod, changes every such archive. Both compress on
// one CPU: what klauspost's zstd writes on several is not promised to be the same.
const (
	// zstdLevel is about level 3 of the zstd command: 4 % smaller than gzipLevel.
	zstdLevel = zstd.SpeedDefault

	// xzDictionary is that of xz -6, in bytes: a reader needs that much memory.
	xzDictionary = 8 << 20

	// maxWindow is the largest window, in bytes, that Decompress accepts: that of zstd's
	// --ultra levels without --long, and twice that of xz -9.
	maxWindow = 128 << 20
)

// WriteTarZstd is WriteTar as one zstd frame (RFC 8878) with a checksum.
func WriteTarZstd(w io.Writer, entries []Entry, opts Options) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstdLevel), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	return writeTarTo(z, entries, opts)
}

// WriteTarXz is WriteTar as one block of one xz stream, with a CRC-64: see
// https://tukaani.org/xz/xz-file-format.txt.
func WriteTarXz(w io.Writer, entries []Entry, opts Options) error {
	b := bufio.NewWriterSize(w, copyBufferSize)
	z, err := xz.WriterConfig{DictCap: xzDictionary, CheckSum: xz.CRC64}.NewWriter(b)
	if err != nil {
		return err
	}
	return errors.Join(writeTarTo(z, entries, opts), b.Flush())
}

// WriteBinary writes the content of the only entry, a file. Its name and its mode, and what
// opts say, are not in the output.
func WriteBinary(w io.Writer, entries []Entry, opts Options) error {
	if _, err := opts.modTime(); err != nil {
		return err
	}
	items, err := plan(entries, "")
	if err != nil {
		return err
	}
	var files []item
	for _, it := range items {
		if it.kind != kindDir || !it.parent {
			files = append(files, it)
		}
	}
	if len(files) != 1 || files[0].kind != kindFile {
		return fmt.Errorf("writing format %s: got %d entries, want one file", Binary, len(files))
	}
	return files[0].copyTo(w, make([]byte, copyBufferSize))
}

// The first bytes of compressed files.
var (
	gzipMagic = []byte("\x1f\x8b")
	zstdMagic = []byte("\x28\xb5\x2f\xfd")
	xzMagic   = []byte("\xfd7zXZ\x00")
)

// Decompress recognizes gzip, zstd and xz by their first bytes and returns a reader of the
// content, or nil if r is none of them. It peeks at r, and reads no more then. The caller
// limits how much it reads, and closes the reader.
func Decompress(r *bufio.Reader) (io.ReadCloser, error) {
	magic, err := r.Peek(len(xzMagic))
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		return gzip.NewReader(r)
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(magic, xzMagic):
		z, err := newXzReader(r)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(z), nil
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	}
	return nil, nil
}
