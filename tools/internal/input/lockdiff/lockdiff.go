// Package lockdiff returns the changes between two locks. The commands resolve and diff print
// them, and release notes list them.
package lockdiff

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// A Kind is the kind of an entry of a lock.
type Kind string

// The kinds, in the order of [Between]. A module is part of a dependency.
const (
	Dependency Kind = "dependency"
	Image      Kind = "image" // the base of an image
	File       Kind = "file"
	Setting    Kind = "setting" // the version, the product, platforms and so on
	Tool       Kind = "tool"
	Module     Kind = "module"
)

// A State is what happened to an entry from the old side to the new one.
type State string

// The states.
const (
	Same    State = "same"
	Added   State = "added"   // only the new side has it
	Removed State = "removed" // only the old side has it
	Changed State = "changed" // another revision, or other content
	Moved   State = "moved"   // another origin
)

// A Change is an entry of either lock and its state.
type Change struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Platform is the platform of a file or of an image's base; empty for all platforms.
	Platform string `json:"platform,omitempty"`
	State    State  `json:"state"`
	// From and To are the pins in the two locks; zero if a lock has no such entry.
	From Pin `json:"from,omitzero"`
	To   Pin `json:"to,omitzero"`
	// Compare is the URL of a page that compares the two commits; empty if none is known.
	Compare string `json:"compare,omitempty"`
	// Modules are the changed Go modules whose content the dependency's build reads, sorted by
	// path.
	Modules []Change `json:"modules,omitempty"`
	// Old and New are a dependency's entries; nil if a lock has none.
	Old *lock.Dependency `json:"-"`
	New *lock.Dependency `json:"-"`
}

// Title names the entry for people.
func (c *Change) Title() string {
	title := c.Name
	switch c.Kind {
	case Image:
		title = "base of image " + c.Name
	case Dependency, File, Module:
		title = string(c.Kind) + " " + c.Name
	}
	if c.Platform != "" {
		title += " for " + c.Platform
	}
	return title
}

// A Pin is what a lock pins for an entry.
type Pin struct {
	// Origin is a URL, a module path, a directory or an image's reference; empty for
	// settings and tools.
	Origin string `json:"origin,omitempty"`
	// Revision is a commit, a version, a value or, if the origin has none of these, a digest.
	Revision string `json:"revision"`
	Digest   string `json:"digest,omitempty"` // of a dependency's content
	Size     int64  `json:"size,omitempty"`   // of the content, in bytes
}

// String returns the pin for people: its origin, if it has one, and its short revision.
func (p Pin) String() string { return strings.TrimSpace(p.Origin + " " + Short(p.Revision)) }

// Between returns every entry of two locks: dependencies, images and files by name, then
// settings and tools. The old lock may be nil.
func Between(old, new *lock.Lock) []Change {
	if old == nil {
		old = &lock.Lock{}
	}
	all := pairs(Dependency, dependencies(old), dependencies(new))
	for i := range all {
		c := &all[i]
		c.Old, _ = old.Find(c.Name)
		c.New, _ = new.Find(c.Name)
		c.Modules = slices.DeleteFunc(pairs(Module, modules(c.Old), modules(c.New)), func(m Change) bool { return m.State == Same })
		if c.State == Changed && c.From.Revision != c.To.Revision {
			c.Compare = compareSources(c.Old, c.New)
		}
	}
	all = append(all, pairs(Image, images(old), images(new))...)
	all = append(all, pairs(File, files(old), files(new))...)
	return append(all, settings(old, new)...)
}

// Differences returns what changed between two locks: dependencies, also those of which only modules
// changed, and other inputs. The version and the product are no inputs, and the digest of an
// image's base covers its platforms.
func Differences(old, new *lock.Lock) (sources, inputs []Change) {
	sources, inputs = []Change{}, []Change{}
	for _, c := range Between(old, new) {
		switch {
		case c.Kind == Dependency && (c.State != Same || len(c.Modules) > 0):
			sources = append(sources, c)
		case c.State == Same || c.Kind == Dependency:
		case c.Kind == Setting && (c.Name == "version" || c.Name == "product"), c.Kind == Image && c.Platform != "":
		default:
			inputs = append(inputs, c)
		}
	}
	return sources, inputs
}

// Short returns a revision for people: 12 digits of a commit or of a digest.
func Short(revision string) string {
	if lock.IsCommit(revision) {
		return revision[:12]
	}
	if d, err := digest.Parse(revision); err == nil {
		return "sha256:" + d.Short()
	}
	return revision
}

// key identifies an entry in both locks.
type key struct{ name, platform string }

// pairs returns the entries of both sides, sorted.
func pairs(kind Kind, old, new map[key]Pin) []Change {
	keys := maps.Clone(old)
	maps.Copy(keys, new)
	var all []Change
	for _, k := range slices.SortedFunc(maps.Keys(keys), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.platform, b.platform))
	}) {
		all = append(all, Change{Kind: kind, Name: k.name, Platform: k.platform, State: state(old[k], new[k]), From: old[k], To: new[k]})
	}
	return all
}

