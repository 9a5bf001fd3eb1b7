// Package page describes a release to people: index.html, one self-contained page, and notes.md,
// release notes in GitHub Flavored Markdown. Both say what there is for which platform, how to
// check and to rebuild it, what it was built from, and what has changed since the release before.
//
// They are made from what the build knows of the artifacts, and from locks. Equal input gives
// equal bytes.
package page

import (
	"context"
	"fmt"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// The files' paths in a release, and their kinds.
const (
	File, FileKind   = "index.html", "page"
	Notes, NotesKind = "notes.md", "notes"
)

// Args say what a release consists of.
type Args struct {
	Line    string
	Lock    *lock.Lock
	LockSum digest.Digest // of lock.json
	// Artifacts are all artifacts except the page itself and what is made from it.
	Artifacts []release.Entry
	// Programs are those that the go command can rebuild.
	Programs []goinfo.Program
	// Components are what the release contains, with licences; nil if that is not known.
	Components []license.Component
	// Previous is the lock of the release before; nil if there is none.
	Previous *lock.Lock
	// PreviousDocument is the release.json of the release before; nil if it is not known.
	PreviousDocument *release.Document
	// Provenance is the path of the release's provenance, which is made after the page, because the
	// page is one of its subjects; empty if it has none.
	Provenance string
}

// A Page is a release as the page and the notes show it. Its lists are sorted.
type Page struct {
	Product, Version, Line string
	Time                   string // of the primary source
	Primary                Source
	Lock                   digest.Digest
	Go                     string // the version of the go command

	Files int   // of the release, without those that are made from the page
	Size  int64 // of these files and of the images' blobs, in bytes

	Platforms  []Platform
	Images     []Image
	Archives   []Download // docker archives
	Charts     []Chart
	Packages   []Package
	Managers   []Manager
	Dashboards []Download
	Others     []Download // of other kinds
	Documents  []Document

	Changes  *Changes // nil if there is no release before
	Sources  []Source
	Modules  int // the different Go modules in the programs
	Graph    Graph
	Licenses []License
	Unknown  int // components whose licence is not known
	Rebuild  Rebuild

	lock, previous *lock.Lock
}

// Changes are what is different from the release before.
type Changes struct {
	Version string // of the release before
	// Sources and Inputs are as in lockdiff.Differences.
	Sources, Inputs []lockdiff.Change
	// Files are set if the files of the release before are known.
	Files            []release.FileChange
	OldSize, NewSize int64 // of the artifacts that are files
}

// Title names the release.
func (p *Page) Title() string { return p.Product + " " + p.Version }

// New reads the artifacts and describes the release.
func New(ctx context.Context, a Args) (*Page, error) {
	artifacts, err := release.Describe(ctx, a.Artifacts)
	if err != nil {
		return nil, err
	}
	p := &Page{
		Product: a.Lock.Product, Version: a.Lock.Version, Line: a.Line, Lock: a.LockSum, Go: a.Lock.Toolchain.Go.Version,
		Time: a.Lock.Time.UTC().Format(time.DateTime) + " UTC", lock: a.Lock, previous: a.Previous,
	}
	if err := p.addArtifacts(artifacts, &a); err != nil {
		return nil, err
	}
	p.addDocuments(artifacts, a.Provenance)
	programs, err := programsOf(ctx, &a)
	if err != nil {
		return nil, err
	}
	p.addSources(programs)
	if p.Rebuild, err = rebuildOf(&a, programs); err != nil {
		return nil, err
	}
	p.Graph = graphOf(p, programs, a.Artifacts)
	p.addLicenses(a.Components)
	if err := p.addChanges(artifacts, &a); err != nil {
		return nil, err
	}
	return p, nil
}

// made are the kinds of artifacts that are made from the page, or from those: the release that is
// described lacks them, and so does the one before, to be comparable.
var made = map[string]bool{FileKind: true, NotesKind: true, "provenance": true, release.ImageKind: true}

func (p *Page) addChanges(artifacts []release.Artifact, a *Args) error {
	if a.Previous == nil {
		return nil
	}
	if err := lockdiff.CheckPrevious(a.Previous, a.Lock); err != nil {
		return fmt.Errorf("the lock of the release before %w", err)
	}
	p.Changes = &Changes{Version: a.Previous.Version}
	p.Changes.Sources, p.Changes.Inputs = lockdiff.Differences(a.Previous, a.Lock)
	d := a.PreviousDocument
	if d == nil {
		return nil
	}
	if d.Version != a.Previous.Version || d.Product != a.Previous.Product {
		return fmt.Errorf("the %s of the release before is of %s %s, want %s %s as in its lock", release.DocumentFile, d.Product, d.Version, a.Previous.Product, a.Previous.Version)
	}
	old, now := listing(d), listing(&release.Document{Version: p.Version, Artifacts: artifacts})
	p.Changes.Files = release.Compare(old, now)
	p.Changes.OldSize, p.Changes.NewSize = sizeOf(old), sizeOf(now)
	return nil
}

func listing(d *release.Document) release.Listing {
	kept := release.Document{Version: d.Version}
	for _, a := range d.Artifacts {
		if !made[a.Kind] && a.Kind != "checksum" && a.Kind != "document" {
			kept.Artifacts = append(kept.Artifacts, a)
		}
	}
	return kept.Listing()
}

func sizeOf(l release.Listing) (sum int64) {
	for _, f := range l.Files {
		sum += f.Size
	}
	return sum
}

// Delta writes how the size changed.
func (c *Changes) Delta() string { return cli.SizeChange(c.OldSize, c.NewSize) }
