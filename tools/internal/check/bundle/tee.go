package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

const (
	teeSize  = 1 << 20  // bytes of a block that is hashed and written at the same time
	syncSize = 32 << 20 // bytes after which the disk may begin
)

// tee writes to a file and computes the SHA-256 of what it writes, both at the same time.
type tee struct {
	ctx    context.Context
	f      *os.File
	blocks [2][]byte
	turn   int // the block that is being filled
	fill   int // bytes in it
	hash   hash.Hash
	hashed chan struct{} // closed once the other block is hashed
	size   int64         // bytes written since the last sum
	sync   *syncer
}

func newTee(ctx context.Context, f *os.File) *tee {
	t := &tee{ctx: ctx, f: f, hash: sha256.New(), hashed: make(chan struct{}), sync: newSyncer(f)}
	close(t.hashed)
	for i := range t.blocks {
		t.blocks[i] = make([]byte, teeSize)
	}
	return t
}

// Write implements io.Writer.
func (t *tee) Write(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(t.blocks[t.turn][t.fill:], p[n:])
		t.fill += m
		n += m
		if err := t.flushFull(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadFrom implements io.ReaderFrom.
func (t *tee) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		m, err := r.Read(t.blocks[t.turn][t.fill:])
		t.fill += m
		n += int64(m)
		if err := t.flushFull(); err != nil {
			return n, err
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (t *tee) flushFull() error {
	if t.fill < teeSize {
		return nil
	}
	return t.flush()
}

// flush writes the block, and begins to hash it.
func (t *tee) flush() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	block := t.blocks[t.turn][:t.fill]
	<-t.hashed
	hashed := make(chan struct{})
	t.hashed = hashed
	go func() {
		t.hash.Write(block)
		close(hashed)
	}()
	t.turn, t.fill = 1-t.turn, 0
	t.size += int64(len(block))
	_, err := t.f.Write(block)
	t.sync.wrote(len(block))
	return err
}

// sum returns the digest and size, in bytes, of what was written since the last sum.
func (t *tee) sum() (digest.Digest, int64, error) {
	err := t.flush()
	<-t.hashed
	d, size := digest.FromSum(t.hash.Sum(nil)), t.size
	t.hash.Reset()
	t.size = 0
	return d, size, err
}

// raw writes to the file without hashing. Call sum first.
func (t *tee) raw(p []byte) error {
	_, err := t.f.Write(p)
	return err
}

// syncer syncs a file while more is written to it, so that the last sync is short.
type syncer struct {
	left int
	more chan struct{}
	done chan struct{}
}

func newSyncer(f *os.File) *syncer {
	s := &syncer{left: syncSize, more: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for range s.more {
			_ = f.Sync() // only the last sync counts
		}
	}()
	return s
}

func (s *syncer) wrote(n int) {
	if s.left -= n; s.left > 0 {
		return
	}
	s.left = syncSize
	select {
	case s.more <- struct{}{}:
	default: // a sync is running
	}
}

// close waits until the file is no longer used.
func (s *syncer) close() {
	close(s.more)
	<-s.done
}
