// Package archive writes archives whose bytes depend only on their entries and options.
//
//	WriteTar        writes a tar                                POSIX.1-2001 (ustar, pax)
//	NewGzipWriter   compresses a stream                         RFC 1952
//	WriteTarGzip    writes a compressed tar
//	WriteTarZstd    writes a compressed tar                     RFC 8878
//	WriteTarXz      writes a compressed tar                     xz file format 1.2
//	WriteZip        writes a zip                                PKWARE APPNOTE 6.3.10
//	WriteFile       writes any of them to a file, atomically, and returns its SHA-256
//
// Memory does not grow with the size of the files. Order, owner, mode and time come from
// the arguments. The clock, the time zone, the locale, the umask, the user, the modes of
// the files on disk and the number of CPUs have no effect.
package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// An Entry is something to put into an archive: a file, a directory of files, a symbolic
// link or an empty directory. Exactly one of Source, Content and Symlink is set. An entry
// with none of them is an empty directory if its Path ends in "/", otherwise an error.
//
// Parent directories need no entry: the writers add them.
type Entry struct {
	// Path is the entry's path below Options.Prefix, in UTF-8: relative,
	// slash-separated, without ".", "..", "//", backslashes or control characters. A "/"
	// at the end marks a directory.
	Path string

	// Source is the name of the file on disk with the content. Symbolic links are
	// followed. If it is a directory, all regular files below it are added below Path; a
	// link in it must lead to a regular file.
	Source string

	// Content is the content itself. Nil means that it is not set; an empty slice is an
	// empty file.
	Content []byte

	// Symlink is the target of a symbolic link, which is written as it is.
	Symlink string

	// Mode is 0644 or 0755, for a file or for all files of a directory. Zero
	// means 0644. Directories are always 0755 and symbolic links 0777. The mode on disk
	// has no effect.
	Mode fs.FileMode

	// Executables are the names on disk of those files of Source that have mode 0755, whatever
	// Mode says.
	Executables []string
}

// Options apply to all entries of an archive.
type Options struct {
	// Prefix is the directory that holds all entries, such as "toolbox-1.0.0/". The slash
	// is optional. Empty means none.
	Prefix string

	// ModTime is the modification time of every entry, in whole seconds, 1970 or later.
	// The zero Time means 1970-01-01T00:00:00Z. For the limits of a zip see WriteZip.
	ModTime time.Time

	// FilesOnly leaves out the parent directories of entries. Only a tar can do without.
	FilesOnly bool

	// First is the path of the entry that comes before all others in a tar, below Prefix.
	// Empty means that all are sorted.
	First string

	// CheckName, if not nil, returns an error for the name of an entry, or of a file below one,
	// that a tar may not have.
	CheckName func(name string) error
}

// check calls CheckName for each item.
func (o Options) check(items []item) error {
	if o.CheckName == nil {
		return nil
	}
	var errs []error
	for _, it := range items {
		if err := o.CheckName(it.name); err != nil {
			errs = append(errs, fmt.Errorf("checking entry %q: %w", it.name, err))
		}
	}
	return errors.Join(errs...)
}

// modTime returns the modification time in UTC, or an error if it cannot be
// written without loss.
func (o Options) modTime() (time.Time, error) {
	if o.ModTime.IsZero() {
		return time.Unix(0, 0).UTC(), nil
	}
	t := o.ModTime.UTC()
	if t.Nanosecond() != 0 || t.Unix() < 0 {
		return t, fmt.Errorf("checking modification time %s: want whole seconds since 1970", t.Format(time.RFC3339Nano))
	}
	return t, nil
}

// checkPath checks a path of an archive. It accepts one slash at the end.
func checkPath(p string) error {
	trimmed := strings.TrimSuffix(p, "/")
	switch {
	case p == "":
		return errors.New("path is empty")
	case strings.HasPrefix(p, "/"):
		return errors.New("path is absolute")
	case !utf8.ValidString(p):
		return errors.New("path is not UTF-8")
	case strings.Contains(p, `\`):
		return errors.New("path has a backslash")
	case strings.IndexFunc(p, isControl) >= 0:
		return errors.New("path has a control character")
	case trimmed == ".." || strings.HasPrefix(p, "../") || strings.Contains("/"+trimmed+"/", "/../"):
		return errors.New(`path has a ".." in it`)
	case trimmed == "." || path.Clean(trimmed) != trimmed:
		return errors.New(`path is not clean: it has a "." or an empty part`)
	}
	return nil
}

// checkLink checks the target of a symbolic link.
func checkLink(target string) error {
	switch {
	case !utf8.ValidString(target):
		return fmt.Errorf("link target %q is not UTF-8", target)
	case strings.Contains(target, `\`):
		return fmt.Errorf("link target %q has a backslash", target)
	case strings.IndexFunc(target, isControl) >= 0:
		return fmt.Errorf("link target %q has a control character", target)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// copyExactly copies size bytes from src to dst. It returns an error if src does not have
// exactly that many.
func copyExactly(dst io.Writer, src io.Reader, size int64, buf []byte) error {
	// The wrappers hide ReadFrom and WriteTo, which would ignore buf.
	n, err := io.CopyBuffer(struct{ io.Writer }{dst}, io.LimitReader(src, size), buf)
	if err != nil {
		return err
	}
	if n < size {
		return fmt.Errorf("size changed while it was read: got %d bytes, want %d", n, size)
	}
	switch n, err := io.ReadFull(src, buf[:1]); {
	case n > 0:
		return fmt.Errorf("size changed while it was read: got more than %d bytes", size)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
