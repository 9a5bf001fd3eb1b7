package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

const (
	peekSize    = 64 << 10 // bytes: the longest header, pax records included, is shorter
	maxFindings = 100
)

// Verify reads a bundle once, to its end, and compares every byte with bundle.json. The
// error joins one for each entry that is missing, extra, changed, out of order or cut off,
// up to 100, and each says what needs the entry. The index is returned if it could be read.
func Verify(ctx context.Context, name string) (*Index, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("verifying bundle: %w", err)
	}
	defer f.Close()
	x, err := verify(ctx, f)
	if err != nil {
		return x, hint.With(each("verifying bundle "+fmt.Sprintf("%q", name), err), "copy the bundle again, or pack it again")
	}
	return x, nil
}

// each adds a prefix to each of the errors that are joined in err.
func each(prefix string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", prefix, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, fmt.Errorf("%s: %w", prefix, e))
	}
	return errors.Join(errs...)
}

// ReadIndex reads the index of a bundle, its first entry, and nothing else.
func ReadIndex(name string) (*Index, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading bundle: %w", err)
	}
	defer f.Close()
	x, err := readIndex(bufio.NewReaderSize(f, peekSize))
	if err != nil {
		return nil, fmt.Errorf("reading bundle %q: %w", name, err)
	}
	return x, nil
}

func readIndex(r *bufio.Reader) (*Index, error) {
	h, head, err := nextHeader(r)
	if err != nil {
		return nil, fmt.Errorf("it does not begin with %s: %w", IndexName, err)
	}
	if h.Name != IndexName {
		return nil, fmt.Errorf("it does not begin with %s, but with %.200q", IndexName, h.Name)
	}
	if h.Size < 0 || h.Size > jsonfile.MaxSize {
		return nil, fmt.Errorf("size of %s: got %d bytes, want at most %d", IndexName, h.Size, jsonfile.MaxSize)
	}
	if want, err := headerBytes(IndexName, h.Size); err != nil || !bytes.Equal(head, want) {
		return nil, fmt.Errorf("header of %s: it was changed after it was written", IndexName)
	}
	if _, err := r.Discard(len(head)); err != nil {
		return nil, err
	}
	data := make([]byte, h.Size+padding(h.Size))
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%s is cut off: %w", IndexName, err)
	}
	if len(bytes.Trim(data[h.Size:], "\x00")) > 0 {
		return nil, fmt.Errorf("padding of %s: it was changed after it was written", IndexName)
	}
	return ParseIndex(data[:h.Size])
}

// errEnd says that a tar's end is next.
var errEnd = errors.New("the end of the tar")

// nextHeader returns the next header and its bytes, but does not consume it. The error is
// errEnd at a block of zeros, io.EOF if nothing is left.
func nextHeader(r *bufio.Reader) (*tar.Header, []byte, error) {
	peeked, err := r.Peek(peekSize)
	if len(peeked) < blockSize {
		if errors.Is(err, io.EOF) && len(peeked) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, err
	}
	if bytes.Equal(peeked[:blockSize], zeros[:blockSize]) {
		return nil, nil, errEnd
	}
	counted := bytes.NewReader(peeked)
	h, err := tar.NewReader(counted).Next()
	if err != nil {
		return nil, nil, err
	}
	return h, peeked[:len(peeked)-counted.Len()], nil
}

// verifier is the state of one Verify.
type verifier struct {
	ctx    context.Context
	r      *bufio.Reader
	index  *Index
	byPath map[string]int
	seen   []bool
	next   int // the next entry
	errs   []error
	hash   hash.Hash
	buf    []byte
}

func verify(ctx context.Context, f io.Reader) (*Index, error) {
	v := &verifier{ctx: ctx, r: bufio.NewReaderSize(f, peekSize), byPath: map[string]int{}, hash: sha256.New(), buf: make([]byte, 1<<20)}
	var err error
	if v.index, err = readIndex(v.r); err != nil {
		return nil, err
	}
	v.seen = make([]bool, len(v.index.Entries))
	for i := range v.index.Entries {
		v.byPath[v.index.Entries[i].Path] = i
	}
	for err == nil && len(v.errs) < maxFindings {
		err = v.entry()
	}
	switch {
	case ctx.Err() != nil:
		return v.index, ctx.Err()
	case errors.Is(err, errEnd):
		v.end()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		v.found("it is cut off: the end of the tar is missing")
	case err != nil:
		return v.index, err
	}
	for i, seen := range v.seen {
		if !seen && len(v.errs) < maxFindings {
			e := &v.index.Entries[i]
			v.found("%s is missing: sha256: got none, want %s", e, e.Digest)
		}
	}
	return v.index, errors.Join(v.errs...)
}

