package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// An Observer is told about the progress of a run, from several goroutines.
type Observer interface {
	// Begin means that a destination starts to write items of a phase, of at most size bytes.
	Begin(destination string, phase Phase, items int, size int64)
	// Progress is the destination's report.
	Progress(destination string, phase Phase, p Progress)
	// End means that the destination has written all of them, or failed.
	End(destination string, phase Phase, err error)
}

// A Publisher publishes one release.
type Publisher struct {
	Tree *release.Tree
	// Line and Profile are the line and the profile in the receipt, which says only where the
	// destinations are.
	Line    string
	Profile profile.Profile
	// Only are the kinds of destination if some of the profile's are left out. Then no
	// receipt is published, and an existing one stays.
	Only []string
	// Approval is recorded in the receipt. It may be nil.
	Approval *Approval
	// Yank makes the pointers leave another release for this one, which is published already;
	// nil to publish.
	Yank *Yank
	// Destinations are in the order in which they reveal: those that others point to come
	// first.
	Destinations []Destination
	// Ledger records progress for the person who runs the next run. It may be nil.
	Ledger *Ledger
	// Observer may be nil.
	Observer Observer
}

// Plan plans all destinations at the same time. It changes nothing. Conflicts are in the
// plan, not in the error.
func (p *Publisher) Plan(ctx context.Context) (*Plan, error) {
	return p.plan(ctx, nil, func(int) bool { return true })
}

// Apply applies a plan without conflicts and returns the plan of what is left, in which
// everything is equal or kept.
//
// First it asks the destinations whether they may be written to. Then it claims the version: of two releases of one version, one is published, and the
// other one ends before it has written anything. All content of all destinations is written
// and read back before any receipt, and all receipts before the first pointer. Pointers move
// one after the other. A step that fails ends the run. It leaves content that nobody finds, or
// the first few pointers in their new place; the next run resumes there.
func (p *Publisher) Apply(ctx context.Context, plan *Plan) (*Plan, error) {
	if err := plan.Conflicts(); err != nil {
		return nil, err
	}
	if err := p.mayWrite(ctx, plan); err != nil {
		return nil, hint.With(err, "nothing was changed")
	}
	if err := p.Ledger.begin(plan); err != nil {
		return nil, err
	}
	for _, phase := range []func(context.Context, *Plan) (*Plan, error){p.upload, p.record, p.reveal} {
		err := ctx.Err() // destinations that were almost done may have succeeded
		if err == nil {
			plan, err = phase(ctx, plan)
		}
		if err != nil {
			return nil, errors.Join(err, p.Ledger.fail(err))
		}
	}
	return plan, p.Ledger.end()
}

// claim has each destination that can do so decide whether this release becomes the version,
// one after the other: all runs to a profile ask the same one first. It returns the plan of
// what is left.
func (p *Publisher) claim(ctx context.Context, plan *Plan) (*Plan, error) {
	next := *plan
	next.Destinations = slices.Clone(plan.Destinations)
	for n, d := range p.Destinations {
		c, ok := d.(Claimer)
		if !ok {
			continue
		}
		items := plan.Destinations[n].changes(Upload)
		at := c.Claim(items)
		if at < 0 {
			continue // it is the version already
		}
		err := p.apply(ctx, n, Upload, items[at:at+1])
		if errors.Is(err, ErrChanged) {
			err = hint.With(err, "another release of version %s is being published: run again with --plan to see what is there", plan.Version)
		}
		if err != nil {
			return nil, err
		}
		left := slices.Clone(plan.Destinations[n].Items)
		left[slices.IndexFunc(left, func(i Item) bool { return i.Kind == items[at].Kind && i.Name == items[at].Name })].State = Equal
		next.Destinations[n].Items = left
	}
	return &next, nil
}

