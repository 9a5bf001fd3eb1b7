package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// A Recorder is a destination that keeps a receipt of each release that it has,
// beside the release.
type Recorder interface {
	Destination

	// PlanReceipt compares what is kept for the receipt's version with the receipt,
	// as [Receipt.Compare] does. It changes nothing.
	PlanReceipt(ctx context.Context, r *Receipt) (Item, error)

	// Record writes the receipt, whose item PlanReceipt returned and which is absent
	// or behind. It holds to what Apply holds to.
	Record(ctx context.Context, i Item, r *Receipt, report Report) error
}

// receipt returns the receipt that recorders keep. It follows from the release, the
// profile and the notes alone, so that each run of the same release makes the same one: it
// has the content and the pointers that never move, and nothing of what a
// destination happens to have.
func (p *Publisher) receipt(plan *Plan) *Receipt {
	var all []Planned
	for _, d := range plan.Destinations {
		var items []Item
		for _, i := range d.Items {
			if i.Phase != Record && !i.moves() && i.Digest != "" {
				items = append(items, Item{Phase: i.Phase, Kind: i.Kind, Name: i.Name, Path: i.Path, Digest: i.Digest, Size: i.Size})
			}
		}
		if len(items) > 0 {
			all = append(all, Planned{d.Name, items})
		}
	}
	return newReceipt(p.Line, p.Tree, p.Profile, all)
}

// moves reports whether an item is a pointer that goes on to other releases.
func (i *Item) moves() bool { return i.Kind == "alias" || i.Rule != "" }

// Compare says what to do about a receipt that is kept already: nothing, replace it
// because it is one of the same release with other destinations, or stop because it
// is another release's or none. What was found is for people.
func (r *Receipt) Compare(found []byte) (State, string) {
	want, err := r.Marshal()
	if err != nil {
		return Conflict, err.Error()
	}
	sum := digest.FromBytes(found)
	if sum == digest.FromBytes(want) {
		return Equal, ""
	}
	other, err := ParseReceipt("found", found)
	switch {
	case err != nil:
		return Conflict, fmt.Sprintf("no receipt, %s", sum)
	case other.Line != r.Line || other.Version != r.Version || other.Lock != r.Lock || other.Checksums != r.Checksums:
		return Conflict, fmt.Sprintf("the receipt of another release, %s with lock %s", other.Version, other.Lock)
	}
	return Behind, fmt.Sprintf("%s of other destinations", sum)
}

// planReceipts adds to the destinations that ask returns true for what they keep.
func (p *Publisher) planReceipts(ctx context.Context, plan *Plan, ask func(i int) bool) error {
	receipt := p.receipt(plan)
	errs := parallel.Do(len(p.Destinations), max(1, len(p.Destinations)), func(i int) error {
		r, ok := p.Destinations[i].(Recorder)
		if !ok || !ask(i) {
			return nil
		}
		item, err := p.planReceipt(ctx, r, receipt)
		if err != nil {
			return err
		}
		items := plan.Destinations[i].Items
		at := slices.IndexFunc(items, func(i Item) bool { return i.Phase == Reveal })
		if at < 0 {
			at = len(items)
		}
		plan.Destinations[i].Items = slices.Insert(items, at, item)
		return nil
	})
	return errors.Join(errs...)
}

func (p *Publisher) planReceipt(ctx context.Context, r Recorder, receipt *Receipt) (Item, error) {
	item, err := r.PlanReceipt(ctx, receipt)
	if err != nil {
		return item, fmt.Errorf("planning the receipt of %s: %w", r.Name(), err)
	}
	if len(p.Only) > 0 && (item.State == Absent || item.State == Behind) {
		item.State, item.Guard, item.Reason = Kept, "", "this run publishes to "+strings.Join(p.Only, ", ")+" only"
	}
	return item, nil
}

// record has all recorders keep the receipt, reads it back, and returns the plan of
// what is left: pointers.
func (p *Publisher) record(ctx context.Context, plan *Plan) (*Plan, error) {
	if err := p.Ledger.enter(Record); err != nil {
		return nil, err
	}
	receipt := p.receipt(plan)
	next := *plan
	next.Destinations = slices.Clone(plan.Destinations)
	err := parallel.DoAll(ctx, len(p.Destinations), max(1, len(p.Destinations)), func(ctx context.Context, n int) error {
		r, ok := p.Destinations[n].(Recorder)
		todo := plan.Destinations[n].changes(Record)
		if !ok || len(todo) == 0 {
			return nil
		}
		err := p.write(n, Record, todo, func(report Report) error { return r.Record(ctx, todo[0], receipt, report) })
		if err != nil {
			return err
		}
		item, err := p.planReceipt(ctx, r, receipt)
		if err == nil && item.State != Equal {
			err = fmt.Errorf("reading back %s: %s %s: got %s, want it equal: %w", r.Name(), item.Kind, item.Name, item.State, ErrChanged)
		}
		if err != nil {
			return err
		}
		d := &next.Destinations[n]
		d.Items = slices.Clone(d.Items)
		d.Items[slices.IndexFunc(d.Items, func(i Item) bool { return i.Phase == Record })] = item
		return nil
	})
	return &next, err
}

// Receipts returns where the plan's receipt is published, with its digest.
func (p *Plan) Receipts() []string {
	found := map[string]bool{}
	for _, d := range p.Destinations {
		for _, i := range d.Items {
			if i.Phase == Record && i.State == Equal {
				found[i.Name+" "+i.Digest] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// ParseName takes a release's name apart, which is VERSION or, bound to one receipt,
// VERSION@sha256:DIGEST. The digest is empty if it has none.
func ParseName(name string) (version string, receipt digest.Digest, err error) {
	version, sum, bound := strings.Cut(name, "@")
	if bound {
		if receipt, err = digest.Parse(sum); err != nil {
			return "", "", fmt.Errorf("digest of the receipt: %w", err)
		}
	}
	if !manifest.ValidVersion(version) {
		return "", "", fmt.Errorf("got %q, want VERSION or VERSION@sha256:DIGEST", name)
	}
	return version, receipt, nil
}
