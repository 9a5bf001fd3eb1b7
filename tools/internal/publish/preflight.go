package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// A Preflighter is a destination that can find out whether it may be written to, before
// anything is.
type Preflighter interface {
	Destination

	// Preflight returns what it found out. It changes nothing that anybody can read. The run
	// will send at most size bytes.
	Preflight(ctx context.Context, size int64) []Finding
}

// A Finding is what a [Preflighter] found out about one thing.
type Finding struct {
	// What was asked, such as "write to gs://releases".
	What string `json:"what"`
	// Result is Good, Bad or Unknown.
	Result Result `json:"result"`
	// Err says why, unless it is good.
	Err error `json:"-"`
	// Detail is the text of Err, or more about what is good.
	Detail string `json:"detail,omitempty"`
}

// A Result is what came out of a question.
type Result string

// The results.
const (
	Good    Result = "ok"
	Bad     Result = "bad"
	Unknown Result = "unknown"
)

// Found returns a finding: good without an error.
func Found(what string, err error) Finding {
	if err != nil {
		return Finding{What: what, Result: Bad, Err: err, Detail: err.Error()}
	}
	return Finding{What: what, Result: Good}
}

// NotKnown returns the finding that it cannot be found out, and why.
func NotKnown(what string, why error) Finding {
	return Finding{What: what, Result: Unknown, Err: why, Detail: why.Error()}
}

// Findings are those about one destination.
type Findings struct {
	Destination string    `json:"destination"`
	Findings    []Finding `json:"findings"`
}

var errNotAsked = errors.New("it has no way to ask without a write")

// Preflight asks each destination whether it may be written to, even if the plan has no changes
// for it. The plan is nil if it cannot be made.
func (p *Publisher) Preflight(ctx context.Context, plan *Plan) []Findings {
	return p.preflight(ctx, plan, func(int) bool { return true })
}

func (p *Publisher) preflight(ctx context.Context, plan *Plan, ask func(i int) bool) []Findings {
	all := make([]Findings, len(p.Destinations))
	parallel.Do(len(all), max(1, len(all)), func(i int) error { //nolint:errcheck // there is none
		d := p.Destinations[i]
		all[i].Destination = d.Name()
		f, ok := d.(Preflighter)
		switch {
		case !ask(i):
		case ok:
			var size int64
			if plan != nil {
				planned := &plan.Destinations[i]
				size = planned.size(Upload) + planned.size(Record) + planned.size(Reveal)
			}
			all[i].Findings = f.Preflight(ctx, size)
		default:
			all[i].Findings = []Finding{NotKnown("write", errNotAsked)}
		}
		return nil
	})
	return all
}

// mayWrite returns an error for each destination with changes that cannot be written to.
func (p *Publisher) mayWrite(ctx context.Context, plan *Plan) error {
	all := p.preflight(ctx, plan, func(i int) bool {
		d := &plan.Destinations[i]
		return len(d.changes(Upload))+len(d.changes(Record))+len(d.changes(Reveal)) > 0
	})
	var errs []error
	for _, f := range all {
		errs = append(errs, f.Err())
	}
	return errors.Join(errs...)
}

// Err joins what is bad; nil if nothing is.
func (f *Findings) Err() error {
	var errs []error
	for _, one := range f.Findings {
		if one.Result == Bad {
			errs = append(errs, fmt.Errorf("%s: %s: %w", f.Destination, one.What, one.Err))
		}
	}
	return errors.Join(errs...)
}
