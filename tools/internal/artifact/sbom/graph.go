package sbom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A Kind says what an element is.
type Kind string

// The kinds of element.
const (
	Release  Kind = "Release"  // the release as a whole
	File     Kind = "File"     // a file of the release
	Image    Kind = "Image"    // an image index
	Manifest Kind = "Manifest" // an image for one platform
	Layer    Kind = "Layer"    // a layer of an image
	Base     Kind = "Base"     // a base image for one platform, as the lock pins it
	Program  Kind = "Program"  // a program in an artifact or a layer, by its content
	Module   Kind = "Module"   // a Go module, or the standard library
	Source   Kind = "Source"   // a pinned source that is no Go module: a commit or a directory
	Download Kind = "Download" // a pinned file from the web
	OS       Kind = "OS"       // the distribution of an image
	Package  Kind = "Package"  // a package of the distribution
)

// A RelationType is the type of a Relation, by its name in SPDX 2.3, clause 11.
type RelationType string

// The types of relation.
const (
	Contains      RelationType = "CONTAINS"
	DependsOn     RelationType = "DEPENDS_ON"
	GeneratedFrom RelationType = "GENERATED_FROM"
	DescendantOf  RelationType = "DESCENDANT_OF"
)

// An Element is something that a document describes. Fields that are empty are not known,
// or do not apply.
type Element struct {
	// ID is unique in a document, and the same in every document. It has only letters,
	// digits, "." and "-".
	ID   string
	Kind Kind
	Name string
	// Version is as the element's own tools write it.
	Version string
	// PURL is the package URL (https://github.com/package-url/purl-spec).
	PURL string
	// SHA1 and SHA256 are of the content, in hexadecimal. SHA256 of a Go module is its h1 sum.
	SHA1, SHA256 string
	// URL is where it was fetched from, in the form of SPDX 2.3, clause 7.7.
	URL string
	// Commit is that of a git source.
	Commit string
	// MediaType is the media type of an artifact, a manifest or a layer.
	MediaType string
	// License is an SPDX expression.
	License string
	// Locations are where it was found, sorted: paths in the release, followed by the path in
	// the artifact. Those in a layer begin with "/".
	Locations []string
	// Comment is a sentence for people.
	Comment string
}

// A Relation says how two elements belong together.
type Relation struct {
	From string
	Type RelationType
	To   string
}

// A Graph is the content of a document, in either format.
type Graph struct {
	Name    string
	Created time.Time
	Root    *Element
	// Elements are sorted by kind and ID, and include the root.
	Elements []*Element
	// Relations are sorted, each once.
	Relations []Relation
	// Excluded are the files of the release that the document does not describe, sorted.
	Excluded []string
}

// builder collects a Graph.
type builder struct {
	elements  map[string]*Element
	relations map[Relation]bool
}

func newBuilder() *builder {
	return &builder{map[string]*Element{}, map[Relation]bool{}}
}

// add adds an element. Elements with the same kind and key are the same one: what a later
// one knows in addition is kept. The label is the part of the ID that people read.
func (b *builder) add(key, label string, e Element) *Element {
	sum := sha256.Sum256([]byte(string(e.Kind) + "\x00" + key))
	e.ID = string(e.Kind) + "-" + idString(label) + "-" + hex.EncodeToString(sum[:8])
	old := b.elements[e.ID]
	if old == nil {
		slices.Sort(e.Locations)
		b.elements[e.ID] = &e
		return &e
	}
	old.Version = cmp.Or(old.Version, e.Version)
	old.SHA1, old.SHA256 = cmp.Or(old.SHA1, e.SHA1), cmp.Or(old.SHA256, e.SHA256)
	old.URL, old.Commit = cmp.Or(old.URL, e.URL), cmp.Or(old.Commit, e.Commit)
	old.License = cmp.Or(old.License, e.License)
	old.Locations = union(old.Locations, e.Locations)
	if e.Comment != "" && !strings.Contains(old.Comment, e.Comment) {
		all := append(strings.Split(old.Comment, "\n"), e.Comment)
		slices.Sort(all)
		old.Comment = strings.TrimPrefix(strings.Join(all, "\n"), "\n")
	}
	return old
}

func (b *builder) relate(from *Element, t RelationType, to *Element) {
	if from != to {
		b.relations[Relation{from.ID, t, to.ID}] = true
	}
}

func (b *builder) graph(name string, created time.Time, root *Element) *Graph {
	g := &Graph{Name: name, Created: created.UTC(), Root: root}
	for _, e := range b.elements {
		g.Elements = append(g.Elements, e)
	}
	slices.SortFunc(g.Elements, func(a, b *Element) int { return strings.Compare(a.ID, b.ID) })
	for r := range b.relations {
		g.Relations = append(g.Relations, r)
	}
	slices.SortFunc(g.Relations, func(a, b Relation) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(string(a.Type), string(b.Type)), strings.Compare(a.To, b.To))
	})
	return g
}

// union returns the sorted union of two sets.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// idString replaces what an ID of SPDX cannot have (clause 3.2), and limits the length.
func idString(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, s)
	return strings.Trim(s[:min(len(s), 80)], "-")
}

// serial returns the UUID of a document: version 5 of RFC 9562, of its digest.
func serial(document []byte) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(digest.FromBytes(document))).String()
}
