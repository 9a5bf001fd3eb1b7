package sbom

import (
	"bytes"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// CycloneDXMediaType is the media type of a CycloneDX document as JSON.
const CycloneDXMediaType = "application/vnd.cyclonedx+json"

// CycloneDX returns the document in CycloneDX 1.6. Its serial number is derived from its
// content. CycloneDX has no relation for "contains" between components that have several
// parents, so what an element contains is in its dependencies too. What a program was
// generated from, and an image's base, are ancestors in its pedigree.
func (g *Graph) CycloneDX() ([]byte, error) {
	bom := cdx.NewBOM()
	w := cycloneDX{byID: map[string]*Element{}, origins: map[string][]string{}, on: map[string][]string{}}
	for _, e := range g.Elements {
		w.byID[e.ID] = e
	}
	for _, r := range g.Relations {
		if r.Type == GeneratedFrom || r.Type == DescendantOf {
			w.origins[r.From] = append(w.origins[r.From], r.To)
		} else {
			w.on[r.From] = append(w.on[r.From], r.To)
		}
	}
	root := w.component(g.Root)
	bom.Metadata = &cdx.Metadata{
		Timestamp: g.Created.Format(time.RFC3339), Component: &root,
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhaseBuild}},
		Tools:      &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: tool}}},
	}
	components, dependencies := []cdx.Component{}, []cdx.Dependency{}
	for _, e := range g.Elements {
		if e != g.Root {
			components = append(components, w.component(e))
		}
		d := cdx.Dependency{Ref: e.ID}
		if on := union(w.on[e.ID], nil); len(on) > 0 {
			d.Dependencies = &on
		}
		dependencies = append(dependencies, d)
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	bom.Compositions = g.compositions()
	raw, err := encode(bom)
	if err != nil {
		return nil, err
	}
	bom.SerialNumber = "urn:uuid:" + serial(raw)
	return encode(bom)
}

func encode(bom *cdx.BOM) ([]byte, error) {
	var b bytes.Buffer
	err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return b.Bytes(), err
}

// compositions say what is complete: the modules of a program with build information.
// Nothing is known about what is in another program.
func (g *Graph) compositions() *[]cdx.Composition {
	known := map[string]bool{}
	for _, r := range g.Relations {
		if r.Type == DependsOn {
			known[r.From] = true
		}
	}
	var complete, unknown []cdx.BOMReference
	for _, e := range g.Elements {
		switch {
		case e.Kind != Program:
		case known[e.ID]:
			complete = append(complete, cdx.BOMReference(e.ID))
		default:
			unknown = append(unknown, cdx.BOMReference(e.ID))
		}
	}
	all := []cdx.Composition{}
	if len(complete) > 0 {
		all = append(all, cdx.Composition{Aggregate: cdx.CompositionAggregateComplete, Dependencies: &complete})
	}
	if len(unknown) > 0 {
		all = append(all, cdx.Composition{Aggregate: cdx.CompositionAggregateUnknown, Dependencies: &unknown})
	}
	if len(all) == 0 {
		return nil
	}
	return &all
}

// cycloneDX converts the elements of one document.
type cycloneDX struct {
	byID        map[string]*Element
	on, origins map[string][]string
}

var cycloneDXTypes = map[Kind]cdx.ComponentType{
	Release: cdx.ComponentTypeApplication, File: cdx.ComponentTypeFile, Image: cdx.ComponentTypeContainer,
	Manifest: cdx.ComponentTypeContainer, Layer: cdx.ComponentTypeFile, Base: cdx.ComponentTypeContainer,
	Program: cdx.ComponentTypeApplication, Module: cdx.ComponentTypeLibrary, Source: cdx.ComponentTypeApplication,
	Download: cdx.ComponentTypeFile, OS: cdx.ComponentTypeOS, Package: cdx.ComponentTypeLibrary,
}

func (w *cycloneDX) component(e *Element) cdx.Component {
	c := cdx.Component{
		BOMRef: e.ID, Type: cycloneDXTypes[e.Kind], Name: e.Name, Version: e.Version, PackageURL: e.PURL, MIMEType: e.MediaType,
		Description: e.Comment,
	}
	var hashes []cdx.Hash
	for _, h := range []cdx.Hash{{Algorithm: cdx.HashAlgoSHA1, Value: e.SHA1}, {Algorithm: cdx.HashAlgoSHA256, Value: e.SHA256}} {
		if h.Value != "" {
			hashes = append(hashes, h)
		}
	}
	if hashes != nil {
		c.Hashes = &hashes
	}
	if e.License != "" {
		c.Licenses = &cdx.Licenses{{Expression: e.License}}
	}
	if len(e.Locations) > 0 {
		var where []cdx.EvidenceOccurrence
		for _, l := range e.Locations {
			where = append(where, cdx.EvidenceOccurrence{Location: l})
		}
		c.Evidence = &cdx.Evidence{Occurrences: &where}
	}
	if e.URL != "" {
		kind := cdx.ERTypeDistribution
		if e.Commit != "" {
			kind = cdx.ERTypeVCS
		}
		c.ExternalReferences = &[]cdx.ExternalReference{{Type: kind, URL: e.URL}}
	}
	c.Pedigree = w.pedigree(e)
	return c
}

// pedigree returns what a program or an image is made from.
func (w *cycloneDX) pedigree(e *Element) *cdx.Pedigree {
	var ancestors []cdx.Component
	var commits []cdx.Commit
	for _, id := range w.origins[e.ID] {
		from := w.byID[id]
		ancestors = append(ancestors, cdx.Component{
			Type: cycloneDXTypes[from.Kind], Name: from.Name, Version: from.Version, PackageURL: from.PURL,
		})
		if from.Commit != "" {
			commits = append(commits, cdx.Commit{UID: from.Commit, URL: strings.TrimPrefix(from.URL, "git+")})
		}
	}
	if ancestors == nil {
		return nil
	}
	p := &cdx.Pedigree{Ancestors: &ancestors}
	if commits != nil {
		p.Commits = &commits
	}
	return p
}
