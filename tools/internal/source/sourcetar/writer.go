package sourcetar

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// Options says how a tree is written. The zero value writes all of it.
type Options struct {
	// Exclude are patterns of paths to leave out. An element is matched as by path.Match;
	// "**" matches any number of elements, including none. A pattern that matches a
	// directory leaves out everything below it.
	Exclude []string
}

// Entry is one file or symbolic link of a tree.
type Entry struct {
	Name string      // slash-separated and relative
	Mode fs.FileMode // 0644 or 0755; not used for a link
	Link string      // the link's target; empty for a file
}

// Result says what an archive has.
type Result struct {
	Size  int64 // the sum of the sizes of the files, in bytes
	Files int   // files and symbolic links
	// LFS are the paths of Git LFS pointers, sorted; see
	// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
	LFS []string
	// CaseCollisions are the paths of files and directories that differ only in case,
	// sorted: many file systems can hold only one of each group.
	CaseCollisions [][]string
}

const (
	bufferSize = 128 << 10
	lfsVersion = "version https://git-lfs.github.com/spec/v1\n"
	lfsMaxSize = 1024 // a pointer has fewer bytes
)

var (
	errTooMany  = fmt.Errorf("the tree has more than %d files", MaxEntries)
	errTooLarge = fmt.Errorf("the tree has more than %d bytes", int64(MaxSize))
)

// Writer writes a canonical tar entry by entry.
type Writer struct {
	out      *bufio.Writer
	tar      *tar.Writer
	buf      []byte
	patterns patterns
	order    order
	linked   links
	folds    folds
	result   Result
	err      error // the first one: nothing is written after it
}

// NewWriter starts an archive. The first call that returns an error reports a bad pattern.
func NewWriter(w io.Writer, o Options) *Writer {
	t := &Writer{out: bufio.NewWriterSize(w, bufferSize), buf: make([]byte, bufferSize/2), linked: links{}}
	t.tar = tar.NewWriter(t.out)
	t.patterns, t.err = compile(o.Exclude)
	return t
}

// Excludes reports whether a path is left out.
func (w *Writer) Excludes(name string) bool { return w.patterns.match(name) }

// Add writes one entry, whose content is exactly the next size bytes of r. Entries have to
// be sorted by name. Add does not check an entry that is left out, nor read its content.
//
// Errors name the path. These are errors: a path that leaves the tree or is not clean, one
// below .git or anything that a file system treats as .git, a duplicate, one below a file or
// a link, and more than MaxEntries or MaxSize.
func (w *Writer) Add(e Entry, size int64, r io.Reader) error {
	if w.err == nil && !w.Excludes(e.Name) {
		w.err = w.add(e, size, r)
	}
	return w.err
}

func (w *Writer) add(e Entry, size int64, r io.Reader) error {
	if err := w.check(e.Name, size); err != nil {
		return err
	}
	if err := w.order.next(e.Name); err != nil {
		return err
	}
	if err := w.folds.add(e.Name, e.Link); err != nil {
		return err
	}
	w.result.Files++
	h := &tar.Header{Typeflag: tar.TypeReg, Name: e.Name, Mode: int64(e.Mode), Size: size, ModTime: time.Unix(0, 0)}
	if e.Link != "" {
		if len(e.Link) > maxPath || strings.Contains(e.Link, "\x00") {
			return fmt.Errorf("symbolic link %q: the target is longer than %d bytes, or has a zero byte", e.Name, maxPath)
		}
		w.linked[e.Name] = e.Link
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, e.Link, 0o777, 0
		return w.tar.WriteHeader(h)
	}
	if e.Mode != 0o644 && e.Mode != 0o755 {
		return fmt.Errorf("mode of %q: got %#o, want 0644 or 0755", e.Name, uint32(e.Mode))
	}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("path %q: %w", e.Name, err)
	}
	w.result.Size += size
	switch n, err := w.copy(e.Name, size, r); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%q changed while it was read: got %d bytes, want %d", e.Name, n, size)
	case err != nil:
		return fmt.Errorf("path %q: %w", e.Name, err)
	}
	return nil
}

func (w *Writer) check(name string, size int64) error {
	switch err := CheckName(name); {
	case err != nil:
		return fmt.Errorf("path %.200q: %w", name, err)
	case w.result.Files == MaxEntries:
		return errTooMany
	case size < 0 || size > MaxSize-w.result.Size:
		return fmt.Errorf("path %q: %w", name, errTooLarge)
	}
	return nil
}

// copy copies size bytes. It returns io.EOF if there are fewer.
func (w *Writer) copy(name string, size int64, r io.Reader) (done int64, err error) {
	b, _ := r.(*bufio.Reader)
	for done < size {
		var chunk []byte
		want := int(min(size-done, int64(len(w.buf))))
		if b != nil { // from its buffer, without a copy
			if _, err := b.Peek(1); err != nil {
				return done, err
			}
			chunk, _ = b.Peek(min(want, b.Buffered()))
		} else {
			n, err := io.ReadFull(r, w.buf[:want])
			if err != nil {
				if errors.Is(err, io.ErrUnexpectedEOF) {
					err = io.EOF
				}
				return done + int64(n), err
			}
			chunk = w.buf[:n]
		}
		if done == 0 && size < lfsMaxSize && bytes.HasPrefix(chunk, []byte(lfsVersion)) {
			w.result.LFS = append(w.result.LFS, name)
		}
		if _, err := w.tar.Write(chunk); err != nil {
			return done, err
		}
		done += int64(len(chunk))
		if b != nil {
			_, _ = b.Discard(len(chunk))
		}
	}
	return done, nil
}

// Close ends the archive. A symbolic link that leaves the tree is an error.
func (w *Writer) Close() (Result, error) {
	if w.err != nil {
		return Result{}, w.err
	}
	if w.err = w.linked.check(); w.err != nil {
		return Result{}, w.err
	}
	if w.err = errors.Join(w.tar.Close(), w.out.Flush()); w.err != nil {
		return Result{}, w.err
	}
	w.result.CaseCollisions = w.folds.collisions()
	w.err = errors.New("the archive has ended")
	return w.result, nil
}
