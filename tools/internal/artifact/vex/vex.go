// Package vex writes what is known about vulnerabilities in a release: an OpenVEX document
// (https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md, version 0.2.0) of the statements
// in a file of the line's. Each product of a statement must be in the release.
package vex

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// MediaType is the media type of a Document.
const MediaType = "application/json"

const context = "https://openvex.dev/ns/v0.2.0"

// A Document is an OpenVEX document.
type Document struct {
	Context    string      `json:"@context"`
	ID         string      `json:"@id"`
	Author     string      `json:"author"`
	Role       string      `json:"role,omitempty"`
	Timestamp  time.Time   `json:"timestamp"`
	Version    int         `json:"version"`
	Statements []statement `json:"statements"`
}

type statement struct {
	Vulnerability   vulnerability `json:"vulnerability"`
	Products        []product     `json:"products"`
	Status          string        `json:"status"`
	StatusNotes     string        `json:"status_notes,omitempty"`
	Justification   string        `json:"justification,omitempty"`
	ImpactStatement string        `json:"impact_statement,omitempty"`
	ActionStatement string        `json:"action_statement,omitempty"`
}

type vulnerability struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type component struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers,omitempty"`
	Hashes      map[string]string `json:"hashes,omitempty"`
}

type product struct {
	component
	Subcomponents []component `json:"subcomponents,omitempty"`
}

// Args say what a release consists of.
type Args struct {
	File       *File
	Time       time.Time // of the document
	Version    string    // of the release
	Artifacts  []release.Entry
	Components []license.Component
}

// New returns the document. It is an error if a product or a component of a statement is not
// in the release.
func New(a Args) (*Document, error) {
	d := &Document{Context: context, Author: a.File.Author, Role: a.File.Role, Timestamp: a.Time.UTC(), Version: a.File.Version}
	var errs []error
	for _, s := range a.File.Statements {
		st := statement{
			Vulnerability: vulnerability{s.Vulnerability, s.Aliases}, Status: s.Status, StatusNotes: s.Notes,
			Justification: s.Justification, ImpactStatement: s.Impact, ActionStatement: s.Action,
		}
		var inside []component
		for _, c := range s.Components {
			found, err := a.components("component", c)
			inside = append(inside, found...)
			errs = append(errs, about(s.Vulnerability, err))
		}
		for _, name := range s.Products {
			found, err := a.products(name)
			errs = append(errs, about(s.Vulnerability, err))
			for _, c := range found {
				st.Products = append(st.Products, product{c, inside})
			}
		}
		slices.SortFunc(st.Products, func(a, b product) int { return strings.Compare(a.ID, b.ID) })
		st.Products = slices.CompactFunc(st.Products, func(a, b product) bool { return a.ID == b.ID })
		d.Statements = append(d.Statements, st)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	data, err := jsonfile.Marshal(d)
	if err != nil {
		return nil, err
	}
	d.ID = "https://openvex.dev/docs/public/vex-" + digest.FromBytes(data).Hex()
	return d, nil
}

func about(vulnerability string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("statement about %s: %w", vulnerability, err)
}

// products returns the artifacts or components that a product names.
func (a *Args) products(name string) (all []component, err error) {
	if strings.HasPrefix(name, "pkg:") {
		return a.components("product", name)
	}
	for _, f := range a.Artifacts {
		if ok, err := path.Match(name, f.Path); err != nil || !ok {
			continue
		}
		sum, err := f.Digest()
		if err != nil {
			return nil, err
		}
		id := "pkg:generic/" + url.PathEscape(f.Path) + "@" + url.QueryEscape(a.Version) + "?checksum=" + url.QueryEscape(string(sum))
		if f.Kind == release.ImageKind {
			id = "pkg:oci/" + path.Base(f.Path) + "@" + url.QueryEscape(string(sum))
		}
		all = append(all, component{ID: id, Identifiers: map[string]string{"purl": id}, Hashes: map[string]string{"sha-256": sum.Hex()}})
	}
	if len(all) == 0 {
		var paths []string
		for _, f := range a.Artifacts {
			paths = append(paths, f.Path)
		}
		slices.Sort(paths)
		err := fmt.Errorf("product %.100q is not an artifact of the release", name)
		return nil, hint.With(err, "write the path of an artifact, or a pattern such as tool-*.tar.gz: the release has %s", strings.Join(paths, ", "))
	}
	return all, nil
}

// components returns the components with a package URL, which may have no version. What says
// whether it is a product or a component of a statement.
func (a *Args) components(what, purl string) (all []component, err error) {
	want, err := parsePURL(purl)
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, c := range a.Components {
		if c.Type != want.kind || c.Name != want.name {
			continue
		}
		versions = append(versions, c.Version)
		if want.version != "" && want.version != c.Version {
			continue
		}
		id := want.prefix + "@" + url.QueryEscape(c.Version)
		all = append(all, component{ID: id, Identifiers: map[string]string{"purl": id}})
	}
	slices.SortFunc(all, func(a, b component) int { return strings.Compare(a.ID, b.ID) })
	slices.Sort(versions)
	switch {
	case len(all) > 0:
		return all, nil
	case len(versions) > 0:
		return nil, fmt.Errorf("%s %.100q is not in the release, which has version %s", what, purl, strings.Join(versions, ", "))
	}
	err = fmt.Errorf("%s %.100q is not in the release", what, purl)
	return nil, hint.With(err, "remove it from the statement: no program is linked from it, and no base image has it")
}

// A reference is a package URL
// (https://github.com/package-url/purl-spec/blob/main/purl-specification.md) of a component.
type reference struct {
	prefix              string // without version
	kind, name, version string // of the component
}

// parsePURL parses the package URL of a Go module, or of a Debian or Alpine package. It has no
// qualifiers.
func parsePURL(s string) (reference, error) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok || strings.ContainsAny(rest, "?#") {
		return reference{}, errors.New(`no "pkg:", or qualifiers`)
	}
	prefix, version, _ := strings.Cut(rest, "@")
	r := reference{prefix: "pkg:" + prefix}
	var err error
	if r.version, err = url.PathUnescape(version); err != nil {
		return reference{}, err
	}
	kind, name, _ := strings.Cut(prefix, "/")
	if r.name, err = url.PathUnescape(name); err != nil {
		return reference{}, err
	}
	r.kind = map[string]string{"golang": license.Module, "deb": license.Deb, "apk": license.APK, "rpm": license.RPM}[kind]
	if r.kind != license.Module { // deb/debian/libc6
		_, r.name, _ = strings.Cut(r.name, "/")
	}
	if r.kind == "" || r.name == "" {
		return reference{}, errors.New("none of pkg:golang/MODULE, pkg:deb/DISTRIBUTION/PACKAGE, pkg:apk/DISTRIBUTION/PACKAGE")
	}
	return r, nil
}
