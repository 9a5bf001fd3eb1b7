//go:build unix

package bundle

import (
	"io/fs"
	"syscall"
)

// fileID identifies a file regardless of its name.
type fileID struct{ dev, ino uint64 }

// idOf returns the file's id, and whether the file may have other names.
func idOf(info fs.FileInfo) (id fileID, several bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || s.Nlink < 2 {
		return fileID{}, false
	}
	return fileID{uint64(s.Dev), s.Ino}, true
}
