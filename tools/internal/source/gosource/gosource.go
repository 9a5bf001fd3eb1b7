// Package gosource turns a source with Go modules into a Bazel repository: what their
// packages import comes into vendor directories, and every package gets a BUILD file.
// What a package consists of and how it is compiled is what the go command says.
//
// Modules of one source see each other only as `go build` has it: through
// `replace`, as a copy in a vendor directory. So each is laid out for itself, and two may
// vendor different versions of a third.
package gosource

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// Meta is the package of the repository that holds what is not the source's own:
// the modules' metadata, the licences, the source's description. A directory
// of that name that came along is deleted.
const Meta = ".release"

// Args says what to turn into a repository, and how.
type Args struct {
	Dir   string                           // the source's directory
	Name  string                           // how to call the source if it has no module
	Repo  string                           // what Bazel calls the repository
	Roots []Root                           // the modules to write BUILD files for, sorted by directory; there may be none
	Tags  []string                         // build tags that hold
	Sums  map[module.Version]lock.GoModule // of other modules, for build information

	// Stdlib are the packages of the part of the standard library that all sources share:
	// see //release/toolchain:stdlib. Empty if the packages are compiled with all of it.
	Stdlib []string
}

// Root is a directory with a Go module.
type Root struct {
	Dir      string        // slash-separated, relative to the source; "." is the source's own
	Main     Module        // the module there, as build information names it; its Version and Sum may be empty
	VCS      VCS           // the commit that the source is, if it is one
	Packages gomod.Listing // what the go command says of the module's packages, with what they import
}

// Module is a module as build information names it.
type Module struct {
	Path, Version, Sum string
	Replace            *Module // what go.mod has in its place; without a Version, Path is a directory's
}

// VCS is what `go build` stamps into programs of a clean clone.
type VCS struct {
	Revision string // whole; empty for what is no commit
	Time     time.Time
}

// settings are those of the build information, as KEY=VALUE, in its order.
func (v VCS) settings() []string {
	if v.Revision == "" {
		return nil
	}
	return []string{"vcs=git", "vcs.revision=" + v.Revision, "vcs.time=" + v.Time.UTC().Format(time.RFC3339Nano), "vcs.modified=false"}
}

// Generate writes the BUILD files. Those that came along were written for another
// workspace: Bazel does not see them, and what embeds them does. Vendor has to come before.
func Generate(a Args) error {
	moved, err := setAside(a.Dir)
	if err != nil {
		return fmt.Errorf("setting BUILD files aside: %w", err)
	}
	var all [][]*pkg
	for _, r := range a.Roots {
		all = append(all, a.packages(r))
	}
	files := newEmbedder(a.Dir, moved, all)
	for i, r := range a.Roots {
		for _, p := range all[i] {
			if err := a.writeBuild(r, p, files); err != nil {
				return inRoot(r, fmt.Errorf("writing the BUILD file of %s: %w", p.path, err))
			}
		}
	}
	if err := files.export(); err != nil {
		return fmt.Errorf("exporting what is embedded: %w", err)
	}
	if err := writeMeta(a, all); err != nil {
		return fmt.Errorf("writing package %s: %w", Meta, err)
	}
	return nil
}

// inRoot says in which of a source's modules something went wrong.
func inRoot(r Root, err error) error {
	if r.Dir == "." {
		return err
	}
	return fmt.Errorf("module in directory %q: %w", r.Dir, err)
}

func (a *Args) join(r Root) string { return filepath.Join(a.Dir, filepath.FromSlash(r.Dir)) }

// ModulePath returns the module path that dir/go.mod declares.
func ModulePath(dir string) (string, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	path := modfile.ModulePath(data)
	if path == "" {
		return "", fmt.Errorf("reading %q: no module line", name)
	}
	// The path becomes a part of BUILD files.
	if err := module.CheckImportPath(path); err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	return path, nil
}
