// Package needs lists what builds of a lock read from the store. Bundle packs it, and gc
// removes everything else.
package needs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
)

// Line is a line with its lock.
type Line struct {
	Name   string
	Lock   *lock.Lock
	Digest digest.Digest // of the lock's file
}

// Need is a file in the store that builds read.
type Need struct {
	fill.Need
	// For says what needs it, in the order in which it was found.
	For []Use
}

// Use is one thing that needs an entry.
type Use struct {
	Line string `json:"line,omitempty"` // empty for every line
	Kind Kind   `json:"kind"`
	Name string `json:"name"` // of the lock's entry
}

func (u Use) String() string {
	s := string(u.Kind) + " " + u.Name
	if u.Line != "" {
		s = "line " + u.Line + ", " + s
	}
	return s
}

// Kind is the kind of a lock's entry, or of a thing that every lock needs.
type Kind string

// The kinds.
const (
	Dependency Kind = "dependency" // a source, or a module that its build reads
	Image      Kind = "image"
	File       Kind = "file"
	Toolchain  Kind = "toolchain" // the Go SDK
	Tools      Kind = "tools"     // a module of the project's own go.mod
	Archive    Kind = "archive"   // what WORKSPACE or MODULE.bazel names, such as the release builder
)

// Args says whose needs Collect finds.
type Args struct {
	Store *store.Store
	Lines []Line
	// Tools are the modules that the project's own tools are built from.
	Tools []lock.GoModule
	// Archives are what WORKSPACE and MODULE.bazel pin.
	Archives []workspacefile.Archive
	// Platforms are those that builds run on, such as linux_amd64; nil for all in a lock.
	Platforms []string
}

// Set is what builds read. The store need not have it.
type Set struct {
	Needs []Need // each path once, in the order in which it was found
	// Roots are the indexes and manifests of base images that the store's layout has
	// to name, sorted by digest. RootsFor are the images that need them.
	Roots    []v1.Descriptor
	RootsFor []Use
	// Errs has an error for each difference between two locks, and for each missing pin.
	Errs []error
	// ImageErrs has an error for each base image whose manifests are not all in the store.
	// Only they name its blobs, so none of its blobs is in Needs.
	ImageErrs []error
}

// Collect finds everything that builds of the lines read.
func Collect(a Args) *Set {
	c := &collector{Set: &Set{}, store: a.Store, found: map[string]int{}}
	for _, l := range a.Lines {
		c.toolchain(l, a.Platforms)
		for i := range l.Lock.Dependencies {
			d := &l.Lock.Dependencies[i]
			list, err := fill.Dependency(a.Store, d)
			c.all(list, err, Use{l.Name, Dependency, d.Name})
		}
		for i := range l.Lock.Files {
			f := &l.Lock.Files[i]
			c.add(fill.Blob(a.Store, f.Digest, "file "+f.Title()), Use{l.Name, File, f.Title()})
		}
	}
	for _, m := range a.Tools {
		list, err := fill.Module(a.Store, m)
		c.all(list, err, Use{"", Tools, m.Path})
	}
	for _, archive := range a.Archives {
		c.add(fill.Blob(a.Store, archive.Digest, archive.Name+" in "+archive.File), Use{"", Archive, archive.Name})
	}
	c.images(a.Lines)
	return c.Set
}

type collector struct {
	*Set
	store *store.Store
	found map[string]int // index in Needs, by path
}

// add records that use needs a file.
func (c *collector) add(n fill.Need, use Use) {
	at, ok := c.found[n.Path]
	if !ok {
		c.found[n.Path] = len(c.Needs)
		c.Needs = append(c.Needs, Need{n, []Use{use}})
		return
	}
	have := &c.Needs[at]
	if have.Digest != n.Digest || have.Sum != n.Sum {
		c.Errs = append(c.Errs, fmt.Errorf("%q: %s wants %s, %s wants %s", n.Path, have.For[0], have.Pin(), use, n.Pin()))
	}
	have.For = append(have.For, use)
}

// all records that use needs files, unless err says that they are not known.
func (c *collector) all(list []fill.Need, err error, use Use) {
	if err != nil {
		c.Errs = append(c.Errs, fmt.Errorf("%s: %w", use, err))
	}
	for _, n := range list {
		c.add(n, use)
	}
}

func (c *collector) toolchain(l Line, platforms []string) {
	sdk := l.Lock.Toolchain.Go
	if platforms == nil {
		platforms = slices.Sorted(maps.Keys(sdk.Archives))
	}
	for _, p := range platforms {
		use := Use{l.Name, Toolchain, "go" + sdk.Version + " " + p}
		if archive, ok := sdk.Archives[p]; ok {
			c.add(fill.Blob(c.store, archive.SHA256, "Go SDK for "+p), use)
		} else {
			c.Errs = append(c.Errs, fmt.Errorf("%s: the lock has none, only for %s", use, strings.Join(slices.Sorted(maps.Keys(sdk.Archives)), ", ")))
		}
	}
}

// images adds the blobs of all base images.
func (c *collector) images(lines []Line) {
	roots := map[v1.Hash]v1.Descriptor{}
	for _, l := range lines {
		for i := range l.Lock.Images {
			img := &l.Lock.Images[i]
			use := Use{l.Name, Image, img.Name}
			root, blobs, err := baseimage.Contents(c.store, img)
			if err != nil {
				c.ImageErrs = append(c.ImageErrs, fmt.Errorf("line %s: %w", l.Name, err))
				continue
			}
			c.RootsFor = append(c.RootsFor, use)
			roots[root.Digest] = root
			for _, d := range blobs {
				c.add(fill.OCIBlob(c.store, d), use)
			}
		}
	}
	c.Roots = slices.SortedFunc(maps.Values(roots), func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.Hex, b.Digest.Hex) })
}
