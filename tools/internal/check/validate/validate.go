// Package validate checks a release as a whole, offline, before anyone publishes it: `tools/validate`
// runs it on a directory that was built or downloaded.
//
// Every file is read once. Its digest is checked while what it contains is checked: archives,
// packages and image layers are read to the last byte. Equal files in several artifacts, such
// as a program, are looked at once.
//
// The checks that all releases have are Names. A product adds Own checks.
package validate

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// Schema is the version of a Report's JSON form.
const Schema = "release-builder/validate/v1"

// The checks, by the names in a Report, in its order.
const (
	Digests    = "digests"    // SHA256SUMS, release.json and each .sha256 agree with the files
	Contents   = "contents"   // archives, packages and layers can be read, and unpack below their directory
	Programs   = "programs"   // programs are for the platform of their artifact, from the pinned sources
	Images     = "images"     // indexes, platforms, entrypoints, labels and times of images
	Charts     = "charts"     // names and versions of Helm charts
	Packages   = "packages"   // metadata of deb, rpm and apk packages
	Statements = "statements" // SBOM, provenance and licences are complete
	Leaks      = "leaks"      // no build path, host name, user name or secret
	Product    = "product"    // the product's own checks
)

// Names returns the names of the checks, in a Report's order.
func Names() []string {
	return []string{Digests, Contents, Programs, Images, Charts, Packages, Statements, Leaks, Product}
}

// Args says what to check.
type Args struct {
	// Dir is the release's directory.
	Dir string
	// Own are the product's checks.
	Own []Own
	// Secrets are strings that must be in no file: the name of the machine that built it, its
	// user's home directory. The values are what to call them.
	Secrets map[string]string
	// Run starts a program for a check of Own. If it is nil, such checks fail.
	Run func(ctx context.Context, program string, args []string, env []string) (stdout []byte, err error)
}

// A Report is what Run found.
type Report struct {
	Schema  string  `json:"schema"`
	Product string  `json:"product"`
	Version string  `json:"version"`
	Checks  []Check `json:"checks"` // one for each of Names
}

// A Check is the result of one check.
type Check struct {
	Name string `json:"name"`
	// Checked is how many things were checked, such as files or programs.
	Checked  int       `json:"checked"`
	Findings []Finding `json:"findings"` // sorted; empty, not null
}

// A Finding is something that is wrong.
type Finding struct {
	// Artifact is the path in the release; empty for the release itself.
	Artifact string `json:"artifact"`
	// Member is the path in the artifact; empty for the artifact itself.
	Member string `json:"member,omitempty"`
	// Problem says what was found and what was wanted.
	Problem string `json:"problem"`
}

// String returns the finding in one line.
func (f Finding) String() string {
	where := cmp.Or(f.Artifact, "the release")
	if f.Member != "" {
		where += ": " + f.Member
	}
	return where + ": " + f.Problem
}

// OK reports whether there is no finding.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return len(c.Findings) > 0 })
}

// checker is a run. Its methods may be called by several goroutines.
type checker struct {
	args Args
	tree *release.Tree
	doc  *release.Document

	mu     sync.Mutex
	report Report

	leakFinder *leakFinder
	// buffers has *[]byte that hold a file each.
	buffers sync.Pool
	// programs are those in the artifacts.
	programs []program
	layers   map[string]layer              // by path in the release
	owned    map[[2]string]map[string]bool // check and artifact → files that it has
	runs     []ownRun

	basesMu sync.Mutex
	bases   map[string]map[digest.Digest]bool // layers of base images, by image
}

// Run checks the release in a directory. The error is that of a release that cannot be
// checked at all.
func Run(ctx context.Context, args Args) (*Report, error) {
	tree, err := release.Open(ctx, release.Dir(args.Dir))
	if err != nil {
		return nil, err
	}
	doc, err := tree.Document(ctx)
	if err != nil {
		return nil, err
	}
	c := &checker{args: args, tree: tree, doc: doc}
	if c.leakFinder, err = newLeakFinder(args.Secrets); err != nil {
		return nil, err
	}
	c.report = Report{Schema: Schema, Product: tree.Lock.Product, Version: tree.Version}
	for _, name := range Names() {
		c.report.Checks = append(c.report.Checks, Check{Name: name, Findings: []Finding{}})
	}
	c.documents()
	if err := c.files(ctx); err != nil {
		return nil, err
	}
	if err := c.images(ctx); err != nil {
		return nil, err
	}
	if err := c.statements(ctx); err != nil {
		return nil, err
	}
	if err := c.own(ctx); err != nil {
		return nil, err
	}
	for i := range c.report.Checks {
		f := c.report.Checks[i].Findings
		slices.SortFunc(f, func(a, b Finding) int {
			return cmp.Or(strings.Compare(a.Artifact, b.Artifact), strings.Compare(a.Member, b.Member), strings.Compare(a.Problem, b.Problem))
		})
		c.report.Checks[i].Findings = slices.Compact(f)
	}
	return &c.report, nil
}

// checked counts things that a check looked at.
func (c *checker) checked(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check(name).Checked += n
}

// find adds a finding.
func (c *checker) find(name, artifact, member, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	check := c.check(name)
	check.Findings = append(check.Findings, Finding{artifact, member, fmt.Sprintf(format, args...)})
}

func (c *checker) check(name string) *Check {
	return &c.report.Checks[slices.Index(Names(), name)]
}

// files reads every file, the largest first.
func (c *checker) files(ctx context.Context) error {
	files := slices.Clone(c.tree.Files)
	slices.SortStableFunc(files, func(a, b release.File) int { return cmp.Compare(b.Size, a.Size) })
	c.checked(Digests, len(files))
	return parallel.DoAll(ctx, len(files), runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		return c.file(ctx, files[i])
	})
}
