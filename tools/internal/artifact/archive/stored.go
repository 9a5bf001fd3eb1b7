package archive

import (
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// NewStoredGzipWriter returns a writer that wraps what is written as one gzip member
// (RFC 1952) without compressing it, for content that is compressed already. The header is
// that of NewGzipWriter. The output has about 5 bytes more for each 64 KiB, and is written as
// fast as it can be copied.
//
// Close must be called to end the member. It does not close w.
func NewStoredGzipWriter(w io.Writer) io.WriteCloser {
	z, _ := gzip.NewWriterLevel(w, gzip.NoCompression) // errs on a bad level only
	z.ModTime = time.Unix(0, 0)                        // none: see gzipWriter
	return z
}
