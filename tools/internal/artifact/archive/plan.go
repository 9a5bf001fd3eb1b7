package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

type kind int

const (
	kindFile kind = iota
	kindDir
	kindLink
)

// An item is an entry as it will be in the archive.
type item struct {
	name    string // with the prefix, without a slash at the end
	kind    kind
	mode    fs.FileMode // permissions only
	size    int64       // of a file
	source  string      // of a file on disk
	content []byte      // of any other file
	target  string      // of a link
	parent  bool        // a directory without an entry
}

func (it item) String() string {
	switch {
	case it.parent:
		return "the parent directory of an entry"
	case it.kind == kindDir:
		return "a directory"
	case it.kind == kindLink:
		return fmt.Sprintf("a link to %q", it.target)
	case it.source != "":
		return fmt.Sprintf("file %q", it.source)
	}
	return fmt.Sprintf("inline content of %d bytes", it.size)
}

// plan checks entries and returns the items to write, sorted by name, with each parent
// directory once. The error joins all that is wrong.
func plan(entries []Entry, prefix string) ([]item, error) {
	if prefix != "" {
		if err := checkPath(prefix); err != nil {
			return nil, fmt.Errorf("checking prefix %q: %w", prefix, err)
		}
		prefix = strings.TrimSuffix(prefix, "/")
	}
	var items []item
	var errs []error
	for _, e := range entries {
		expanded, err := expand(e, prefix)
		if err != nil {
			errs = append(errs, fmt.Errorf("checking entry %q: %w", e.Path, err))
			continue
		}
		items = append(items, expanded...)
	}
	items, clashes := merge(items, prefix)
	errs = append(errs, clashes...)
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return items, errors.Join(errs...)
}

// expand returns the items of an entry, without parents.
func expand(e Entry, prefix string) ([]item, error) {
	if err := checkPath(e.Path); err != nil {
		return nil, err
	}
	it := item{name: path.Join(prefix, e.Path), mode: e.Mode}
	if it.mode == 0 {
		it.mode = 0o644
	}
	if it.mode != 0o644 && it.mode != 0o755 {
		return nil, fmt.Errorf("mode is %04o, want 0644 or 0755", uint32(e.Mode))
	}
	isDir := strings.HasSuffix(e.Path, "/")
	switch given := countTrue(e.Source != "", e.Content != nil, e.Symlink != ""); {
	case given > 1:
		return nil, errors.New("more than one of source, content and symlink is set")
	case given == 0 && !isDir:
		return nil, errors.New(`none of source, content and symlink is set, and the path does not end in "/"`)
	case given == 0:
		it.kind, it.mode = kindDir, 0o755
		return []item{it}, nil
	case e.Source != "":
		items, err := it.fromDisk(e.Source, isDir)
		executables := map[string]bool{}
		for _, name := range e.Executables {
			executables[name] = true
		}
		for i := range items {
			if executables[filepath.ToSlash(items[i].source)] {
				items[i].mode = 0o755
			}
		}
		return items, err
	case isDir:
		return nil, errors.New(`path of a file or link ends in "/"`)
	case e.Symlink != "":
		it.kind, it.mode, it.target = kindLink, 0o777, e.Symlink
		return []item{it}, checkLink(e.Symlink)
	}
	it.content, it.size = e.Content, int64(len(e.Content))
	return []item{it}, nil
}

func countTrue(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// fromDisk returns an item for the file, or one for each file below the directory. It
// follows symbolic links, because Bazel's sandbox consists of them.
func (it item) fromDisk(source string, wantDir bool) ([]item, error) {
	info, err := os.Stat(source)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		items, err := it.walk(source)
		if err == nil && len(items) == 0 {
			err = fmt.Errorf("directory %q has no files", source)
		}
		return items, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is neither a regular file nor a directory", source)
	case wantDir:
		return nil, fmt.Errorf(`path ends in "/", but %q is a file`, source)
	}
	it.source, it.size = source, info.Size()
	return []item{it}, nil
}

// walk returns an item for each regular file below the directory, with it.mode. Empty
// directories are left out: Bazel does not preserve them reliably.
func (it item) walk(dir string) ([]item, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var items []item
	for _, d := range list {
		file := filepath.Join(dir, d.Name())
		if err := checkPath(d.Name()); err != nil {
			return nil, fmt.Errorf("checking file %q: %w", file, err)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			// A link to a directory could lead to a cycle.
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				return nil, fmt.Errorf("%q is a link to a directory", file)
			}
		}
		child := item{name: it.name + "/" + d.Name(), mode: it.mode}
		var below []item
		if d.IsDir() {
			below, err = child.walk(file)
		} else {
			below, err = child.fromDisk(file, false)
		}
		if err != nil {
			return nil, err
		}
		items = append(items, below...)
	}
	return items, nil
}

// merge sorts items and adds their parent directories, including the prefix's. It reports
// duplicate paths, and files that are used as directories.
func merge(items []item, prefix string) ([]item, []error) {
	var errs []error
	byName := make(map[string]item, len(items))
	for _, it := range items {
		if old, ok := byName[it.name]; ok && (old.kind != kindDir || it.kind != kindDir) {
			a, b := old.String(), it.String()
			errs = append(errs, fmt.Errorf("duplicate path %q: %s and %s", it.name, min(a, b), max(a, b)))
			continue
		}
		byName[it.name] = it
	}
	if prefix != "" {
		items = append(items, item{name: prefix, kind: kindDir, parent: true})
	}
	for _, it := range items {
		dir := it.name
		if !it.parent {
			dir = path.Dir(dir)
		}
		for ; dir != "."; dir = path.Dir(dir) {
			old, ok := byName[dir]
			if ok && old.kind != kindDir {
				errs = append(errs, fmt.Errorf("path %q is below %q, which is not a directory: %s and %s", it.name, dir, it, old))
			}
			if ok {
				break
			}
			byName[dir] = item{name: dir, kind: kindDir, mode: 0o755, parent: true}
		}
	}
	merged := make([]item, 0, len(byName))
	for _, it := range byName {
		merged = append(merged, it)
	}
	slices.SortFunc(merged, func(a, b item) int { return strings.Compare(a.name, b.name) })
	return merged, errs
}
