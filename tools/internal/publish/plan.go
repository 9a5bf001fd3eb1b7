package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// PlanSchema is the schema of a Plan as JSON.
const PlanSchema = "release-builder/plan/v1"

// A Plan compares all destinations with the release.
type Plan struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	// Lock is the digest of the release's lock.json.
	Lock digest.Digest `json:"lock"`
	// Yanks is the version that the pointers leave for Version; empty except in a yank.
	Yanks        string    `json:"yanks,omitempty"`
	Destinations []Planned `json:"destinations"`
}

// Planned is one destination's part of a plan.
type Planned struct {
	Name  string `json:"name"`
	Items []Item `json:"items"`
}

// Changes returns the number of items that are absent or behind.
func (p *Plan) Changes() int {
	n := 0
	for _, d := range p.Destinations {
		n += len(d.changes(Upload)) + len(d.changes(Record)) + len(d.changes(Reveal))
	}
	return n
}

// Size returns the maximum number of bytes that the changes send.
func (p *Plan) Size() int64 {
	var n int64
	for _, d := range p.Destinations {
		n += d.size(Upload) + d.size(Record) + d.size(Reveal)
	}
	return n
}

// Conflicts returns an error that joins one for each conflict, or nil.
func (p *Plan) Conflicts() error {
	var errs []error
	var aliases []string
	for _, d := range p.Destinations {
		for _, i := range d.Items {
			if i.State != Conflict {
				continue
			}
			err := fmt.Errorf("%s: %s %s: found %s, want %s", d.Name, i.Kind, i.Name, i.Found, i.Digest)
			if i.Reason != "" {
				err = fmt.Errorf("%w: %s", err, i.Reason)
			}
			errs = append(errs, err)
			if i.Alias != "" && !slices.Contains(aliases, i.Alias) {
				aliases = append(aliases, i.Alias)
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	advice := "nothing was changed. Published files are never replaced: publish a new version"
	if len(aliases) > 0 {
		slices.Sort(aliases)
		advice += ". To move an alias anyway, pass --allow-downgrade " + strings.Join(aliases, ",")
	}
	return hint.With(errors.Join(errs...), "%s", advice)
}

// changes returns the items of a phase that have to be written.
func (d *Planned) changes(phase Phase) []Item {
	var items []Item
	for _, i := range d.Items {
		if i.Phase == phase && (i.State == Absent || i.State == Behind) {
			items = append(items, i)
		}
	}
	return items
}

func (d *Planned) size(phase Phase) int64 {
	var n int64
	for _, i := range d.changes(phase) {
		n += i.Size
	}
	return n
}

// plan plans the destinations for which ask returns true. The others keep their part of old.
func (p *Publisher) plan(ctx context.Context, old *Plan, ask func(i int) bool) (*Plan, error) {
	next := &Plan{Schema: PlanSchema, Version: p.Tree.Version, Lock: p.Tree.Digest, Destinations: make([]Planned, len(p.Destinations))}
	if p.Yank != nil {
		next.Yanks = p.Yank.Tree.Version
	}
	errs := parallel.Do(len(p.Destinations), max(1, len(p.Destinations)), func(i int) error {
		d := p.Destinations[i]
		if !ask(i) {
			next.Destinations[i] = old.Destinations[i]
			return nil
		}
		items, err := d.Plan(ctx)
		if err == nil {
			err = checkItems(items)
		}
		if err != nil {
			return fmt.Errorf("planning %s: %w", d.Name(), err)
		}
		if p.Yank != nil {
			items = p.Yank.pointers(items)
		}
		next.Destinations[i] = Planned{d.Name(), items}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if p.Yank != nil {
		return next, nil // the receipts say what was published, which stays
	}
	return next, p.planReceipts(ctx, next, ask)
}

// checkItems checks what Publisher relies on.
func checkItems(items []Item) error {
	seen := map[string]bool{}
	for _, i := range items {
		key := strings.Join([]string{string(i.Phase), i.Kind, i.Name}, "\x00")
		switch {
		case seen[key]:
			return fmt.Errorf("duplicate %s %s", i.Kind, i.Name)
		case i.Phase != Upload && i.Phase != Reveal:
			return fmt.Errorf("%s %s: got phase %q, want upload or reveal", i.Kind, i.Name, i.Phase)
		case i.State != Absent && i.State != Equal && i.State != Behind && i.State != Kept && i.State != Conflict:
			return fmt.Errorf("%s %s: got state %q", i.Kind, i.Name, i.State)
		}
		seen[key] = true
	}
	return nil
}
