// Package sourcetar writes and unpacks the canonical tar of a source tree. Sources that are
// not Go modules are pinned by it and stored as it.
//
// The archive is POSIX pax (ustar where that suffices), sorted by path, without
// directories, owner 0:0, modification time 0, modes 0644 and 0755. Equal trees give equal
// bytes, from git or from a directory. Writer alone knows the format and what a tree may
// have.
package sourcetar

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits on a tree, both when it is written and when it is unpacked.
const (
	MaxEntries = 500_000 // files and symbolic links; also the most directories
	MaxSize    = 8 << 30 // the sum of the sizes of the files, in bytes
)

// WriteFolder writes the canonical tar of the directory dir. It leaves out .git. A
// symbolic link that leaves the tree, and anything but files, directories and links, is
// an error.
func WriteFolder(w io.Writer, dir string, o Options) (Result, error) {
	return writeFolder(w, dir, o, walk)
}

// WriteFiles writes the canonical tar of some of the files below the directory dir, named by
// their slash-separated paths. It leaves out directories and files that no longer exist.
func WriteFiles(w io.Writer, dir string, names []string, o Options) (Result, error) {
	return writeFolder(w, dir, o, func(dir string, _ func(string) bool) ([]string, error) {
		var there []string
		for _, name := range names {
			switch info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return nil, err
			case !info.IsDir():
				there = append(there, name)
			}
		}
		slices.Sort(there)
		return slices.Compact(there), nil
	})
}

func writeFolder(w io.Writer, dir string, o Options, list func(dir string, excludes func(string) bool) ([]string, error)) (Result, error) {
	result, err := func() (Result, error) {
		root, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return Result{}, err
		}
		t := NewWriter(w, o)
		names, err := list(root, t.Excludes)
		if err != nil {
			return Result{}, err
		}
		for _, name := range names {
			if err := addFile(t, root, name); err != nil {
				return Result{}, err
			}
		}
		return t.Close()
	}()
	if err != nil {
		return Result{}, fmt.Errorf("reading directory %q: %w", dir, err)
	}
	return result, nil
}

// walk returns the sorted paths of everything below dir except directories.
func walk(dir string, excludes func(string) bool) (names []string, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == dir {
			if !d.IsDir() {
				return errors.New("it is not a directory")
			}
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case d.Name() == ".git" || excludes(name):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
		case len(names) == MaxEntries:
			return errTooMany
		default:
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

func addFile(t *Writer, dir, name string) error {
	full := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		target, err := os.Readlink(full)
		if err != nil {
			return err
		}
		return t.Add(Entry{Name: name, Link: filepath.ToSlash(target)}, 0, strings.NewReader(""))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is a %s: want files, directories and symbolic links only", name, info.Mode().Type())
	}
	e := Entry{Name: name, Mode: 0o644}
	if info.Mode()&0o111 != 0 {
		e.Mode = 0o755
	}
	f, err := os.Open(full)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.Add(e, info.Size(), f); err != nil {
		return err
	}
	if n, err := f.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return fmt.Errorf("%q changed while it was read: it is longer than %d bytes", name, info.Size())
	}
	return nil
}
