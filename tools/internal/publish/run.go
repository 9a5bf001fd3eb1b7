package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// An Observer hears how a run goes on. It is called from several goroutines.
type Observer interface {
	// Begin says that a destination now writes items of a phase, which send at
	// most size bytes.
	Begin(destination string, phase Phase, items int, size int64)
	// Progress is that of the destination.
	Progress(destination string, phase Phase, p Progress)
	// End says that the destination has written all of them, or not.
	End(destination string, phase Phase, err error)
}

// A Publisher publishes one release.
type Publisher struct {
	Tree *release.Tree
	// Line and Profile are those of the receipt that is published, which says of the
	// destinations no more than where they are.
	Line    string
	Profile profile.Profile
	// Only are the kinds of destination if not all of the profile's are here; then
	// no receipt is published, and one that is there stays.
	Only []string
	// Destinations are in the order in which they reveal: what others point to first.
	Destinations []Destination
	// Ledger keeps what was done, for the person who runs the next one. It may be nil.
	Ledger *Ledger
	// Observer may be nil.
	Observer Observer
}

// Plan asks all destinations what they have, at the same time. It changes
// nothing. Conflicts are in the plan, not in the error.
func (p *Publisher) Plan(ctx context.Context) (*Plan, error) {
	return p.plan(ctx, nil, func(int) bool { return true })
}

// Apply brings about what a plan without conflicts says, and returns the plan
// that is left, in which all is equal, or kept where its rule leaves it.
//
// All content of all destinations is there, and was read back, before the receipt
// is, and all receipts are before the first pointer moves; pointers move one after
// the other. A step that fails ends the run. What it leaves is content that nobody
// finds, or the first of the pointers in their order; to run again goes on from there.
func (p *Publisher) Apply(ctx context.Context, plan *Plan) (*Plan, error) {
	if err := plan.Conflicts(); err != nil {
		return nil, err
	}
	if err := p.Ledger.begin(plan); err != nil {
		return nil, err
	}
	plan, err := p.upload(ctx, plan)
	if err == nil {
		plan, err = p.record(ctx, plan)
	}
	if err == nil {
		plan, err = p.reveal(ctx, plan)
	}
	if err != nil {
		return nil, errors.Join(err, p.Ledger.fail(err))
	}
	return plan, p.Ledger.end()
}

// upload writes all content and returns the plan of what is left: receipts and pointers.
func (p *Publisher) upload(ctx context.Context, plan *Plan) (*Plan, error) {
	changed := func(i int) bool { return len(plan.Destinations[i].changes(Upload)) > 0 }
	err := parallel.DoAll(ctx, len(p.Destinations), max(1, len(p.Destinations)), func(ctx context.Context, i int) error {
		if !changed(i) {
			return nil
		}
		return p.apply(ctx, i, Upload, plan.Destinations[i].changes(Upload))
	})
	if err != nil {
		return nil, err
	}
	// Nothing may have happened meanwhile to what is not written before all of
	// it is: a pointer that another run moved ends this one before it moves any.
	next, err := p.plan(ctx, plan, func(i int) bool { return changed(i) || len(plan.Destinations[i].changes(Reveal)) > 0 })
	if err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	return next, readBack(plan, next)
}

// readBack checks that all content is there, and that pointers are as they were.
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
				// The plan that people saw says which aliases move, and which do not.
				old.State == Kept && i.State != Kept && i.State != Equal, old.State != Kept && i.State == Kept,
				old.State == Behind && i.State == Behind && i.Guard != old.Guard:
				errs = append(errs, fmt.Errorf("%s: %s %s: %w", d.Name, i.Kind, i.Name, ErrChanged))
			}
		}
	}
	return hint.With(errors.Join(errs...), "no pointer has moved; run again, with --plan to look first")
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
			return nil, hint.With(err, "run again: it goes on with the pointers that have not moved")
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
		return nil, errors.Join(fmt.Errorf("reading back: %d items are not as they were written", n), last.Conflicts())
	}
	return last, nil
}

func (p *Publisher) apply(ctx context.Context, n int, phase Phase, items []Item) error {
	return p.write(n, phase, items, func(report Report) error { return p.Destinations[n].Apply(ctx, phase, items, report) })
}

// write has a destination write items, by do, and tells of it.
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
