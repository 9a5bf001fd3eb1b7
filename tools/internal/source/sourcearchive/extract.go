package sourcearchive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// maxLinks is how many symbolic links one path may lead through, as on Linux.
const maxLinks = 40

// A Selection is a part of a source.
type Selection struct {
	Source

	// Files are paths of files in the source.
	Files []string `json:"files"`

	// Directories are paths of directories, of which all files are selected; "." is the whole
	// source.
	Directories []string `json:"directories"`

	// Patterns, if there are any, select some of the files of Directories: those that match one.
	// See path.Match. A pattern without a slash is for the name of the file, any other for its
	// path in the source.
	Patterns []string `json:"patterns"`

	// Executables are patterns of files that are executable, in addition to those that are so
	// in the source: the zip of a Go module has no such bits.
	Executables []string `json:"executables"`
}

// Extract writes the selected files below the directory dir, each at its path in the source,
// and returns the paths of those that are executable, sorted. Symbolic links become copies of
// what they lead to.
//
// These are errors: a path that the source does not have, a directory for a file or a file for
// a directory, a link that leads to nothing or back to itself, and an archive that
// does not match its digest, patterns that no file matches. Nothing is written then, unless the archive changes in between.
func Extract(s Selection, dir string) (executables []string, err error) {
	t := &tree{executable: map[string]bool{}, links: map[string]string{}, directories: map[string]bool{".": true}}
	if err := each(s.Source, t.add); err != nil {
		return nil, fmt.Errorf("source %q: %w", s.Name, err)
	}
	slices.Sort(t.names)
	x := &extraction{tree: t, patterns: s.Patterns, used: map[string]bool{}, targets: map[string][]string{}, open: map[string]bool{}}
	var errs []error
	for _, p := range s.Files {
		errs = append(errs, x.selectPath(p, false))
	}
	for _, p := range s.Directories {
		errs = append(errs, x.selectPath(p, true))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("source %q: %w", s.Name, err)
	}
	if executables, err = x.executables(s.Executables); err == nil {
		err = errors.Join(x.unused(s.Patterns), x.unused(s.Executables))
	}
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", s.Name, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	x.root = root
	if err := each(s.Source, x.write); err != nil {
		return nil, fmt.Errorf("source %q: %w", s.Name, err)
	}
	return slices.Compact(executables), nil
}

// tree is what a source has.
type tree struct {
	names       []string          // of files and links, sorted
	executable  map[string]bool   // by the name of a file
	links       map[string]string // name → target
	directories map[string]bool
}

func (t *tree) add(h *tar.Header, _ io.Reader) error {
	t.names = append(t.names, h.Name)
	if h.Typeflag == tar.TypeSymlink {
		t.links[h.Name] = h.Linkname
	} else {
		t.executable[h.Name] = h.Mode&0o111 != 0
	}
	for dir := path.Dir(h.Name); !t.directories[dir]; dir = path.Dir(dir) {
		t.directories[dir] = true
	}
	return nil
}

// resolve returns the path that has no links in it and leads to the same.
func (t *tree) resolve(name string) (string, error) {
	done, rest, links := ".", name, 0
	for rest != "" {
		first, after, _ := strings.Cut(rest, "/")
		next := path.Join(done, first)
		if next == ".." {
			return "", fmt.Errorf("path %q leads out of the source", name)
		}
		target, isLink := t.links[next]
		if !isLink {
			done, rest = next, after
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("path %q leads through more than %d symbolic links", name, maxLinks)
		}
		rest = strings.TrimRight(target, "/")
		if after != "" {
			rest += "/" + after
		}
	}
	if _, isFile := t.executable[done]; !isFile && !t.directories[done] {
		if done != name {
			return "", fmt.Errorf("path %q is a symbolic link to %q, which does not exist", name, done)
		}
		return "", fmt.Errorf("path %q does not exist: %s", name, t.nearest(name))
	}
	return done, nil
}

// nearest says what the source has where a path ends to exist.
func (t *tree) nearest(name string) string {
	const most = 8
	dir, prefix := path.Dir(name), ""
	for !t.directories[dir] {
		dir = path.Dir(dir)
	}
	if dir != "." {
		prefix = dir + "/"
	}
	var found []string
	for _, n := range t.names {
		if below, ok := strings.CutPrefix(n, prefix); ok {
			first, _, _ := strings.Cut(below, "/")
			found = append(found, fmt.Sprintf("%.100q", first))
		}
	}
	if found = slices.Compact(found); len(found) > most {
		found = append(found[:most], "…")
	}
	return fmt.Sprintf("directory %q has %s", dir, strings.Join(found, ", "))
}

