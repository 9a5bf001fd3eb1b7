// Package resolve turns a manifest into a lock: it pins every dependency, says
// why, and brings what it pinned into the store.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
)

// Resolver pins the dependencies of one kind of source.
type Resolver interface {
	// Resolve pins one dependency and brings it into the store. The primary is
	// nil for the primary itself. What it returns lacks only Name and Primary.
	Resolve(ctx context.Context, dep *manifest.Dependency, primary *Primary) (*lock.Dependency, error)
}

// Primary is the pinned primary source, which `auto` reads.
type Primary struct {
	Name string
	// Revision is how people name what was pinned, as filippo.io/age@v1.3.2.
	Revision string
	// ReadFile returns a file of the source, by its slash-separated path.
	ReadFile func(ctx context.Context, name string) ([]byte, error)
}

// Args says what to resolve.
type Args struct {
	Manifest  *manifest.Manifest
	Digest    digest.Digest // of the manifest file
	Product   string        // if the manifest names none
	Toolchain lock.Toolchain
	Previous  *lock.Lock // nil if there is none
	Resolvers Resolvers
	Progress  func(format string, args ...any)
}

// Resolvers are the resolvers by kind of source. Git may be nil.
type Resolvers struct {
	Module, Local, Git Resolver
	// OpenPrimary gives access to the files of what was pinned.
	OpenPrimary func(*lock.Dependency) (*Primary, error)
}

// Resolve pins every dependency of a manifest. The error joins one for each
// dependency that cannot be pinned.
func Resolve(ctx context.Context, a Args) (*lock.Lock, error) {
	m := a.Manifest
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: a.Digest, Version: m.Version, Product: m.Product, Docker: m.Docker,
		Platforms: m.Platforms, Architectures: m.Architectures, Outputs: m.Outputs, Toolchain: a.Toolchain,
	}
	if l.Product == "" {
		l.Product = a.Product
	}
	first, err := resolvePrimary(ctx, a)
	if err != nil {
		return nil, err
	}
	l.Time = first.Time
	l.Dependencies = append(l.Dependencies, *first)
	primary, err := a.Resolvers.OpenPrimary(first)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range m.Dependencies {
		if m.Dependencies[i].Primary {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		d, err := a.resolve(ctx, &m.Dependencies[i], primary)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Dependencies = append(l.Dependencies, *d)
	}
	if err := cmp.Or(ctx.Err(), errors.Join(errs...)); err != nil {
		return nil, err
	}
	sort.Slice(l.Dependencies, func(i, j int) bool { return l.Dependencies[i].Name < l.Dependencies[j].Name })
	return l, l.Check()
}

func resolvePrimary(ctx context.Context, a Args) (*lock.Dependency, error) {
	for i := range a.Manifest.Dependencies {
		if d := &a.Manifest.Dependencies[i]; d.Primary {
			pinned, err := a.resolve(ctx, d, nil)
			if err != nil {
				return nil, err
			}
			pinned.Primary = true
			return pinned, nil
		}
	}
	return nil, errors.New("the manifest has no primary dependency")
}

func (a *Args) resolve(ctx context.Context, dep *manifest.Dependency, primary *Primary) (*lock.Dependency, error) {
	r, kind := a.Resolvers.Module, "module"
	switch {
	case dep.Git != "":
		r, kind = a.Resolvers.Git, "git"
	case dep.LocalPath != "":
		r, kind = a.Resolvers.Local, "localpath"
	}
	if r == nil {
		err := fmt.Errorf("dependency %q: sources of kind %s cannot be resolved yet", dep.Name, kind)
		return nil, cli.WithHint(err, "name it by module or localpath")
	}
	a.Progress("resolving %s", dep.Name)
	pinned, err := r.Resolve(ctx, dep, primary)
	if err != nil {
		return nil, fmt.Errorf("dependency %q: %w", dep.Name, err)
	}
	pinned.Name = dep.Name
	return pinned, nil
}
