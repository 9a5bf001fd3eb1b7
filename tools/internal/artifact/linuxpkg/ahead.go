package linuxpkg

import "io"

// An ahead writes to another writer in a goroutine of its own, so that hashing and reading go
// on while that one compresses.
type ahead struct {
	full, empty chan []byte
	done        chan struct{}
	err         error // the first of the other writer, once done is closed
	now         []byte
}

// writeAhead returns a writer to w. Close has to be called.
func writeAhead(w io.Writer) *ahead {
	const blocks, size = 8, 128 << 10 // size is that of a block of zstd
	a := &ahead{full: make(chan []byte, blocks), empty: make(chan []byte, blocks), done: make(chan struct{})}
	for range blocks {
		a.empty <- make([]byte, 0, size)
	}
	a.now = <-a.empty
	go func() {
		defer close(a.done)
		for b := range a.full {
			if a.err == nil {
				_, a.err = w.Write(b)
			}
			a.empty <- b[:0]
		}
	}()
	return a
}

// Write returns no error: Close has that.
func (a *ahead) Write(b []byte) (int, error) {
	n := len(b)
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
func (a *ahead) Close() error {
	a.full <- a.now
	close(a.full)
	<-a.done
	return a.err
}
