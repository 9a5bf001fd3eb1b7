package validate

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"path"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
)

// facts are what is known of a file's content. Equal files have equal facts.
type facts struct {
	info  *debug.BuildInfo // of a Go program; nil for other files
	leaks []string
}

// A factCache has the facts of each content once.
type factCache struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*sync.Once
	facts map[[sha256.Size]byte]facts
}

// get returns the facts of data, and works them out the first time.
func (f *factCache) get(data []byte, work func() facts) facts {
	sum := sha256.Sum256(data)
	f.mu.Lock()
	if f.known == nil {
		f.known, f.facts = map[[sha256.Size]byte]*sync.Once{}, map[[sha256.Size]byte]facts{}
	}
	once := f.known[sum]
	if once == nil {
		once = new(sync.Once)
		f.known[sum] = once
	}
	f.mu.Unlock()
	once.Do(func() {
		got := work()
		f.mu.Lock()
		f.facts[sum] = got
		f.mu.Unlock()
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.facts[sum]
}

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
	got := c.facts.get(m.data, func() facts {
		f := facts{leaks: c.leaks(m.data)}
		if isProgram(m.data) {
			f.info, _ = goinfo.Read(bytes.NewReader(m.data))
		}
		return f
	})
	for _, l := range got.leaks {
		if !c.allowed(m) {
			c.find(Leaks, m.artifact.Path, m.path, "%s", l)
		}
	}
	c.checked(Leaks, 1)
	if isProgram(m.data) {
		c.program(m, got.info)
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
