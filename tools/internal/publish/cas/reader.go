package cas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// silence is the time that the cache may say nothing during a call.
const silence = time.Minute

var (
	// errShort is the error for a call that ends, as if it were whole, before the end of the blob.
	errShort = errors.New("the cache ended the file early")
	// errSilent is the error for a call in which the cache says nothing for too long.
	errSilent = fmt.Errorf("the cache sent nothing for %s", silence)
)

// may reports whether another attempt may succeed.
func may(err error) (time.Duration, bool) {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Internal, codes.ResourceExhausted:
		return 0, true
	}
	return 0, errors.Is(err, errShort) || errors.Is(err, errSilent)
}

// reader reads one blob.
type reader struct {
	ctx     context.Context // that of Open
	source  *Source
	path    string
	blob    blob
	sum     hash.Hash
	n       int64 // bytes that were read and are not in rest
	rest    []byte
	attempt int
	stream  bytestream.ByteStream_ReadClient // nil before a call
	end     context.CancelFunc               // ends the call
	err     error
}

func newReader(ctx context.Context, s *Source, path string, b blob) *reader {
	return &reader{ctx: ctx, source: s, path: path, blob: b, sum: sha256.New(), end: func() {}}
}

// Read implements [io.Reader]. The last bytes come with the result of the check, so that
// whoever counts them learns that the cache is damaged.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		if r.n == r.blob.size {
			r.err = r.check()
		} else if err := r.next(); err != nil {
			r.stop()
			r.attempt++
			r.err = r.explain(r.source.retry.Wait(r.ctx, r.attempt, err))
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.sum.Write(r.rest[:n])
	r.rest, r.n = r.rest[n:], r.n+int64(n)
	if r.n == r.blob.size {
		r.err = r.check()
	}
	return n, r.err
}

// next receives the next bytes, if need be by a new call.
func (r *reader) next() error {
	if r.stream == nil {
		ctx, cancel := context.WithCancel(r.source.remote.context(r.ctx))
		r.end = cancel
		request := &bytestream.ReadRequest{ResourceName: r.blob.resource, ReadOffset: r.n}
		stream, err := bytestream.NewByteStreamClient(r.source.remote.conn).Read(ctx, request)
		if err != nil {
			return err
		}
		r.stream = stream
	}
	watch := time.AfterFunc(silence, r.end)
	m, err := r.stream.Recv()
	inTime := watch.Stop()
	switch {
	case !inTime:
		return errSilent
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: got %d bytes, want %d", errShort, r.n, r.blob.size)
	case err != nil:
		return err
	case int64(len(m.Data)) > r.blob.size-r.n:
		return fmt.Errorf("size: got more than %d bytes", r.blob.size)
	}
	if len(m.Data) > 0 {
		r.rest, r.attempt = m.Data, 0
	}
	return nil
}

// check returns io.EOF if what was read is what was wanted.
func (r *reader) check() error {
	r.stop()
	if got := digest.FromSum(r.sum.Sum(nil)); got != r.blob.digest {
		err := fmt.Errorf("sha256 of %q from the cache at %q: got %s, want %s", r.path, r.blob.host, got, r.blob.digest)
		return hint.With(err, "the cache is damaged: tell who runs it, and build without it")
	}
	return io.EOF
}

func (r *reader) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case r.ctx.Err() != nil: // a status of gRPC does not wrap it
		err = r.ctx.Err()
	case status.Code(err) == codes.NotFound:
		return lostError(r.path, &r.blob)
	}
	return fmt.Errorf("reading %q from the cache at %q: %w", r.path, r.blob.host, err)
}

func (r *reader) stop() {
	r.end()
	r.stream = nil
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	r.stop()
	return nil
}