func (v *verifier) found(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

// entry compares the next entry. An error means that nothing after it can be read.
func (v *verifier) entry() error {
	if v.next < len(v.index.Entries) {
		e := &v.index.Entries[v.next]
		want, err := headerBytes(e.Path, e.Size)
		if err != nil {
			return err
		}
		if got, _ := v.r.Peek(len(want)); bytes.Equal(got, want) {
			return v.known(v.next, len(want), e.Size)
		}
	}
	h, head, err := nextHeader(v.r)
	switch {
	case errors.Is(err, errEnd), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case err != nil:
		return v.unreadable()
	}
	i, ok := v.byPath[h.Name]
	if !ok || v.seen[i] {
		what := "extra"
		if ok {
			what = "a duplicate"
		}
		v.found("entry %.200q, %d bytes, is %s", h.Name, h.Size, what)
		return v.skip(int64(len(head)) + h.Size + padding(h.Size))
	}
	e := &v.index.Entries[i]
	switch want, err := headerBytes(e.Path, e.Size); {
	case err != nil:
		return err
	case h.Size != e.Size:
		v.found("%s: size: got %d bytes, want %d", e, h.Size, e.Size)
	case !bytes.Equal(head, want):
		v.found("%s: its header was changed: got mode %04o, owner %d:%d, time %s", e, h.Mode, h.Uid, h.Gid, h.ModTime.UTC().Format("2006-01-02T15:04:05Z"))
	case i < v.next:
		v.found("%s is out of order: it is after %q", e, v.index.Entries[v.next-1].Path)
	}
	return v.known(i, len(head), h.Size)
}

// unreadable handles a header that cannot be parsed.
func (v *verifier) unreadable() error {
	if v.next >= len(v.index.Entries) {
		v.found("there are extra bytes at the end")
		return errEnd
	}
	e := &v.index.Entries[v.next]
	want, err := headerBytes(e.Path, e.Size)
	if err != nil {
		return err
	}
	v.found("%s: its header was changed", e)
	return v.known(v.next, len(want), e.Size)
}

// known compares the content of an entry, which starts after head bytes.
func (v *verifier) known(i, head int, size int64) error {
	e := &v.index.Entries[i]
	v.seen[i] = true
	v.next = max(v.next, i+1)
	if err := v.skip(int64(head)); err != nil {
		return err
	}
	v.hash.Reset()
	for left := size; left > 0; {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(v.r, v.buf[:min(left, int64(len(v.buf)))])
		v.hash.Write(v.buf[:n])
		left -= int64(n)
		if err != nil {
			v.found("%s is cut off: got %d bytes, want %d", e, size-left, e.Size)
			return unexpected(err)
		}
	}
	if got := digest.FromSum(v.hash.Sum(nil)); got != e.Digest {
		v.found("%s: sha256: got %s, want %s", e, got, e.Digest)
	}
	pad := v.buf[:padding(size)]
	if _, err := io.ReadFull(v.r, pad); err != nil {
		return unexpected(err)
	}
	if len(bytes.Trim(pad, "\x00")) > 0 {
		v.found("%s: the padding after it was changed", e)
	}
	return nil
}

// end compares the end of the tar.
func (v *verifier) end() {
	rest, err := io.ReadAll(io.LimitReader(v.r, trailer+1))
	switch {
	case err != nil:
		v.errs = append(v.errs, err)
	case len(rest) < trailer:
		v.found("it is cut off: the end of the tar has %d bytes, want %d", len(rest), trailer)
	case len(rest) > trailer || !bytes.Equal(rest, zeros[:]):
		v.found("there are extra bytes at the end")
	}
}

func (v *verifier) skip(n int64) error {
	if n < 0 {
		return io.ErrUnexpectedEOF
	}
	_, err := io.CopyN(io.Discard, v.r, n)
	return unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
