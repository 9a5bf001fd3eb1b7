package publish

import (
	"bytes"
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

// A Recorder is a destination that keeps a receipt of each of its releases, beside the
// release.
type Recorder interface {
	Destination

	// PlanReceipt compares the stored receipt of the version with r, as [Receipt.Compare]
	// does. It changes nothing.
	PlanReceipt(ctx context.Context, r *Receipt) (Item, error)

	// Record writes the receipt. PlanReceipt returned its item, which is absent or behind.
	// The rules of Apply hold.
	Record(ctx context.Context, i Item, r *Receipt, report Report) error
}

// receipt returns the receipt that recorders keep. It depends only on the release, the
// profile and the notes, so that every run of a release makes the same one: it has the
// content and the pointers that never move, without the state of the destinations.
func (p *Publisher) receipt(plan *Plan) *Receipt {
	var all []Planned
	for _, d := range plan.Destinations {
		var items []Item
		for _, i := range d.Items {
			if i.Phase != Record && !i.moves() && i.Digest != "" {
				items = append(items, Item{Phase: i.Phase, Kind: i.Kind, Name: i.Name, Path: i.Path, Digest: i.Digest, Size: i.Size, ContentType: i.ContentType, CacheControl: i.CacheControl})
			}
		}
		if len(items) > 0 {
			all = append(all, Planned{d.Name, items})
		}
	}
	r := newReceipt(p.Line, p.Tree, p.Profile, all)
	r.Approval = p.Approval
	return r
}

// moves reports whether an item is a pointer that later releases move.
func (i *Item) moves() bool { return i.Kind == "alias" || i.Rule != "" }

// Compare decides about a stored receipt: nothing to do, replace it because it is the same
// release's with other destinations, or stop because it is another release's or not a
// receipt. The text describes it for people. It does not matter who approved it.
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
		return Conflict, fmt.Sprintf("not a receipt, %s", sum)
	case other.Line != r.Line || other.Version != r.Version || other.Lock != r.Lock || other.Checksums != r.Checksums:
		return Conflict, fmt.Sprintf("the receipt of another release, %s with lock %s", other.Version, other.Lock)
	}
	// The one that was written first keeps its approval.
	other.Approval = r.Approval
	if same, err := other.Marshal(); err == nil && bytes.Equal(same, want) {
		return Equal, ""
	}
	return Behind, fmt.Sprintf("%s with other destinations", sum)
}

// planReceipts adds the receipts to the plans of the destinations for which ask returns true.
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
		item.State, item.Guard, item.Reason = Kept, "", "this run publishes only to "+strings.Join(p.Only, ", ")
	}
	return item, nil
}

// record writes the receipt to all recorders, reads it back, and returns the plan of what is
// left: pointers.
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

// Receipts returns the places of the plan's receipt, with its digest.
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

// ParseName splits a release's name: VERSION or, for one particular receipt,
// VERSION@sha256:DIGEST. The digest is empty if there is none.
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
