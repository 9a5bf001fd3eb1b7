package archive

import (
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/klauspost/pgzip"
)

// The compressor's constants. Each of them, and the versions of pgzip and
// klauspost/compress in go.mod, decide the bytes; to change one changes every
// archive. Run "go run ./tools/bench -run pack" to measure a change.
const (
	// gzipLevel 6 gave 2.0 % (Go binaries) to 2.7 % (Go sources) more bytes than
	// compress/gzip's level 6 in a third of its time on one CPU. Level 7 gives
	// 0.5 % to 1.3 % more bytes but takes 1.7 times as long as level 6; level 5
	// exceeds the 3 % that we allow on sources.
	gzipLevel = 6

	// gzipBlockSize is what one CPU compresses at a time, in bytes, primed with
	// the 16 KiB before it. Between 128 KiB and 4 MiB the size of the output
	// moves by 0.2 % and the speed not at all beyond the noise; 512 KiB is
	// within 0.1 % of the smallest output, and small enough that several
	// blocks in flight cost little memory and that an archive of a few MiB
	// still occupies several CPUs.
	gzipBlockSize = 512 << 10

	// gzipMaxBlocks limits the blocks in flight, and with them the memory, to
	// some 3 MiB for each, on machines with many CPUs. It does not reach the
	// bytes.
	gzipMaxBlocks = 16
)

// NewGzipWriter returns a writer that compresses to w as one gzip member
// (RFC 1952) on all CPUs, up to 16. The bytes depend on what is written and on
// nothing else: neither on GOMAXPROCS nor on how the writes are cut. The header
// has no name, no comment, the time 0 and the operating system 255 (unknown).
//
// Close must be called, also after an error, to end the member and the
// writer's goroutines; it does not close w. An error of w may be returned by a
// later Write or only by Close.
func NewGzipWriter(w io.Writer) io.WriteCloser {
	g := &gzipWriter{}
	g.reset(w)
	return g
}

// gzipWriter keeps errors of the underlying writer away from pgzip: after one,
// pgzip's Close leaves goroutines behind.
type gzipWriter struct {
	z   *pgzip.Writer
	dst *stickyWriter
}

// reset makes g write a new member to w. The member before must be closed.
func (g *gzipWriter) reset(w io.Writer) {
	g.dst = &stickyWriter{w: w}
	if g.z == nil {
		g.z, _ = pgzip.NewWriterLevel(g.dst, gzipLevel) // errs on a bad level only
	} else {
		g.z.Reset(g.dst)
	}
	// pgzip writes the lower 32 bits of the Unix time, which for the zero Time are
	// not zero. RFC 1952 has 0 for "no time".
	g.z.ModTime = time.Unix(0, 0)
	// Errs on non-positive or tiny numbers only.
	_ = g.z.SetConcurrency(gzipBlockSize, min(runtime.GOMAXPROCS(0), gzipMaxBlocks))
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

// stop ends the goroutines of a member that an error has left unfinished.
func (g *gzipWriter) stop() {
	if g.z != nil {
		g.z.Close() // does nothing after the first time
	}
}

// stickyWriter keeps the first error of w, and from then on accepts and drops
// what is written.
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

// rawDeflate passes on what is between the header and the trailer of a gzip
// member: the DEFLATE stream (RFC 1951) that a zip wants. It is made for
// members as NewGzipWriter writes them, whose header has the fixed part only
// (RFC 1952, section 2.3). pgzip has no other way to its blocks, and these decide the
// bytes of every zip.
type rawDeflate struct {
	w      io.Writer
	header int    // bytes of the header still to come
	held   []byte // the last bytes so far: the trailer, if no more come
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
	// Of held and p together, all but the last bytes can go.
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
