package registry

import (
	"io"
	"sync"
)

// A body counts the bytes read, and keeps the error of reading. The HTTP client may read it
// for a moment after it has returned.
type body struct {
	io.ReadCloser
	sent func(n int64)

	mu     sync.Mutex
	n      int64
	err    error // not io.EOF
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	if n > 0 {
		b.sent(int64(n))
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Close closes the content. A blocked Read ends with its context.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	return b.ReadCloser.Close()
}

// state ends the reading. It returns the number of bytes read and the error of reading.
func (b *body) state() (int64, error) {
	b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n, b.err
}
