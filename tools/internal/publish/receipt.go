package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// ReceiptSchema is the schema of a Receipt as JSON.
const ReceiptSchema = "release-builder/receipt/v1"

// A Receipt records what was published and where: from the digest of the lock to the digests
// of the files to each place that has them.
type Receipt struct {
	Schema  string        `json:"schema"`
	Line    string        `json:"line"`
	Version string        `json:"version"`
	Lock    digest.Digest `json:"lock"`
	// Checksums is the digest of the release's SHA256SUMS, which lists all files.
	Checksums digest.Digest  `json:"checksums"`
	Files     []release.File `json:"files"`
	// Profile describes the destinations, without secrets.
	Profile      profile.Profile `json:"profile"`
	Destinations []Planned       `json:"destinations"`
	// Approval says who approved the publication; nil if nobody had to.
	Approval *Approval `json:"approval,omitempty"`
}

// Approval is a plan that people approved.
type Approval struct {
	// Plan is the digest of the file that they approved.
	Plan digest.Digest `json:"plan"`
	// By are those who approved it, sorted by name.
	By []Signature `json:"by"`
}

// A Signature is one person's.
type Signature struct {
	Name string `json:"name"`
	// Signature is an SSH signature, or a sigstore bundle.
	Signature string `json:"signature"`
}

// NewReceipt returns the receipt of a plan in which everything is equal or kept.
func NewReceipt(line string, tree *release.Tree, profile profile.Profile, p *Plan) (*Receipt, error) {
	if n := p.Changes(); n > 0 || p.Conflicts() != nil {
		return nil, fmt.Errorf("making a receipt: %d items are not published", n)
	}
	all := slices.Clone(p.Destinations)
	for i := range all {
		all[i].Items = slices.DeleteFunc(slices.Clone(all[i].Items), func(i Item) bool { return i.Phase == Record && i.State == Kept })
	}
	return newReceipt(line, tree, profile, all), nil
}

func newReceipt(line string, tree *release.Tree, profile profile.Profile, all []Planned) *Receipt {
	sums, _ := tree.Find(release.Checksums)
	return &Receipt{
		Schema: ReceiptSchema, Line: line, Version: tree.Version, Lock: tree.Digest, Checksums: sums.Digest, Files: tree.Files,
		Profile: profile, Destinations: all,
	}
}

// Verify checks that the destinations still have the receipt's items; see [Destination].
func (r *Receipt) Verify(ctx context.Context, all []Destination, deep bool) error {
	byName := map[string]Destination{}
	for _, d := range all {
		byName[d.Name()] = d
	}
	return errors.Join(parallel.Do(len(r.Destinations), max(1, len(r.Destinations)), func(i int) error {
		d := byName[r.Destinations[i].Name]
		if d == nil {
			return fmt.Errorf("the receipt's profile has no destination %q", r.Destinations[i].Name)
		}
		if err := d.Verify(ctx, r.Destinations[i].Items, deep); err != nil {
			return fmt.Errorf("%s: %w", d.Name(), err)
		}
		return nil
	})...)
}

// Marshal returns the receipt as JSON. The same receipt gives the same bytes.
func (r *Receipt) Marshal() ([]byte, error) { return jsonfile.Marshal(r) }

// Write replaces the named file, which only its owner can read.
func (r *Receipt) Write(name string) error { return writePrivate(name, r) }

// WritePlan replaces the named file, which only its owner can read.
func (p *Plan) Write(name string) error { return writePrivate(name, p) }

// ReadReceipt reads the named receipt.
func ReadReceipt(name string) (*Receipt, error) {
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return nil, hint.With(fmt.Errorf("reading receipt: %w", err), "a publish that succeeds writes a receipt and says where")
	}
	return ParseReceipt(name, data)
}

// ParseReceipt parses the content of the named receipt.
func ParseReceipt(name string, data []byte) (*Receipt, error) {
	r := new(Receipt)
	if err := jsonfile.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading receipt %s:%w", name, err)
	}
	var errs []error
	if r.Schema != ReceiptSchema {
		errs = append(errs, fmt.Errorf("reading receipt %q: schema: got %q, want %q", name, r.Schema, ReceiptSchema))
	}
	for _, d := range append([]digest.Digest{r.Lock, r.Checksums}, fileDigests(r.Files)...) {
		if _, err := digest.Parse(string(d)); err != nil {
			errs = append(errs, fmt.Errorf("reading receipt %q: %w", name, err))
		}
	}
	return r, errors.Join(errs...)
}

func fileDigests(files []release.File) []digest.Digest {
	var all []digest.Digest
	for _, f := range files {
		all = append(all, f.Digest)
	}
	return all
}