// upload writes all content and returns the plan of what is left: receipts and pointers.
func (p *Publisher) upload(ctx context.Context, plan *Plan) (*Plan, error) {
	changed := func(i int) bool { return len(plan.Destinations[i].changes(Upload)) > 0 }
	left, err := p.claim(ctx, plan)
	if err != nil {
		return nil, err
	}
	err = parallel.DoAll(ctx, len(p.Destinations), max(1, len(p.Destinations)), func(ctx context.Context, i int) error {
		if !changed(i) {
			return nil
		}
		return p.apply(ctx, i, Upload, left.Destinations[i].changes(Upload))
	})
	if err != nil {
		return nil, err
	}
	// Plan again what has pointers: if another run moved one, stop before this run moves any.
	next, err := p.plan(ctx, plan, func(i int) bool { return changed(i) || len(plan.Destinations[i].changes(Reveal)) > 0 })
	if err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	return next, readBack(plan, next)
}

// readBack checks that all content is there and that no pointer has moved.
func readBack(before, after *Plan) error {
	if err := after.Conflicts(); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	var errs []error
	for n, d := range after.Destinations {
		was := map[[2]string]Item{}
		for _, i := range before.Destinations[n].Items {
			was[[2]string{i.Kind, i.Name}] = i
		}
		for _, i := range d.Items {
			old, known := was[[2]string{i.Kind, i.Name}]
			switch {
			case i.Phase == Upload && i.State != Equal:
				errs = append(errs, fmt.Errorf("reading back %s: %s %s: got %s, want it equal", d.Name, i.Kind, i.Name, i.State))
			case !known && i.State != Equal, old.State == Equal && i.State != Equal,
				i.Phase == Record && i.State != Equal && i.Guard != old.Guard,
				// The plan that people saw says which aliases move.
				old.State == Kept && i.State != Kept && i.State != Equal, old.State != Kept && i.State == Kept,
				old.State == Behind && i.State == Behind && i.Guard != old.Guard:
				errs = append(errs, fmt.Errorf("%s: %s %s: %w", d.Name, i.Kind, i.Name, ErrChanged))
			}
		}
	}
	return hint.With(errors.Join(errs...), "no pointer has moved; run again, first with --plan")
}

// reveal moves the pointers and returns the plan of what is left: nothing.
func (p *Publisher) reveal(ctx context.Context, plan *Plan) (*Plan, error) {
	if err := p.Ledger.enter(Reveal); err != nil {
		return nil, err
	}
	moved := map[int]bool{}
	for i := range p.Destinations {
		items := plan.Destinations[i].changes(Reveal)
		if len(items) == 0 {
			continue
		}
		moved[i] = true
		if err := p.apply(ctx, i, Reveal, items); err != nil {
			return nil, hint.With(err, "run again: it resumes with the pointers that have not moved")
		}
	}
	if len(moved) == 0 {
		return plan, nil
	}
	last, err := p.plan(ctx, plan, func(i int) bool { return moved[i] })
	if err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	if n := last.Changes(); n > 0 || last.Conflicts() != nil {
		return nil, errors.Join(fmt.Errorf("reading back: %d items differ from what was written", n), last.Conflicts())
	}
	return last, nil
}

func (p *Publisher) apply(ctx context.Context, n int, phase Phase, items []Item) error {
	return p.write(n, phase, items, func(report Report) error { return p.Destinations[n].Apply(ctx, phase, items, report) })
}

// write calls do, which writes items of a destination, and tells the observer.
func (p *Publisher) write(n int, phase Phase, items []Item, do func(Report) error) error {
	d := p.Destinations[n]
	observer := p.Observer
	if observer == nil {
		observer = silent{}
	}
	var size int64
	for _, i := range items {
		size += i.Size
	}
	observer.Begin(d.Name(), phase, len(items), size)
	err := do(func(progress Progress) {
		if progress.Done != nil {
			p.Ledger.done(d.Name(), *progress.Done)
		}
		observer.Progress(d.Name(), phase, progress)
	})
	observer.End(d.Name(), phase, err)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Name(), err)
	}
	return nil
}

type silent struct{}

func (silent) Begin(string, Phase, int, int64)  {}
func (silent) Progress(string, Phase, Progress) {}
func (silent) End(string, Phase, error)         {}
