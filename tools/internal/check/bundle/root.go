package bundle

import (
	"archive/tar"
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

// writeRoot writes the canonical tar of a root directory: sorted, owner 0:0, one time,
// modes 0644 and 0755, hard links as such. What is not for everyone to read is not in it.
func writeRoot(w io.Writer, dir string) error {
	r := &rootTar{tar.NewWriter(w), dir, map[fileID]string{}}
	for _, part := range rootParts {
		if err := filepath.WalkDir(filepath.Join(dir, part), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return r.add(name, d)
		}); err != nil {
			return fmt.Errorf("reading root %q: %w", dir, err)
		}
	}
	return r.w.Close()
}

type rootTar struct {
	w     *tar.Writer
	dir   string
	links map[fileID]string // the first name of files that have several
}

func (r *rootTar) add(name string, d fs.DirEntry) error {
	rel, err := filepath.Rel(r.dir, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: rel, Mode: 0o644, ModTime: epoch}
	switch mode := info.Mode(); {
	case mode.IsDir():
		if slices.Contains(rootLess, rel) || mode.Perm()&0o5 != 0o5 {
			return fs.SkipDir
		}
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o755, rel+"/"
	case mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Mode = tar.TypeSymlink, 0o777
		if h.Linkname, err = os.Readlink(name); err != nil {
			return err
		}
	case !mode.IsRegular():
		return fmt.Errorf("%q is neither a file, a directory nor a link", rel)
	case mode.Perm()&0o4 == 0:
		return nil
	default:
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
		if mode.Perm()&0o111 != 0 {
			h.Mode = 0o755
		}
		if id, several := idOf(info); several && r.links[id] != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, r.links[id], 0
		} else if several {
			r.links[id] = rel
		}
	}
	if err := r.w.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	return copyFile(r.w, name, h.Size)
}

// rootName returns the name of a root: its directory's name.
func rootName(dir string) (string, error) {
	name := path.Base(filepath.ToSlash(filepath.Clean(dir)))
	if !strings.HasPrefix(name, "bazel-") {
		return "", fmt.Errorf("root %q: got a name that the launcher does not give, want bazel-VERSION-…", dir)
	}
	return name, nil
}
