// Package resolve turns a manifest into a lock: it pins every dependency, records why, and
// fetches what it pinned into the store.
//
// A dependency takes two steps. If its revision is `auto`, that is read from a file of
// another dependency, which is pinned first; see auto.go. Then the Resolver for its kind of
// source pins it. Independent dependencies are pinned at the same time.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// Resolver pins the dependencies of one kind of source. It is safe for concurrent use.
type Resolver interface {
	// Resolve pins one dependency and fetches it into the store. It sets all fields but
	// Name, Primary, GoVersionEnabled and Why.
	Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error)
}

// Request is a dependency whose revision is known: Auto is empty.
type Request struct {
	manifest.Dependency
	// Why says what chose the revision.
	Why string
	// Unbuilt means that no Go package of the source is used as it is, and NoVariants that none
	// is with the build tags of a variant.
	Unbuilt, NoVariants bool
	// Since is a time before the commit's, for an abbreviated SHA; zero if not known.
	Since time.Time
}

// tagSets returns the sets of build tags for which the source's packages are listed: those of
// all variants if the source is used at all, so that using one more changes nothing.
func (r *Request) tagSets() [][]string {
	var sets [][]string
	if !r.Unbuilt {
		sets = [][]string{nil}
	}
	if !r.Unbuilt || !r.NoVariants {
		sets = append(sets, slices.SortedFunc(maps.Values(r.GoTags), slices.Compare)...)
	}
	return sets
}

// Source is a pinned source, which `auto` reads.
type Source struct {
	Name string
	// Revision names the source for people, such as filippo.io/age@v1.3.2.
	Revision string
	// ReadFile returns a file of the source, by its slash-separated path, or an
	// error that wraps fs.ErrNotExist.
	ReadFile func(ctx context.Context, name string) ([]byte, error)
}

// Args says what to resolve.
type Args struct {
	Manifest  *manifest.Manifest // as manifest.Parse gives it
	Digest    digest.Digest      // of the manifest file
	Product   string             // the manifest's, or the line's name if it names none
	Uses      Uses
	Toolchain lock.Toolchain
	Resolvers Resolvers
	Progress  func(format string, args ...any) // safe for concurrent use
}

// Resolvers are the resolvers by kind of source.
type Resolvers struct {
	Module, Local, Git Resolver
	// Open opens a pinned source.
	Open func(*lock.Dependency) (*Source, error)
	// Images pins base images, and Files files. Either may be nil if the manifest has none.
	Images func(ctx context.Context, m *manifest.Manifest) ([]lock.Image, error)
	Files  func(ctx context.Context, m *manifest.Manifest, pinned []lock.Dependency) ([]lock.File, error)
}

// Resolve pins everything in a manifest. The error joins one for each thing that cannot be
// pinned, in the manifest's order.
func Resolve(ctx context.Context, a Args) (*lock.Lock, error) {
	m := a.Manifest
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: a.Digest, Version: m.Version, Product: a.Product, Docker: m.Docker,
		Platforms: m.Platforms, Architectures: m.Architectures, Names: string(m.Names), Outputs: m.Outputs,
		Dashboards: m.Dashboards, Licenses: m.Licenses, SkipSBOM: m.SkipGenerateBillOfMaterials, Toolchain: a.Toolchain,
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

// pin pins the dependency of one task. The source that it reads is already pinned.
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
	plain, variants := a.Uses.builds(t.dep)
	ask.Unbuilt, ask.NoVariants = !plain, !variants
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
	if n := added(d); n > 0 {
		a.Progress("note: %s: its go.sum lacks sums of its modules (%d): they are pinned as the module proxy has them", t.dep.Name, n)
	}
	d.Name, d.Primary, d.GoVersionEnabled = t.dep.Name, t.dep.Primary, t.dep.GoVersionEnabled
	if d.Why == "" {
		d.Why = ask.Why
	}
	return d, nil
}

// reason returns what in the manifest chooses a dependency's revision.
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

// Revision names a pinned source for people: a module or repository with its version or the
// start of its commit, or a path.
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

// short returns the abbreviation of a commit.
func short(commit string) string { return commit[:min(12, len(commit))] }

// named adds to an error which dependency it is about.
func named(name string, err error) error { return fmt.Errorf("dependency %q: %w", name, err) }
