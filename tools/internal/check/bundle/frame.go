package bundle

import (
	"archive/tar"
	"bytes"
	"time"
)

const (
	blockSize = 512
	trailer   = 2 * blockSize // two blocks of zeros end a tar
)

// epoch is the time of all entries: the earliest that every format can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

var zeros [trailer]byte

// fileHeader is the header of an entry of a bundle.
func fileHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: epoch}
}

// headerBytes returns fileHeader as a tar has it, pax records included: there is one
// way only to write it.
func headerBytes(name string, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(fileHeader(name, size))
	return b.Bytes(), err
}

// padding returns the number of zeros after size bytes of content.
func padding(size int64) int64 { return -size & (blockSize - 1) }