func state(from, to Pin) State {
	switch {
	case from == to:
		return Same
	case from == Pin{}:
		return Added
	case to == Pin{}:
		return Removed
	case from.Origin != to.Origin:
		return Moved
	case from.Revision != to.Revision || from.Digest != to.Digest:
		return Changed
	}
	return Same
}

func dependencies(l *lock.Lock) map[key]Pin {
	pins := map[key]Pin{}
	for i := range l.Dependencies {
		d := &l.Dependencies[i]
		p := Pin{d.Origin(), cmp.Or(d.Revision(), d.Digest), d.Digest, d.Size}
		if d.Local != nil && d.Local.Dirty {
			p.Revision = d.Digest
		}
		pins[key{name: d.Name}] = p
	}
	return pins
}

// modules returns the versions of the modules whose content a build reads. A graph may have
// several versions of a module, of which only the content of one is read.
func modules(d *lock.Dependency) map[key]Pin {
	pins := map[key]Pin{}
	if d == nil {
		return pins
	}
	for _, m := range d.GoModules {
		if k := (key{name: m.Path}); m.Sum != "" {
			pins[k] = Pin{Revision: strings.TrimPrefix(pins[k].Revision+", "+m.Version, ", ")}
		}
	}
	return pins
}

func images(l *lock.Lock) map[key]Pin {
	pins := map[key]Pin{}
	for _, i := range l.Images {
		pins[key{name: i.Name}] = Pin{Origin: i.Base, Revision: string(i.Digest)}
		for _, p := range i.Platforms {
			pins[key{i.Name, p.Platform}] = Pin{Revision: string(p.Digest), Size: p.Size}
		}
	}
	return pins
}

func files(l *lock.Lock) map[key]Pin {
	pins := map[key]Pin{}
	for _, f := range l.Files {
		pins[key{f.Name, f.Platform}] = Pin{Origin: f.URL, Revision: string(f.Digest), Size: f.Size}
	}
	return pins
}

// settings returns the settings and tools of either lock, in a fixed order.
func settings(old, new *lock.Lock) []Change {
	var all []Change
	for _, s := range []struct {
		kind  Kind
		name  string
		value func(*lock.Lock) string
	}{
		{Setting, "version", func(l *lock.Lock) string { return l.Version }},
		{Setting, "product", func(l *lock.Lock) string { return l.Product }},
		{Setting, "docker", func(l *lock.Lock) string { return l.Docker }},
		{Setting, "platforms", func(l *lock.Lock) string { return strings.Join(l.Platforms, " ") }},
		{Setting, "architectures", func(l *lock.Lock) string { return strings.Join(l.Architectures, " ") }},
		{Setting, "licenses", func(l *lock.Lock) string { return licenses(l.Licenses) }},
		{Setting, "names", func(l *lock.Lock) string { return l.Names }},
		{Setting, "outputs", func(l *lock.Lock) string { return strings.Join(l.Outputs, " ") }},
		{Setting, "skipGenerateBillOfMaterials", func(l *lock.Lock) string { return map[bool]string{true: "true"}[l.SkipSBOM] }},
		{Setting, "dashboards", func(l *lock.Lock) string { return dashboards(l.Dashboards) }},
		{Tool, "Bazel", func(l *lock.Lock) string { return l.Toolchain.Bazel }},
		{Tool, "Go", func(l *lock.Lock) string { return l.Toolchain.Go.Version }},
		{Tool, "rules_go", func(l *lock.Lock) string { return l.Toolchain.RulesGo.Version }},
		{Tool, "gazelle", func(l *lock.Lock) string { return l.Toolchain.Gazelle.Version }},
	} {
		c := Change{Kind: s.kind, Name: s.name, From: Pin{Revision: s.value(old)}, To: Pin{Revision: s.value(new)}}
		if c.State = state(c.From, c.To); c.From != c.To || c.To != (Pin{}) {
			all = append(all, c)
		}
	}
	return all
}

// licenses returns the allowed licences and the components that are exceptions.
func licenses(l *lock.Licenses) string {
	if l == nil {
		return ""
	}
	words := slices.Clone(l.Allow)
	for _, e := range l.Exceptions {
		words = append(words, strings.Trim(e.Component+"="+e.License, "="))
	}
	return strings.Join(words, " ")
}

// dashboards returns NAME=ID, sorted.
func dashboards(ids map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		all = append(all, fmt.Sprintf("%s=%d", name, ids[name]))
	}
	return strings.Join(all, " ")
}

// compare returns the URL of a page that compares two commits, for a few known hosts.
func compare(origin, old, new string) string {
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

// CheckPrevious checks that a lock can be that of the release before another's. The errors
// begin with a verb.
func CheckPrevious(old, new *lock.Lock) error {
	switch {
	case old.Product != new.Product:
		return fmt.Errorf("is of product %q, want one of %q", old.Product, new.Product)
	case old.Version == new.Version:
		return fmt.Errorf("has the version to publish, %s: want an earlier one", old.Version)
	}
	return nil
}
