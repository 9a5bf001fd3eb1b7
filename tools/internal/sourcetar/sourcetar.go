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
	size, err := write(w, dir)
	if err != nil {
		return 0, fmt.Errorf("reading folder %q: %w", dir, err)
	}
	return size, nil
}

func write(w io.Writer, dir string) (size int64, err error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return 0, err
	}
	names, linked, err := entries(root)
	if err != nil {
		return 0, err
	}
	if err := linked.check(); err != nil {
		return 0, err
	}
	t := tar.NewWriter(w)
	for _, name := range names {
		n, err := add(t, root, name, linked)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, t.Close()
}

// entries returns the sorted paths of everything below dir that is no folder.
func entries(dir string) (names []string, linked links, err error) {
	linked = links{}
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
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
		if p == dir {
			return errors.New("it is no folder")
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if strings.Contains(name, `\`) {
			return fmt.Errorf("%q has a backslash in its name, which separates folders on some machines", name)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			linked[name] = filepath.ToSlash(target)
		}
		names = append(names, name)
		return nil
	})
	sort.Strings(names)
	return names, linked, err
}

func add(t *tar.Writer, dir, name string, linked links) (int64, error) {
	full := filepath.Join(dir, filepath.FromSlash(name))
	h := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUnknown}
	if target, ok := linked[name]; ok {
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
		return 0, t.WriteHeader(h)
	}
	info, err := os.Lstat(full)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%q is a %s: want files, folders and symbolic links only", name, info.Mode().Type())
	}
	if info.Mode()&0o111 != 0 {
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

// Extract unpacks a canonical tar into the folder dir. Nothing outside dir is
// touched, whatever the archive says.
func Extract(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	linked := links{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		if err := extract(root, t, h, linked); err != nil {
			return fmt.Errorf("unpacking %q: %w", h.Name, err)
		}
	}
	if err := linked.check(); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return nil
}

func extract(root *os.Root, r io.Reader, h *tar.Header, linked links) error {
	if !filepath.IsLocal(h.Name) {
		return errors.New("the path leaves the tree")
	}
	if h.Name == "." || h.Name != path.Clean(h.Name) || strings.ContainsAny(h.Name, "\x00\\") {
		return errors.New("the path is not in its shortest form, or has a backslash")
	}
	parent := path.Dir(h.Name)
	for p := parent; p != "."; p = path.Dir(p) {
		if _, ok := linked[p]; ok {
			return fmt.Errorf("the path goes through the symbolic link %q", p)
		}
	}
	if err := root.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		linked[h.Name] = h.Linkname
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if h.Mode&0o111 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("type %q: want files and symbolic links only", h.Typeflag)
}
