// Package sourcetar writes and unpacks the canonical tar of a source tree: the
// form in which a source that is no Go module is pinned and kept.
//
// The archive is POSIX pax (ustar where that suffices), sorted by path, without
// directories, owner 0:0, modification time 0, modes 0644 and 0755. Equal trees
// give equal bytes.
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
	"sort"
	"strings"
	"time"
)

// Write writes the canonical tar of the folder dir and returns the sum of the
// sizes of its files in bytes. It leaves out .git. A symbolic link that leaves
// the tree, and anything but files, folders and links, is an error.
func Write(w io.Writer, dir string) (int64, error) {
	var names []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" && p != dir {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading folder %q: %w", dir, err)
	}
	sort.Strings(names)
	t := tar.NewWriter(w)
	var size int64
	for _, name := range names {
		n, err := add(t, dir, name)
		if err != nil {
			return 0, fmt.Errorf("reading folder %q: %w", dir, err)
		}
		size += n
	}
	return size, t.Close()
}

func add(t *tar.Writer, dir, name string) (int64, error) {
	full := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if err != nil {
		return 0, err
	}
	h := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUnknown}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(full)
		if err != nil {
			return 0, err
		}
		target = filepath.ToSlash(target)
		if err := checkLink(name, target); err != nil {
			return 0, err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
		return 0, t.WriteHeader(h)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%q is a %s: want files, folders and symbolic links only", name, info.Mode().Type())
	case info.Mode()&0o111 != 0:
		h.Mode = 0o755
	}
	f, err := os.Open(full)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := t.WriteHeader(h); err != nil {
		return 0, err
	}
	n, err := io.Copy(t, f)
	if err == nil && n != h.Size {
		err = fmt.Errorf("%q changed while it was read: got %d bytes, want %d", name, n, h.Size)
	}
	return n, err
}

// checkLink refuses a link that leaves the tree.
func checkLink(name, target string) error {
	if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return fmt.Errorf("symbolic link %q leaves the tree: it points to %q", name, target)
	}
	return nil
}

// Extract unpacks a canonical tar into the folder dir. Nothing outside dir is
// touched, whatever the archive says.
func Extract(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		if err := extract(root, t, h); err != nil {
			return fmt.Errorf("unpacking %q: %w", h.Name, err)
		}
	}
}

func extract(root *os.Root, r io.Reader, h *tar.Header) error {
	if !filepath.IsLocal(h.Name) || strings.ContainsAny(h.Name, "\x00\\") {
		return errors.New("the path leaves the tree")
	}
	if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		if err := checkLink(h.Name, h.Linkname); err != nil {
			return err
		}
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(h.Mode)&0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("type %q: want files and symbolic links only", h.Typeflag)
}
