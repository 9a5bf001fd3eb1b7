// Package resolve turns a manifest into a lock: it pins every dependency, says
// why, and brings what it pinned into the store.
//
// What the manifest says of a dependency goes through two steps. If its revision
// is `auto`, that policy reads it off a file of another dependency, which is
// pinned before; see auto.go. Then the Resolver of its kind of source pins it.
// Dependencies that do not wait for each other are pinned at the same time.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// Resolver pins the dependencies of one kind of source. It is called by several
// goroutines at once.
type Resolver interface {
	// Resolve pins one dependency and brings it into the store. What it returns
	// lacks only Name, Primary, GoVersionEnabled and Why.
	Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error)
}

// Request is a dependency whose revision is known: Auto is empty.
type Request struct {
	manifest.Dependency
	// Why says what chose the revision.
	Why string
	// Since is a time that the commit is not older than, where SHA is not whole; zero if none is known.
	Since time.Time
}

// Source is a pinned source, which `auto` reads.
type Source struct {
	Name string
	// Revision is how people name what was pinned, as filippo.io/age@v1.3.2.
	Revision string
	// ReadFile returns a file of the source, by its slash-separated path, or an
	// error that wraps fs.ErrNotExist.
	ReadFile func(ctx context.Context, name string) ([]byte, error)
}

// Args says what to resolve.
type Args struct {
	Manifest  *manifest.Manifest // as manifest.Parse gives it
	Digest    digest.Digest      // of the manifest file
	Product   string             // if the manifest names none
	Toolchain lock.Toolchain
	Resolvers Resolvers
	Progress  func(format string, args ...any) // called by several goroutines at once
}

// Resolvers are the resolvers by kind of source.
type Resolvers struct {
	Module, Local, Git Resolver
	// Open gives access to the files of what was pinned.
	Open func(*lock.Dependency) (*Source, error)
	// Images pins what images are based on, Files the files; either may be nil
	// if the manifest names none.
	Images func(ctx context.Context, m *manifest.Manifest) ([]lock.Image, error)
	Files  func(ctx context.Context, m *manifest.Manifest, pinned []lock.Dependency) ([]lock.File, error)
}

// Resolve pins everything that a manifest names. The error joins one for each
// thing that cannot be pinned, in the manifest's order.
func Resolve(ctx context.Context, a Args) (*lock.Lock, error) {
	m := a.Manifest
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: a.Digest, Version: m.Version, Product: m.Product, Docker: m.Docker,
		Platforms: m.Platforms, Architectures: m.Architectures, Outputs: m.Outputs, Toolchain: a.Toolchain,
	}
	if l.Product == "" {
		l.Product = a.Product
	}
	if m.Primary() == nil {
		return nil, errors.New("the manifest has no primary dependency")
	}
	tasks, err := plan(m)
	if err != nil {
		return nil, err
	}
	images := make(chan error, 1)
	go func() {
		var err error
		if len(m.Images) > 0 {
			l.Images, err = a.Resolvers.Images(ctx, m)
		}
		images <- err
	}()
	l.Dependencies, err = a.run(ctx, tasks)
	err = errors.Join(err, <-images)
	if err == nil && (len(m.Files) > 0 || m.ProxyOverride != "") {
		l.Files, err = a.Resolvers.Files(ctx, m, l.Dependencies)
	}
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	for _, d := range l.Dependencies {
		if d.Primary {
			l.Time = d.Time
		}
	}
	slices.SortFunc(l.Dependencies, func(a, b lock.Dependency) int { return strings.Compare(a.Name, b.Name) })
	l.Seal()
	return l, l.Check()
}

// pin pins the dependency of one task, whose source, if it reads one, is pinned.
func (a *Args) pin(ctx context.Context, t *task) (*lock.Dependency, error) {
	ask := &Request{Dependency: *t.dep, Why: reason(t.dep)}
	if t.reads != nil {
		source, err := t.reads.open(a.Resolvers.Open)
		if err == nil {
			ask, err = auto(ctx, t.dep, source)
		}
		if err != nil {
			return nil, err
		}
	}
	r := a.Resolvers.Module
	switch {
	case t.dep.Git != "":
		r = a.Resolvers.Git
	case t.dep.LocalPath != "":
		r = a.Resolvers.Local
	}
	a.Progress("resolving %s", t.dep.Name)
	d, err := r.Resolve(ctx, ask)
	if err != nil {
		return nil, err
	}
	d.Name, d.Primary, d.GoVersionEnabled = t.dep.Name, t.dep.Primary, t.dep.GoVersionEnabled
	if d.Why == "" {
		d.Why = ask.Why
	}
	return d, nil
}

// reason says what in the manifest chooses a dependency's revision.
func reason(d *manifest.Dependency) string {
	switch {
	case d.Branch != "" && d.SHA != "":
		return "sha on branch " + d.Branch + " in manifest"
	case d.Branch != "":
		return "branch " + d.Branch + " in manifest"
	case d.Tag != "":
		return "tag " + d.Tag + " in manifest"
	case d.SHA != "":
		return "sha in manifest"
	}
	return "version in manifest"
}

// Revision is how people name what is pinned: a module's or repository's name
// with its version or the start of its commit, or a path.
func Revision(d *lock.Dependency) string {
	switch {
	case d.Module != nil:
		return d.Module.Path + "@" + d.Module.Version
	case d.Git != nil:
		return d.Name + "@" + short(d.Git.Commit)
	case d.Local.Commit != "":
		return d.Local.Path + "@" + short(d.Local.Commit)
	}
	return d.Local.Path
}

// short is the start of a commit that people write.
func short(commit string) string { return commit[:min(12, len(commit))] }

// named says which dependency an error is about.
func named(name string, err error) error { return fmt.Errorf("dependency %q: %w", name, err) }
