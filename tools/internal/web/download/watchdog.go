package download

import (
	"context"
	"fmt"
	"io"
	"time"
)

// minRate is the least that a server has to bring, in bytes a second.
const minRate = 1000

// watchdog cancels a request that does not come forward: each limit of waiting
// time has to bring minRate. Time that the reader spends otherwise does not count.
type watchdog struct {
	limit  time.Duration
	cancel context.CancelCauseFunc

	left time.Duration
	got  int64 // bytes since left was limit
}

// silentError says that a server was silent for too long.
type silentError struct{ limit time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("the server was silent, or slower than %d bytes a second, for %v", minRate, e.limit)
}

// Timeout makes it a timeout, as net.Error has them.
func (*silentError) Timeout() bool { return true }

func newWatchdog(limit time.Duration, cancel context.CancelCauseFunc) *watchdog {
	return &watchdog{limit: limit, left: limit, cancel: cancel}
}

// watch runs f, which waits for the server, and returns how many bytes it brought.
func (w *watchdog) watch(f func() (int, error)) (int, error) {
	start := time.Now()
	timer := time.AfterFunc(w.left, func() { w.cancel(&silentError{w.limit}) })
	n, err := f()
	timer.Stop()
	w.left -= time.Since(start)
	if w.got += int64(n); float64(w.got) >= minRate*w.limit.Seconds() {
		w.left, w.got = w.limit, 0
	}
	return n, err
}

func (w *watchdog) read(r io.Reader, p []byte) (int, error) {
	return w.watch(func() (int, error) { return r.Read(p) })
}
