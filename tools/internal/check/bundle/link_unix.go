//go:build unix

package bundle

import (
	"io/fs"
	"syscall"
)

// fileID tells files apart whatever their names are.
type fileID struct{ dev, ino uint64 }

// idOf returns the file's id, and whether it may have another name.
func idOf(info fs.FileInfo) (id fileID, several bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || s.Nlink < 2 {
		return fileID{}, false
	}
	return fileID{uint64(s.Dev), s.Ino}, true
}
