package publish

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Writable returns why files of size bytes cannot be written to a directory, which need not
// exist yet; nil if they can, or if the system does not say.
func Writable(dir string, size int64) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return writable(dir, size)
		case err == nil:
			return &fs.PathError{Op: "writing to", Path: dir, Err: syscall.ENOTDIR}
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}
