//go:build unix && !aix && !solaris

// Package filelock keeps processes of one machine from writing the same files at the
// same moment.
package filelock

import (
	"os"
	"syscall"
)

// Lock waits until no other process holds the named lock, and takes it. The
// lock ends with its holder, however that ends.
func Lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return func() { f.Close() }, nil
}
