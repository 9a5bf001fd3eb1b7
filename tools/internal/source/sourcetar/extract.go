package sourcetar

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Extract unpacks a canonical tar, from r's offset to its end, into the directory dir. It
// checks all headers before it writes anything. It writes nothing outside dir, whatever the
// archive has.
func Extract(r io.ReadSeeker, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	start, err := r.Seek(0, io.SeekCurrent)
	if err == nil {
		err = new(extractor).each(r, func(*tar.Header) error { return nil })
	}
	if err == nil {
		_, err = r.Seek(start, io.SeekStart)
	}
	if err == nil {
		x := &extractor{root: root}
		err = x.each(r, x.write)
	}
	if err != nil {
		return fmt.Errorf("unpacking%w", err)
	}
	return nil
}

// Each calls visit for each entry of a canonical tar, in order. It checks each header first,
// as Extract does.
func Each(r io.Reader, visit func(h *tar.Header, content io.Reader) error) error {
	x := &extractor{}
	if err := x.each(r, func(h *tar.Header) error { return visit(h, x.tar) }); err != nil {
		return fmt.Errorf("reading%w", err)
	}
	return nil
}

type extractor struct {
	root    *os.Root
	tar     *tar.Reader
	linked  links
	entries int
	names   int   // bytes of paths and targets
	size    int64 // bytes of files
}

// each checks all entries and calls visit for each. An error begins with the entry's path.
func (x *extractor) each(r io.Reader, visit func(*tar.Header) error) error {
	x.tar, x.linked = tar.NewReader(r), links{}
	for {
		h, err := x.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf(": %w", err)
		}
		if err = x.check(h); err == nil {
			err = visit(h)
		}
		if err != nil {
			return fmt.Errorf(" %.200q: %w", h.Name, err)
		}
	}
	if err := x.linked.check(); err != nil {
		return fmt.Errorf(": %w", err)
	}
	return nil
}

// write writes one entry.
func (x *extractor) write(h *tar.Header) error {
	if err := x.root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return x.root.Symlink(h.Linkname, h.Name)
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := x.root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, x.tar)
	return errors.Join(err, f.Close())
}

// check refuses what Writer does not write, as far as it can do harm.
func (x *extractor) check(h *tar.Header) error {
	if err := CheckName(h.Name); err != nil {
		return err
	}
	if !filepath.IsLocal(h.Name) {
		return errors.New("the path leaves the tree")
	}
	for p := path.Dir(h.Name); p != "."; p = path.Dir(p) {
		if _, ok := x.linked[p]; ok {
			return fmt.Errorf("the path goes through the symbolic link %q", p)
		}
	}
	if x.entries++; x.entries > MaxEntries {
		return errTooMany
	}
	if x.size += h.Size; h.Size < 0 || x.size > MaxSize {
		return errTooLarge
	}
	if len(h.Linkname) > maxPath {
		return fmt.Errorf("the link's target has more than %d bytes", maxPath)
	}
	if x.names += len(h.Name) + len(h.Linkname); x.names > maxNames {
		return errLongNames
	}
	switch {
	case h.Typeflag == tar.TypeSymlink:
		x.linked[h.Name] = h.Linkname
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("type %q: want files and symbolic links only", h.Typeflag)
	case isSparse(h): // a few bytes could become any number of zeros
		return errors.New("it is sparse: want plain files")
	}
	return nil
}

// isSparse reports whether a file is sparse in one of pax's forms.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}
