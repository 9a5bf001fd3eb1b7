package main

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// errNotGit means that no git source of the lock has a program's main module.
var errNotGit = errors.New("no git source")

// clone is a clone of a git source.
type clone struct {
	dir  string
	pins *lock.Dependency
}

// cloned returns the clone of a program's main module, by its build information, and the
// module's directory in the clone.
func (b *builder) cloned(ctx context.Context, info *debug.BuildInfo) (c *clone, root string, err error) {
	for i := range b.lock.Dependencies {
		d := &b.lock.Dependencies[i]
		if d.Git == nil || d.Git.Commit != setting(info, "vcs.revision") {
			continue
		}
		if c, err = b.clone(ctx, d); err != nil {
			return nil, "", err
		}
		for root, version := range d.Git.Versions {
			data, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(root), "go.mod"))
			if err != nil {
				return nil, "", err
			}
			if modfile.ModulePath(data) == info.Main.Path && version == info.Main.Version {
				return c, root, nil
			}
		}
	}
	return nil, "", errNotGit
}

// clone makes a clone of a git source from the store, once.
func (b *builder) clone(ctx context.Context, d *lock.Dependency) (*clone, error) {
	if c := b.clones[d.Name]; c != nil {
		return c, nil
	}
	switch {
	case len(d.Git.Object) == 0:
		return nil, fmt.Errorf("lock entry %q has no commit object: resolve it again", d.Name)
	case len(d.Exclude) > 0:
		return nil, fmt.Errorf("lock entry %q leaves out %q: a clone always has these files", d.Name, d.Exclude)
	}
	s := gitsource.Snapshot{Commit: d.Git.Commit, Object: d.Git.Object, Submodules: map[string]string{}}
	for _, m := range d.Git.Submodules {
		s.Submodules[m.Path] = m.Commit
	}
	for root, version := range d.Git.Versions {
		tag, before, err := tagOf(root, version)
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock entry %q: %w", d.Name, err)
		case before:
			s.Before = append(s.Before, tag)
		case tag != "":
			s.Tags = append(s.Tags, tag)
		}
	}
	s.Files = func(visit func(*tar.Header, io.Reader) error) error {
		return b.store.ScanTree(digest.Digest(d.Digest), visit)
	}
	dir, err := os.MkdirTemp(b.dir, "clone-*")
	if err != nil {
		return nil, err
	}
	if err := (&gitsource.Client{}).Clone(ctx, dir, s); err != nil {
		return nil, fmt.Errorf("lock entry %q: %w", d.Name, err)
	}
	b.clones[d.Name] = &clone{dir, d}
	return b.clones[d.Name], nil
}

// tagOf returns the tag, if any, that gives a module in a directory of a repository its
// version, and whether the tag is on an earlier commit: https://go.dev/ref/mod#vcs-version.
func tagOf(root, version string) (tag string, before bool, err error) {
	if version == gomod.Devel {
		return "", false, nil
	}
	if module.IsPseudoVersion(version) {
		if version, err = module.PseudoVersionBase(version); err != nil || version == "" {
			return "", false, err
		}
		before = true
	}
	version = strings.TrimSuffix(version, "+incompatible")
	prefix := root + "/"
	if root == "." {
		prefix = ""
	} else if path.Base(root) == semver.Major(version) { // a directory named for the major version does not count
		prefix = strings.TrimSuffix(prefix, path.Base(root)+"/")
	}
	return prefix + version, before, nil
}

// buildIn builds a program in a clone as anybody would.
func (b *builder) buildIn(ctx context.Context, p goinfo.Program, c *clone, root string) (string, error) {
	flags, err := p.Flags()
	if err != nil {
		return "", err
	}
	out, err := os.MkdirTemp(b.dir, "program-*")
	if err != nil {
		return "", err
	}
	env := append(b.settings(p), "GOPROXY="+b.store.ProxyURL())
	args := slices.Concat([]string{"build", "-buildvcs=true", "-o", filepath.Join(out, "program")}, flags)
	dir := filepath.Join(c.dir, filepath.FromSlash(root))
	err = b.run(ctx, dir, env, append(args, p.Package))
	if err != nil && strings.Contains(err.Error(), "inconsistent vendoring") {
		err = b.run(ctx, dir, env, append(args, "-mod=readonly", p.Package))
	}
	return filepath.Join(out, "program"), err
}

// version names a program's main module in messages.
func version(info *debug.BuildInfo) string { return cmp.Or(info.Main.Version, gomod.Devel) }
