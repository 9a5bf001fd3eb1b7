package publish

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// CheckApproved checks that carrying out the plan now does nothing that is not in the approved
// plan p. What p wanted may be there: a run that stopped half-way goes on. Anything else that
// has changed is an error.
func (p *Plan) CheckApproved(now *Plan) error {
	err := p.sameRelease(now)
	for n := 0; err == nil && n < len(now.Destinations); n++ {
		err = sameItems(&p.Destinations[n], &now.Destinations[n])
	}
	return hint.With(err, "nothing was changed. Make a new plan with --plan --out FILE, and have that approved")
}

func (p *Plan) sameRelease(now *Plan) error {
	names := func(p *Plan) []string {
		var all []string
		for _, d := range p.Destinations {
			all = append(all, d.Name)
		}
		return all
	}
	switch got, want := names(now), names(p); {
	case now.Yanks != p.Yanks:
		return fmt.Errorf("the approved plan %s, this run %s", p.does(), now.does())
	case now.Version != p.Version || now.Lock != p.Lock:
		return fmt.Errorf("the approved plan is for %s with lock %s, got %s with lock %s", p.Version, p.Lock, now.Version, now.Lock)
	case !slices.Equal(got, want):
		return fmt.Errorf("the approved plan has the destinations %q, got %q", want, got)
	}
	return nil
}

// sameItems returns an error for each item that is not as it was approved.
func sameItems(approved, now *Planned) error {
	was := map[[3]string]Item{}
	for _, i := range approved.Items {
		was[i.key()] = i
	}
	var errs []error
	differs := func(i Item, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s %s: %s", now.Name, i.Kind, i.Name, fmt.Sprintf(format, args...)))
	}
	for _, i := range now.Items {
		old, known := was[i.key()]
		delete(was, i.key())
		switch {
		case !known && i.State == Equal:
		case !known:
			differs(i, "it is not in the approved plan")
		case i.Phase != Record && (i.Digest != old.Digest || i.Path != old.Path):
			// A receipt has the approvals, which its plan cannot have.
			differs(i, "the approved plan has %s, got %s", old.Digest, i.Digest)
		case i.State == Equal, i.State == Kept && old.State == Kept, i.todo() && old.todo() && i.Guard == old.Guard:
		default:
			differs(i, "it has changed since the plan: it was %s, and is %s", old.situation(), i.situation())
		}
	}
	for _, i := range approved.Items {
		if _, left := was[i.key()]; left {
			differs(i, "it is in the approved plan only")
		}
	}
	return errors.Join(errs...)
}

func (i *Item) key() [3]string { return [3]string{string(i.Phase), i.Kind, i.Name} }

// todo reports whether the item has to be written.
func (i *Item) todo() bool { return i.State == Absent || i.State == Behind }

// situation says what is at the item's place, for people.
func (i *Item) situation() string {
	switch i.State {
	case Equal:
		return "as it should be"
	case Absent:
		return "absent"
	}
	return cmp.Or(i.Found, "absent")
}

// does says what a plan is for.
func (p *Plan) does() string {
	if p.Yanks == "" {
		return "publishes a release"
	}
	return "yanks " + p.Yanks
}
