//go:build unix && !aix && !solaris

// Package filelock provides advisory file locks between processes.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock waits until no other process holds the named lock, and takes it. A lock ends with
// the process that holds it.
func Lock(name string) (unlock func(), err error) {
	return lock(name, syscall.LOCK_EX)
}

// Try takes the named lock. If another process holds it, the error wraps ErrHeld.
func Try(name string) (unlock func(), err error) {
	unlock, err = lock(name, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("lock %q: %w", name, ErrHeld)
	}
	return unlock, err
}

// ErrHeld means that another process holds a lock.
var ErrHeld = errors.New("another process holds it")

// Dir waits until no other process holds the lock of a directory, which has to exist, and
// takes it. It creates no file.
func Dir(name string) (unlock func(), err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return flock(f, syscall.LOCK_EX)
}

func lock(name string, how int) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return flock(f, how)
}

func flock(f *os.File, how int) (unlock func(), err error) {
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return func() { f.Close() }, nil
}
