package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// PackagesName is the file that lists a root's packages. The launcher chooses a root by it.
const PackagesName = "root.packages.json"

// rootParts are the parts of a root that the launcher uses, and rootLess those in them
// that it does not use.
var (
	rootParts = []string{"etc", PackagesName, "usr"}
	rootLess  = []string{"usr/local", "usr/src"}
)

// rootTar is the canonical tar of a root directory: sorted, owner 0:0, one time, modes
// 0644 and 0755, hard links kept. Files that not everyone may read are left out.
type rootTar struct {
	dir   string
	items []rootItem
	size  int64 // of the tar, in bytes
}

type rootItem struct {
	name string // slash-separated, relative; a directory's ends in a slash
	link string // target of a link
	kind byte   // a tar's typeflag
	mode int64
	size int64
}

func (it *rootItem) header() ([]byte, error) {
	return header(&tar.Header{Typeflag: it.kind, Name: it.name, Linkname: it.link, Mode: it.mode, Size: it.size})
}

// openRoot lists a root directory.
func openRoot(dir string) (*rootTar, error) {
	r := &rootTar{dir: dir, size: trailer}
	links := map[fileID]string{}
	for _, part := range rootParts {
		if err := filepath.WalkDir(filepath.Join(dir, part), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return r.add(name, d, links)
		}); err != nil {
			return nil, fmt.Errorf("reading root %q: %w", dir, err)
		}
	}
	for i := range r.items {
		h, err := r.items[i].header()
		if err != nil {
			return nil, fmt.Errorf("reading root %q: %q: %w", dir, r.items[i].name, err)
		}
		r.size += int64(len(h)) + r.items[i].size + padding(r.items[i].size)
	}
	return r, nil
}

func (r *rootTar) add(name string, d fs.DirEntry, links map[fileID]string) error {
	rel, err := filepath.Rel(r.dir, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	info, err := d.Info()
	if err != nil {
		return err
	}
	it := rootItem{name: rel, mode: 0o644}
	switch mode := info.Mode(); {
	case mode.IsDir():
		if slices.Contains(rootLess, rel) || mode.Perm()&0o5 != 0o5 {
			return fs.SkipDir
		}
		it.kind, it.mode, it.name = tar.TypeDir, 0o755, rel+"/"
	case mode&fs.ModeSymlink != 0:
		it.kind, it.mode = tar.TypeSymlink, 0o777
		if it.link, err = os.Readlink(name); err != nil {
			return err
		}
	case !mode.IsRegular():
		return fmt.Errorf("%q is neither a file, a directory nor a link", rel)
	case mode.Perm()&0o4 == 0:
		return nil
	default:
		it.kind, it.size = tar.TypeReg, info.Size()
		if mode.Perm()&0o111 != 0 {
			it.mode = 0o755
		}
		if id, several := idOf(info); several && links[id] != "" {
			it.kind, it.link, it.size = tar.TypeLink, links[id], 0
		} else if several {
			links[id] = rel
		}
	}
	r.items = append(r.items, it)
	return nil
}

// write writes the tar. If the root changes meanwhile, it returns an error.
func (r *rootTar) write(w io.Writer) error {
	for i := range r.items {
		if err := r.writeItem(w, &r.items[i]); err != nil {
			return fmt.Errorf("packing root %q: %q: %w", r.dir, r.items[i].name, err)
		}
	}
	_, err := w.Write(zeros[:trailer])
	return err
}

func (r *rootTar) writeItem(w io.Writer, it *rootItem) error {
	h, err := it.header()
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil || it.kind != tar.TypeReg {
		return err
	}
	f, err := os.Open(filepath.Join(r.dir, filepath.FromSlash(it.name)))
	if err != nil {
		return err
	}
	defer f.Close()
	if n, err := io.Copy(w, io.LimitReader(f, it.size+1)); err != nil || n != it.size {
		return errors.Join(err, fmt.Errorf("size: got %d bytes, want %d", n, it.size))
	}
	return writePadding(w, it.size)
}

// rootName returns the name of a root: its directory's name.
func rootName(dir string) (string, error) {
	name := path.Base(filepath.ToSlash(filepath.Clean(dir)))
	if !strings.HasPrefix(name, "bazel-") {
		return "", fmt.Errorf("root %q: got a name that the launcher does not give, want bazel-VERSION-…", dir)
	}
	return name, nil
}
