package gosource

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

// aside is where, below Meta, files are that came along and that Bazel, or gazelle, would
// take for its own. What embeds them has them at their own paths again.
const aside = "aside"

// asideName is the path that a file has there, in package Meta.
func asideName(path string) string { return aside + "/" + path + ".aside" }

// rootOnly are files that mean something to Bazel in the root of a repository.
var rootOnly = []string{"WORKSPACE", "WORKSPACE.bazel", "WORKSPACE.bzlmod", "MODULE.bazel", "REPO.bazel", ".bazelignore"}

// setAside moves these files, by which Bazel would take dir or a directory in it for a
// workspace or a package of another's making: what is called BUILD.bazel, as ours are, and
// what the root may not have. A BUILD that came along is only a file where there is a
// BUILD.bazel; setAside writes one beside it. It also moves each go.mod below the vendor
// directory of a root: gazelle would take what is there for another module.
func setAside(dir string, roots []Root) (moved map[string]bool, err error) {
	moved = map[string]bool{}
	if err := os.RemoveAll(filepath.Join(dir, Meta)); err != nil {
		return nil, err
	}
	var beside, occupied []string
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch at, base := path.Split(rel); {
		case rel == Meta:
			return fs.SkipDir
		case base == "BUILD.bazel" && d.IsDir():
			occupied = append(occupied, name) // where the BUILD file of the directory above has to be
		case d.IsDir():
		case base == "BUILD" && !strings.Contains("/"+at, "/BUILD.bazel/"):
			beside = append(beside, path.Clean(at))
		case base == "BUILD.bazel", strings.Contains("/"+at, "/BUILD.bazel/"), at == "" && slices.Contains(rootOnly, base), base == "go.mod" && belowVendor(rel, roots):
			moved[rel] = d.Type().IsRegular()
			return moveAside(dir, rel, d)
		}
		return nil
	})
	for _, name := range occupied {
		if err == nil {
			err = os.RemoveAll(name) // empty directories
		}
	}
	for _, at := range beside {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.FromSlash(at), "BUILD.bazel"), nil, 0o644)
		}
	}
	if err != nil {
		return nil, err
	}
	return moved, os.WriteFile(filepath.Join(dir, "BUILD.bazel"), []byte("package(default_visibility = [\"//visibility:public\"])\n"), 0o644)
}

// moveAside moves a file. What is no regular one, nothing can embed.
func moveAside(dir, rel string, d fs.DirEntry) error {
	from := filepath.Join(dir, filepath.FromSlash(rel))
	if !d.Type().IsRegular() {
		return os.Remove(from)
	}
	to := filepath.Join(dir, Meta, filepath.FromSlash(asideName(rel)))
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(from, to))
}

// belowVendor reports whether a file is below the vendor directory of a root.
func belowVendor(rel string, roots []Root) bool {
	return slices.ContainsFunc(roots, func(r Root) bool { return strings.HasPrefix(rel, path.Join(r.Dir, "vendor")+"/") })
}

// embedder writes the labels of embedded files.
type embedder struct {
	dir     string              // the source's
	moved   map[string]bool     // what setAside has moved
	exports map[string][]string // package → its files that another package embeds
}

// attribute returns the attribute embedsrcs of a package that embeds files, given by their
// paths relative to it, and the rules that it needs.
func (e *embedder) attribute(pkg string, files []string) (attribute, rules string, err error) {
	for _, file := range files {
		at := path.Join(pkg, file)
		label := file
		if e.moved[at] {
			label = aside + "/" + file
			rules += fmt.Sprintf("\nsource_file(\n    name = %q,\n    src = %q,\n    out = %q,\n)\n", label, "//"+Meta+":"+asideName(at), file)
		} else {
			owner, err := e.owner(at)
			if err != nil {
				return "", "", err
			}
			if owner != pkg {
				label = strings.TrimPrefix(strings.TrimPrefix(at, owner), "/")
				if !slices.Contains(e.exports[owner], label) {
					e.exports[owner] = append(e.exports[owner], label)
				}
				label = "//" + strings.TrimPrefix(owner, ".") + ":" + label
			}
		}
		attribute += fmt.Sprintf("        %q,\n", label)
	}
	return "    embedsrcs = [\n" + attribute + "    ],\n", rules, nil
}

// owner returns the package that a file is in.
func (e *embedder) owner(file string) (string, error) {
	for at := path.Dir(file); ; at = path.Dir(at) {
		info, err := os.Lstat(filepath.Join(e.dir, filepath.FromSlash(at), "BUILD.bazel"))
		switch {
		case err == nil && info.Mode().IsRegular():
			return at, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", err
		case at == ".":
			return "", fmt.Errorf("file %q is in no package", file)
		}
	}
}

// export lets packages have files of others.
func (e *embedder) export() error {
	for pkg, files := range e.exports {
		slices.Sort(files)
		f, err := os.OpenFile(filepath.Join(e.dir, filepath.FromSlash(pkg), "BUILD.bazel"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(f, "\nexports_files(%s)\n", stringList(files))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
