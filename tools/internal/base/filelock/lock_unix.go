//go:build unix && !aix && !solaris

// Package filelock keeps processes of one machine from writing the same files at the
// same moment. Fetch imports it, so it needs the standard library alone; and it can try,
// and lock a directory, which the lock packages of others cannot.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock waits until no other process holds the named lock, and takes it. The
// lock ends with its holder, however that ends.
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

// ErrHeld says that another process holds a lock.
var ErrHeld = errors.New("another process holds it")

// Dir waits until no other process holds the lock of a directory, which has to be
// there, and takes it. It needs no file for it.
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