// executables returns the targets that are executable in the source, and those that match one
// of the patterns, sorted.
func (x *extraction) executables(patterns []string) (list []string, err error) {
	for from, targets := range x.targets {
		for _, target := range targets {
			ok, err := x.matches(patterns, target)
			if err != nil {
				return nil, err
			}
			if ok || x.executable[from] {
				list = append(list, target)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// matches reports whether a path matches one of the patterns, and marks those that it matches.
func (x *extraction) matches(patterns []string, name string) (any bool, err error) {
	for _, pattern := range patterns {
		subject := name
		if !strings.Contains(pattern, "/") {
			subject = path.Base(name)
		}
		ok, err := path.Match(pattern, subject)
		if err != nil {
			return false, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if ok {
			any, x.used[pattern] = true, true
		}
	}
	return any, nil
}

// unused returns an error if no file has matched any of the patterns. Some may match none: a
// list of usual names serves several revisions of a source.
func (x *extraction) unused(patterns []string) error {
	if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return x.used[p] }) {
		return nil
	}
	return fmt.Errorf("no file matches any of the patterns %q", patterns)
}

// extraction is what to write.
type extraction struct {
	*tree
	patterns []string            // of files in selected directories; empty for all
	used     map[string]bool     // patterns that a file has matched
	targets  map[string][]string // the name of a file → where it is written to
	count    int                 // of files
	open     map[string]bool     // directories whose files are being selected
	root     *os.Root
}

// selectPath selects a file or a directory.
func (x *extraction) selectPath(name string, directory bool) error {
	if err := sourcetar.CheckName(name); err != nil && !(directory && name == ".") {
		return fmt.Errorf("path %q: %w", name, err)
	}
	real, err := x.resolve(name)
	switch {
	case err != nil:
		return err
	case directory && !x.directories[real]:
		return fmt.Errorf("path %q is a file: want it in files", name)
	case !directory && x.directories[real]:
		return fmt.Errorf("path %q is a directory: want it in directories", name)
	}
	return x.selectAt(real, name, directory)
}

// selectAt selects the file real, or all files below it, to be written to the path target. If
// filter is set, the file has to match the patterns.
func (x *extraction) selectAt(real, target string, filter bool) error {
	if !x.directories[real] {
		if filter && len(x.patterns) > 0 {
			if ok, err := x.matches(x.patterns, target); !ok {
				return err
			}
		}
		if x.count++; x.count > sourcetar.MaxEntries {
			return fmt.Errorf("there are more than %d files", sourcetar.MaxEntries)
		}
		x.targets[real] = append(x.targets[real], target)
		return nil
	}
	x.open[real] = true
	defer delete(x.open, real)
	prefix := real + "/"
	if real == "." {
		prefix = ""
	}
	from, _ := slices.BinarySearch(x.names, prefix)
	for _, name := range x.names[from:] {
		below, ok := strings.CutPrefix(name, prefix)
		if !ok {
			break
		}
		to := name
		if _, isLink := x.links[name]; isLink {
			var err error
			if to, err = x.resolve(name); err != nil {
				return err
			}
			if x.open[to] {
				return fmt.Errorf("path %q is a symbolic link to %q, which leads back to it", name, to)
			}
		}
		if err := x.selectAt(to, path.Join(target, below), filter); err != nil {
			return err
		}
	}
	return nil
}

// write writes an entry to each of its targets.
func (x *extraction) write(h *tar.Header, content io.Reader) error {
	targets := x.targets[h.Name]
	if len(targets) == 0 || h.Typeflag == tar.TypeSymlink {
		return nil
	}
	var files []io.Writer
	var errs []error
	for _, target := range targets {
		f, err := x.create(target)
		if errs = append(errs, err); err == nil {
			files = append(files, f)
		}
	}
	if len(files) == len(targets) {
		_, err := io.Copy(io.MultiWriter(files...), content)
		errs = append(errs, err)
	}
	for _, f := range files {
		errs = append(errs, f.(io.Closer).Close())
	}
	return errors.Join(errs...)
}

func (x *extraction) create(name string) (*os.File, error) {
	if err := x.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return nil, err
	}
	return x.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
