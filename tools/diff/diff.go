package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Schema is the format of the JSON.
const Schema = "release-builder/diff/v1"

// State is what became of something.
type State string

// The states.
const (
	Added   State = "added"
	Removed State = "removed"
	Moved   State = "moved" // to another revision or version
	Changed State = "changed"
	Same    State = "same"
)

// Diff is what changed between two releases. Its lists are sorted by name, and
// have what is the same only where that is said.
type Diff struct {
	Schema string  `json:"schema"`
	Old    Release `json:"old"`
	New    Release `json:"new"`
	// Sources are the dependencies that changed, or whose modules did.
	Sources []Source `json:"sources"`
	// Inputs are base images, files from the web, and what builds.
	Inputs []Change `json:"inputs"`
	// Files and Images are there if both sides are directories.
	Files  []File  `json:"files,omitempty"`
	Images []Image `json:"images,omitempty"`
}

// Release is one of the two.
type Release struct {
	Version string        `json:"version"`
	Product string        `json:"product"`
	Time    time.Time     `json:"time"`
	Lock    digest.Digest `json:"lock"`
	Files   int           `json:"files,omitempty"`
	Size    int64         `json:"size,omitempty"` // of all files, in bytes
}

// Change is something that has a revision, before and after.
type Change struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Source is a dependency.
type Source struct {
	Change
	Origin string `json:"origin"` // URL, module path or directory; the new one
	// From is the origin in the old release, if it was another.
	From string `json:"from,omitempty"`
	// Range is OLD..NEW, as git log takes it for a git source.
	Range string `json:"range,omitempty"`
	// Link shows the range, if the forge is known.
	Link string `json:"link,omitempty"`
	// Size is that of the source's files, in bytes.
	OldSize int64 `json:"old_size,omitempty"`
	NewSize int64 `json:"new_size,omitempty"`
	// Modules are the Go modules whose content its build reads.
	Modules []Change `json:"modules,omitempty"`
}

func diff(ctx context.Context, old, new *side) (*Diff, error) {
	d := &Diff{
		Schema: Schema, Old: old.release(), New: new.release(),
		Sources: sources(old.lock, new.lock), Inputs: changes(inputs(old.lock), inputs(new.lock)),
	}
	if old.tree == nil || new.tree == nil {
		return d, nil
	}
	d.Files = files(old.tree, new.tree)
	var err error
	d.Images, err = images(ctx, old.tree, new.tree)
	return d, err
}

func (s *side) release() Release {
	r := Release{Version: s.lock.Version, Product: s.lock.Product, Time: s.lock.Time, Lock: s.digest}
	if s.tree != nil {
		r.Files = len(s.tree.Files)
		for _, f := range s.tree.Files {
			r.Size += f.Size
		}
	}
	return r
}

// changes returns what differs between two maps from names to revisions.
func changes(old, new map[string]string) []Change {
	list := []Change{}
	for name, a := range old {
		switch b, ok := new[name]; {
		case !ok:
			list = append(list, Change{name, Removed, a, ""})
		case a != b:
			list = append(list, Change{name, Moved, a, b})
		}
	}
	for name, b := range new {
		if _, ok := old[name]; !ok {
			list = append(list, Change{name, Added, "", b})
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// sources compares the dependencies by name.
func sources(old, new *lock.Lock) []Source {
	names := map[string]bool{}
	for _, l := range []*lock.Lock{old, new} {
		for _, d := range l.Dependencies {
			names[d.Name] = true
		}
	}
	list := []Source{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, _ := old.Find(name)
		b, _ := new.Find(name)
		if s := source(a, b); s.State != Same || len(s.Modules) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// source compares a dependency, which either release may lack.
func source(old, new *lock.Dependency) Source {
	switch {
	case old == nil:
		o, r := origin(new)
		return Source{Change: Change{new.Name, Added, "", r}, Origin: o, NewSize: new.Size, Modules: changes(nil, modules(new))}
	case new == nil:
		o, r := origin(old)
		return Source{Change: Change{old.Name, Removed, r, ""}, Origin: o, OldSize: old.Size, Modules: changes(modules(old), nil)}
	}
	oldOrigin, oldRevision := origin(old)
	newOrigin, newRevision := origin(new)
	s := Source{
		Change: Change{new.Name, Same, oldRevision, newRevision}, Origin: newOrigin, OldSize: old.Size, NewSize: new.Size,
		Modules: changes(modules(old), modules(new)),
	}
	switch {
	case oldOrigin != newOrigin:
		s.State, s.From = Moved, oldOrigin
	case oldRevision != newRevision:
		s.State, s.Range = Moved, oldRevision+".."+newRevision
		if old.Git != nil && new.Git != nil {
			s.Link = link(new.Git.URL, oldRevision, newRevision)
		}
	case old.Digest != new.Digest:
		s.State = Changed // other paths are excluded, or a directory has other content
	}
	return s
}

// origin returns where a dependency is from, and which revision of it.
func origin(d *lock.Dependency) (origin, revision string) {
	if d.Local != nil && d.Local.Dirty {
		return d.Origin(), d.Digest
	}
	return d.Origin(), cmp.Or(d.Revision(), d.Digest)
}

// link returns the page of a forge that compares two commits. Which forge a host
// runs is known of a few hosts, and guessed of none.
func link(origin, old, new string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Port() != "" {
		return ""
	}
	verb, ok := map[string]string{"github.com": "compare", "codeberg.org": "compare", "gitlab.com": "-/compare"}[u.Hostname()]
	repository := strings.TrimSuffix(path.Clean("/"+u.Path), ".git")
	if !ok || strings.Count(repository, "/") < 2 {
		return ""
	}
	return (&url.URL{Scheme: "https", Host: u.Hostname(), Path: path.Join(repository, verb, old+"..."+new)}).String()
}

// modules returns the versions of the modules whose content a build reads. A graph
// has a module once for each go.mod of it that is read; the content is read of one.
func modules(d *lock.Dependency) map[string]string {
	versions := map[string]string{}
	for _, m := range d.GoModules {
		if m.Sum != "" {
			versions[m.Path] = strings.TrimPrefix(versions[m.Path]+", "+m.Version, ", ")
		}
	}
	return versions
}

// inputs returns what a release is made with beside its sources.
func inputs(l *lock.Lock) map[string]string {
	all := map[string]string{
		"Bazel": l.Toolchain.Bazel, "Go": l.Toolchain.Go.Version,
		"rules_go": l.Toolchain.RulesGo.Version, "gazelle": l.Toolchain.Gazelle.Version,
		"platforms": strings.Join(l.Platforms, " "), "architectures": strings.Join(l.Architectures, " "),
		"outputs": strings.Join(l.Outputs, " "), "docker": l.Docker,
	}
	for _, i := range l.Images {
		all["base of "+i.Name] = i.Base + "@" + string(i.Digest)
	}
	for _, f := range l.Files {
		all["file "+f.Title()] = fmt.Sprintf("%s, %s, %d bytes", f.URL, f.Digest, f.Size)
	}
	return all
}
