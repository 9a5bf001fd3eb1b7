package validate

import (
	"bytes"
	"io/fs"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
)

// look checks one file in an artifact.
func (c *checker) look(m member) {
	if m.path != "" {
		c.checkPath(m)
	}
	if m.path == "" && m.artifact.Kind == "checksum" {
		c.checksum(m.artifact, m.data)
	}
	if m.base || m.artifact.Kind == "sources" {
		return // what it contains is its maker's
	}
	c.ownMember(m)
	if len(m.data) == 0 {
		return
	}
	for _, l := range c.leakFinder.leaks(m.data) {
		if !c.allowed(m) {
			c.find(Leaks, m.artifact.Path, m.path, "%s", l)
		}
	}
	c.checked(Leaks, 1)
	if isProgram(m.data) {
		info, _ := goinfo.Read(bytes.NewReader(m.data)) // an error: it is no Go program
		c.program(m, info)
	}
}

// isProgram reports whether data begins as a program does.
func isProgram(data []byte) bool { return len(data) > 64 && goinfo.Executable(data) }

// checkPath checks that an archive unpacks below the directory that a user chooses.
func (c *checker) checkPath(m member) {
	clean := path.Clean(strings.TrimPrefix(m.path, "./"))
	switch {
	case m.path == "./" || m.path == ".":
	case path.IsAbs(m.path) || clean == ".." || strings.HasPrefix(clean, "../") || strings.Contains(m.path, "\\"):
		c.find(Contents, m.artifact.Path, m.path, "the path leads out of the directory")
	case m.mode&fs.ModeSymlink != 0 && m.artifact.Kind == "archive" && (path.IsAbs(m.link) || strings.HasPrefix(path.Join(path.Dir(clean), m.link), "..")):
		c.find(Contents, m.artifact.Path, m.path, "the link to %q leads out of the archive", m.link)
	case m.mode&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0 && !m.base:
		c.find(Contents, m.artifact.Path, m.path, "got mode %v, want a file, a directory or a link", m.mode.Type())
	case m.mode.IsRegular() && m.mode.Perm()&0o002 != 0 && !m.base:
		c.find(Contents, m.artifact.Path, m.path, "its mode %04o lets everyone write it", m.mode.Perm())
	}
}
