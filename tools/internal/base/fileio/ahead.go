package fileio

import (
	"io"
	"sync/atomic"
)

// An Ahead writes to another writer in a goroutine of its own, so that a program reads, hashes
// and compresses at the same time.
type Ahead struct {
	full, empty chan []byte
	done        chan struct{}
	failed      atomic.Bool
	err         error // the first of the other writer, once failed is true or done is closed
	now         []byte
}

// WriteAhead returns a writer to w. Close has to be called.
func WriteAhead(w io.Writer) *Ahead {
	const blocks, size = 8, 128 << 10 // a block of zstd; it stays in the CPU's cache
	a := &Ahead{full: make(chan []byte, blocks), empty: make(chan []byte, blocks), done: make(chan struct{})}
	for range blocks {
		a.empty <- make([]byte, 0, size)
	}
	a.now = <-a.empty
	go func() {
		defer close(a.done)
		for b := range a.full {
			if a.err == nil {
				_, a.err = w.Write(b)
				a.failed.Store(a.err != nil)
			}
			a.empty <- b[:0]
		}
	}()
	return a
}

// Write returns an error of the other writer, of this or an earlier call. Close returns it too.
func (a *Ahead) Write(b []byte) (int, error) {
	n := len(b)
	if a.failed.Load() {
		return 0, a.err
	}
	for len(b) > 0 {
		k := min(len(b), cap(a.now)-len(a.now))
		a.now, b = append(a.now, b[:k]...), b[k:]
		if len(a.now) == cap(a.now) {
			a.full <- a.now
			a.now = <-a.empty
		}
	}
	return n, nil
}

// Close waits until all is written. It does not close the other writer.
func (a *Ahead) Close() error {
	a.full <- a.now
	close(a.full)
	<-a.done
	return a.err
}
