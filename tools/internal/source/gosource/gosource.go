// Package gosource turns a source with Go modules into a Bazel repository: the imported
// packages of other modules are copied to vendor directories, and every package gets a
// BUILD file. The go command decides what a package consists of and how it is compiled.
//
// The modules of a source see each other only as for `go build`: through `replace`, as a
// copy in a vendor directory. So each is laid out separately, and two may vendor different
// versions of a third.
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

// Meta is the package of the repository with the modules' metadata, the licences and the
// source's description. A directory of that name in the source is deleted.
const Meta = ".release"

// Args says what to turn into a repository, and how.
type Args struct {
	Dir     string                           // the source's directory
	Name    string                           // the source's name if it has no module
	Repo    string                           // the repository's name in Bazel
	Roots   []Root                           // the modules to write BUILD files for, sorted by directory; there may be none
	Tags    []string                         // build tags that are set
	Unbuilt bool                             // no package is listed in Roots: every package fails builds that depend on it
	Sums    map[module.Version]lock.GoModule // of other modules, for build information

	// Archive is the name in Meta of the file with the source as it is pinned, and Digest its
	// digest in the lock. The caller puts it there after Generate. Empty if there is none.
	Archive, Digest string

	// Stdlib are the packages of the standard library that all sources share: see
	// //release/toolchain:stdlib. Empty if packages are compiled with the whole library.
	Stdlib []string
}

// Root is a directory with a Go module.
type Root struct {
	Dir      string        // slash-separated, relative to the source; "." is the source's own
	Main     Module        // the module, as in build information; Version and Sum may be empty
	VCS      VCS           // the source's commit, if it is one
	Packages gomod.Listing // the module's packages and those that they import
}

// Module is a module in build information.
type Module struct {
	Path, Version, Sum string
	Replace            *Module // its replacement in go.mod; without a Version, Path is a directory
}

// VCS is what `go build` stamps into programs of a clean clone.
type VCS struct {
	Revision string // the full name; empty if it is not a commit
	Time     time.Time
}

// settings returns the settings of the build information, as KEY=VALUE, in its order.
func (v VCS) settings() []string {
	if v.Revision == "" {
		return nil
	}
	return []string{"vcs=git", "vcs.revision=" + v.Revision, "vcs.time=" + v.Time.UTC().Format(time.RFC3339Nano), "vcs.modified=false"}
}

// Generate writes the BUILD files. It hides the source's own BUILD files from Bazel, because
// they were written for another workspace; packages can still embed them. Call Vendor first.
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
	if a.Unbuilt {
		if err := a.writeUnbuilt(); err != nil {
			return fmt.Errorf("writing the BUILD files of a source that is not built: %w", err)
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

// inRoot adds to an error which of a source's modules it is about.
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
	// The path is written to BUILD files.
	if err := module.CheckImportPath(path); err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	return path, nil
}
