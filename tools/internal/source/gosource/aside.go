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

// aside is the directory below Meta for files of the source that Bazel would read as its
// own. Packages that embed them get them at their own paths again.
const aside = "aside"

// asideName returns the path of a file there, in package Meta.
func asideName(path string) string { return aside + "/" + path + ".aside" }

// rootOnly are files that have a meaning for Bazel in a repository's root directory.
var rootOnly = []string{"WORKSPACE", "WORKSPACE.bazel", "WORKSPACE.bzlmod", "MODULE.bazel", "REPO.bazel", ".bazelignore"}

// setAside moves the source's own BUILD.bazel files, and the files that a repository's root
// directory may not have. Bazel ignores a BUILD file beside a BUILD.bazel, so it leaves
// those, and writes a BUILD.bazel beside each.
func setAside(dir string) (moved map[string]bool, err error) {
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
			occupied = append(occupied, name) // whose directory needs a BUILD file
		case d.IsDir():
		case base == "BUILD" && !strings.Contains("/"+at, "/BUILD.bazel/"):
			beside = append(beside, path.Clean(at))
		case base == "BUILD.bazel", strings.Contains("/"+at, "/BUILD.bazel/"), at == "" && slices.Contains(rootOnly, base):
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

// moveAside moves a file. It deletes a file that is not regular: nothing can embed it.
func moveAside(dir, rel string, d fs.DirEntry) error {
	from := filepath.Join(dir, filepath.FromSlash(rel))
	if !d.Type().IsRegular() {
		return os.Remove(from)
	}
	to := filepath.Join(dir, Meta, filepath.FromSlash(asideName(rel)))
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(from, to))
}

// embedder writes the labels of embedded files.
type embedder struct {
	dir      string              // the source's
	moved    map[string]bool     // what setAside moved
	packages map[string]bool     // the directories that have, or get, a BUILD file
	exports  map[string][]string // package → its files that another package embeds
}

func newEmbedder(dir string, moved map[string]bool, roots [][]*pkg) *embedder {
	e := &embedder{dir: dir, moved: moved, packages: map[string]bool{}, exports: map[string][]string{}}
	for _, list := range roots {
		for _, p := range list {
			e.packages[p.dir] = true
		}
	}
	return e
}

// labels returns the labels of a package's embedded files, and the rules that they need.
func (e *embedder) labels(p *pkg) (labels perPlatform, rules string, err error) {
	of := map[string]string{}
	for _, file := range p.embed.union() {
		at := path.Join(p.dir, file)
		switch {
		case e.moved[at] || file == p.program || file == library || file == broken:
			src := asideName(at)
			if !e.moved[at] { // a target has the same name
				from, to := filepath.Join(e.dir, filepath.FromSlash(at)), filepath.Join(e.dir, Meta, filepath.FromSlash(src))
				if err := copyFile(from, to); err != nil {
					return nil, "", err
				}
			}
			of[file] = aside + "/" + file
			rules += fmt.Sprintf("\nsource_file(\n    name = %s,\n    src = %s,\n    out = %s,\n)\n", quote(of[file]), quote("//"+Meta+":"+src), quote(file))
		default:
			if of[file], err = e.label(p.dir, at); err != nil {
				return nil, "", err
			}
		}
	}
	labels = perPlatform{}
	for platform, list := range p.embed {
		labels[platform] = []string{}
		for _, file := range list {
			labels[platform] = append(labels[platform], of[file])
		}
	}
	return labels, rules, nil
}

// label returns the label of a file for a package.
func (e *embedder) label(pkg, at string) (string, error) {
	owner, err := e.owner(at)
	if err != nil {
		return "", err
	}
	name := at
	if owner != "." {
		name = strings.TrimPrefix(at, owner+"/")
	}
	if owner == pkg {
		return name, nil
	}
	if !slices.Contains(e.exports[owner], name) {
		e.exports[owner] = append(e.exports[owner], name)
	}
	return "//" + strings.TrimPrefix(owner, ".") + ":" + name, nil
}

// owner returns the package of a file.
func (e *embedder) owner(file string) (string, error) {
	for at := path.Dir(file); ; at = path.Dir(at) {
		if e.packages[at] {
			return at, nil
		}
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

// export makes files visible to other packages that embed them.
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
