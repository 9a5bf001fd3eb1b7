package bundle

import (
	"archive/tar"
	"bytes"
	"io"
	"time"
)

const (
	blockSize = 512
	trailer   = 2 * blockSize // two blocks of zeros end a tar
)

// epoch is the time of all entries: the earliest that every format can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

var zeros [trailer]byte

// fileHeader returns the header of a bundle's entry, pax records included. There is only
// one way to write it.
func fileHeader(name string, size int64) ([]byte, error) {
	return header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644})
}

// header returns the bytes of h, with the owner and time of all entries.
func header(h *tar.Header) ([]byte, error) {
	h.ModTime = epoch
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(h); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// padding returns the number of zeros after size bytes of content.
func padding(size int64) int64 { return -size & (blockSize - 1) }

func writePadding(w io.Writer, size int64) error {
	_, err := w.Write(zeros[:padding(size)])
	return err
}
