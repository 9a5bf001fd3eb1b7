//go:build linux || darwin || freebsd

package publish

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

func writable(dir string, size int64) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "writing to", Path: dir, Err: err}
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil // some file systems do not say
	}
	if free := int64(s.Bavail) * int64(s.Bsize); free < size {
		return fmt.Errorf("writing to %q: it has %d bytes of free space, want %d", dir, free, size)
	}
	return nil
}
