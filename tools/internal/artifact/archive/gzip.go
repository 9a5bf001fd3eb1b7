package archive

import (
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/klauspost/pgzip"
)

// The compressor's constants. Changing one of them, or the version of pgzip or
// klauspost/compress in go.mod, changes every archive. Run "go run ./tools/bench -run pack"
// to measure a change.
const (
	// gzipLevel 6 gave 2.0 % (Go binaries) to 2.7 % (Go sources) more bytes than
	// compress/gzip's level 6 in a third of its time on one CPU. Level 7 gives
	// 0.5 % to 1.3 % more bytes but takes 1.7 times as long as level 6; level 5
	// exceeds the 3 % that we allow on sources.
	gzipLevel = 6

	// gzipBlockSize is the number of bytes that one CPU compresses at a time, with the
	// 16 KiB before them as a dictionary. Between 128 KiB and 4 MiB the size of the
	// output changes by 0.2 %, and the speed by no more than the noise. 512 KiB is within
	// 0.1 % of the smallest output. It is small enough that blocks need little memory
	// and that an archive of a few MiB still uses several CPUs.
	gzipBlockSize = 512 << 10

	// gzipMaxBlocks limits the blocks that are compressed at a time on machines with many
	// CPUs, because each takes about 3 MiB of memory. gzipSpareBlocks wait, so that no CPU
	// does while the next block is read. Neither has an effect on the output.
	gzipMaxBlocks   = 16
	gzipSpareBlocks = 2
)

// NewGzipWriter returns a writer that compresses to w as one gzip member (RFC 1952) on up
// to 16 CPUs. The output depends only on what is written, not on GOMAXPROCS or the sizes
// of the writes. The header has no name, no comment, the time 0 and the operating system
// 255 (unknown).
//
// Close must be called, also after an error, to end the member and the writer's
// goroutines. It does not close w. An error of w may be returned by a later Write or only
// by Close.
func NewGzipWriter(w io.Writer) io.WriteCloser {
	g := &gzipWriter{}
	g.reset(w)
	return g
}

// gzipWriter hides errors of the underlying writer from pgzip, whose Close leaves
// goroutines behind after an error.
type gzipWriter struct {
	z   *pgzip.Writer
	dst *stickyWriter
}

// reset makes g write a new member to w. The previous member must be closed.
func (g *gzipWriter) reset(w io.Writer) {
	g.dst = &stickyWriter{w: w}
	if g.z == nil {
		g.z, _ = pgzip.NewWriterLevel(g.dst, gzipLevel) // errs on a bad level only
	} else {
		g.z.Reset(g.dst)
	}
	// pgzip writes the lower 32 bits of the Unix time, which are not zero for the zero
	// Time. In RFC 1952, 0 means "no time".
	g.z.ModTime = time.Unix(0, 0)
	// Errs on non-positive or tiny numbers only.
	_ = g.z.SetConcurrency(gzipBlockSize, min(runtime.GOMAXPROCS(0), gzipMaxBlocks)+gzipSpareBlocks)
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	if err := g.dst.failure(); err != nil {
		return 0, err
	}
	return g.z.Write(p)
}

func (g *gzipWriter) Close() error {
	if err := g.z.Close(); err != nil {
		return err
	}
	return g.dst.failure()
}

// stop ends the goroutines of a member that an error left unfinished.
func (g *gzipWriter) stop() {
	if g.z != nil {
		g.z.Close() // does nothing after the first time
	}
}

// stickyWriter keeps the first error of w. After that it discards what is written.
type stickyWriter struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.failure() != nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return len(p), nil
}

func (s *stickyWriter) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// rawDeflate removes the header and the trailer of a gzip member. The rest is the DEFLATE
// stream (RFC 1951) for a zip. It works for the members of NewGzipWriter, whose header has
// only the fixed part (RFC 1952, section 2.3). pgzip has no other access to its blocks, and
// they decide the bytes of every zip.
type rawDeflate struct {
	w      io.Writer
	header int    // remaining bytes of the header
	held   []byte // the last bytes so far, which may be the trailer
}

const (
	gzipHeaderSize  = 10
	gzipTrailerSize = 8
)

func newRawDeflate(w io.Writer) *rawDeflate {
	return &rawDeflate{w: w, header: gzipHeaderSize}
}

func (r *rawDeflate) Write(p []byte) (int, error) {
	n := len(p)
	drop := min(r.header, n)
	r.header -= drop
	p = p[drop:]
	// Write all bytes of held and p but the last ones.
	if out := min(len(r.held)+len(p)-gzipTrailerSize, len(r.held)); out > 0 {
		if _, err := r.w.Write(r.held[:out]); err != nil {
			return 0, err
		}
		r.held = r.held[:copy(r.held, r.held[out:])]
	}
	if out := len(p) - gzipTrailerSize; out > 0 {
		if _, err := r.w.Write(p[:out]); err != nil {
			return 0, err
		}
		p = p[out:]
	}
	r.held = append(r.held, p...)
	return n, nil
}
