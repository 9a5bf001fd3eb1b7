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
)

// Extract unpacks a canonical tar into the folder dir. Nothing outside dir is
// touched, whatever the archive says.
func Extract(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	x := &extractor{root: root, tar: tar.NewReader(r), linked: links{}}
	for {
		h, err := x.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		if err := x.entry(h); err != nil {
			return fmt.Errorf("unpacking %q: %w", h.Name, err)
		}
	}
	if err := x.linked.check(); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return nil
}

type extractor struct {
	root    *os.Root
	tar     *tar.Reader
	linked  links
	entries int
	size    int64
}

func (x *extractor) entry(h *tar.Header) error {
	if err := x.check(h); err != nil {
		return err
	}
	if err := x.root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		x.linked[h.Name] = h.Linkname
		return x.root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
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
	return fmt.Errorf("type %q: want files and symbolic links only", h.Typeflag)
}

// check refuses what Writer would not have written, as far as it can do harm.
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
	return nil
}
