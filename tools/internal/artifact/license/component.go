package license

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// The types of components.
const (
	Module = "module" // a Go module; the standard library is module "stdlib"
	Source = "source" // a pinned source that is no Go module
	Ready  = "file"   // a program that no pinned source is the source of
	Deb    = "deb"    // a package of Debian's, in a base image
	APK    = "apk"    // a package of Alpine's, in a base image
	RPM    = "rpm"    // a package of rpm's, in a base image
)

// Stdlib is the name of the component that is Go's standard library and runtime.
const Stdlib = "stdlib"

// DocumentSchema is the version of a Document's form.
const DocumentSchema = 1

// A Document lists what a release consists of, for the programs that write SBOMs.
type Document struct {
	Schema     int         `json:"schema"`
	Components []Component `json:"components"` // sorted by type, name and version
}

// A Component is something that a release contains and that has a licence.
type Component struct {
	Type    string `json:"type"`
	Name    string `json:"name"` // a module's path, or the name of a source, file or package
	Version string `json:"version,omitempty"`
	// License is the SPDX expression, or spdx.NoAssertion.
	License string `json:"license"`
	// Why is the reason of the exception in the manifest, if there is one.
	Why string `json:"why,omitempty"`
	// Files are what has to accompany the component, sorted by path.
	Files []File `json:"files,omitempty"`
	// In says where it is: programs, by artifact and path, and images, by path and platform.
	// Sorted. Empty for a pinned source from which no program is linked.
	In []string `json:"in,omitempty"`

	names []string // of exceptions for it
}

// A File is the text of a licence, a notice or a copyright.
type File struct {
	Path    string `json:"path"`    // in the component
	License string `json:"license"` // the SPDX expression of its text, or spdx.NoAssertion
	Text    []byte `json:"-"`
}

// String names the component for people.
func (c *Component) String() string {
	name := c.Name
	if c.Type != Module && c.Type != Source {
		name = c.Type + "/" + c.Name
	}
	return strings.TrimSpace(name + " " + c.Version)
}

// kind is the component's type for messages.
func (c *Component) kind() string {
	return map[string]string{Module: "module", Source: "source", Ready: "file", Deb: "package", APK: "package", RPM: "package"}[c.Type]
}

func compareComponents(a, b Component) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
}

// Read reads a Document.
func Read(name string) (*Document, error) {
	var d Document
	if err := jsonfile.Read(name, &d); err != nil {
		return nil, fmt.Errorf("reading licences: %w", err)
	}
	if d.Schema != DocumentSchema {
		return nil, fmt.Errorf("reading licences %q: got schema %d, want %d", name, d.Schema, DocumentSchema)
	}
	return &d, nil
}

// Find returns the component of a type with a name and a version. A module has the version of
// its replacement in go.mod, if that is a module.
func (d *Document) Find(kind, name, version string) (Component, bool) {
	return find(d.Components, Component{Type: kind, Name: name, Version: version})
}

func find(all []Component, c Component) (Component, bool) {
	at, ok := slices.BinarySearchFunc(all, c, compareComponents)
	if !ok {
		return Component{}, false
	}
	return all[at], true
}

// set collects components.
type set map[[3]string]*Component

// add adds a component, or where it is to one that is known.
func (s set) add(c Component) {
	key := [3]string{c.Type, c.Name, c.Version}
	known, ok := s[key]
	if !ok {
		s[key] = &c
		return
	}
	known.In = append(known.In, c.In...)
	known.names = append(known.names, c.names...)
	for _, f := range c.Files {
		if !slices.ContainsFunc(known.Files, func(k File) bool { return k.Path == f.Path && string(k.Text) == string(f.Text) }) {
			known.Files = append(known.Files, f)
		}
	}
	if known.License == "" {
		known.License = c.License
	}
}

// sorted returns the components, each with what is in it sorted.
func (s set) sorted() []Component {
	all := []Component{}
	for _, c := range s {
		slices.Sort(c.In)
		c.In = slices.Compact(c.In)
		slices.Sort(c.names)
		c.names = slices.Compact(c.names)
		slices.SortFunc(c.Files, func(a, b File) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Text), string(b.Text)))
		})
		all = append(all, *c)
	}
	slices.SortFunc(all, compareComponents)
	return all
}
