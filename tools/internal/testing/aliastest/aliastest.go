// Package aliastest tests how a destination moves the alias latest. It publishes releases
// one after the other and, for each, makes a plan, publishes it, and verifies the receipt.
package aliastest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A Release is one that a case publishes.
type Release struct {
	Version string
	Day     int // of its commit
}

// An Event is what happens to an alias between two releases.
type Event int

const (
	Nothing Event = iota
	Gone          // somebody removes it
	Unknown       // somebody points it to something that is not a release
)

// A Case says what an alias does when a release is published after others.
type Case struct {
	Name string
	Rule publish.Rule
	// Back lets the alias move to any release, in the last run.
	Back bool
	// Before are the releases that were published, in order.
	Before []Release
	Event  Event
	// Next is published last.
	Next Release
	// State is the alias's state in the plan of Next; its reason contains Reason.
	State  publish.State
	Reason string
	// Want is the version that the alias points to after that; empty if it does not exist.
	Want string
	// Differs means that the receipts of Before no longer verify.
	Differs bool
}

// Cases returns all of them.
func Cases() []Case {
	const conflict, behind, kept = publish.Conflict, publish.Behind, publish.Kept
	older, newer := Release{"1.31.0-alpha.ffff", 1}, Release{"1.31.0-alpha.0aaa", 2}
	one := func(version string) []Release { return []Release{{version, 1}} }
	return []Case{
		{Name: "the first release takes it", Rule: publish.Stable, Next: Release{"1.0.0", 1}, State: publish.Absent, Want: "1.0.0"},
		{Name: "a higher release takes it", Rule: publish.Stable, Before: one("1.9.0"), Next: Release{"1.10.0", 2}, State: behind, Want: "1.10.0"},
		{Name: "a first pre-release leaves it out", Rule: publish.Stable, Next: Release{"1.0.0-rc.1", 1}, State: kept, Reason: "1.0.0-rc.1 is a pre-release"},
		{Name: "a pre-release leaves it", Rule: publish.Stable, Before: one("1.0.0"), Next: Release{"1.1.0-rc.1", 2}, State: kept, Reason: "1.1.0-rc.1 is a pre-release", Want: "1.0.0"},
		{Name: "a pre-release takes it if the rule says so", Rule: publish.Highest, Before: one("1.0.0"), Next: Release{"1.1.0-rc.1", 2}, State: behind, Want: "1.1.0-rc.1"},
		{Name: "an older series leaves it", Rule: publish.Stable, Before: one("1.1.0"), Next: Release{"1.0.5", 2}, State: kept, Reason: "1.0.5 is lower than 1.1.0", Want: "1.1.0"},
		{Name: "an older series takes it on purpose", Rule: publish.Stable, Back: true, Before: one("1.1.0"), Next: Release{"1.0.5", 2}, State: behind, Reason: "moved back on purpose", Want: "1.0.5", Differs: true},
		{Name: "a newer commit takes it, whatever its hash", Rule: publish.Newest, Before: []Release{older}, Next: newer, State: behind, Want: newer.Version},
		{Name: "an older commit that comes last leaves it", Rule: publish.Newest, Before: []Release{newer}, Next: older, State: kept, Reason: "the commit of 1.31.0-alpha.ffff is older", Want: newer.Version},
		{Name: "the same commit again changes nothing", Rule: publish.Newest, Before: []Release{older, newer}, Next: newer, State: publish.Equal, Want: newer.Version},
		{Name: "it is made again if it is gone", Rule: publish.Stable, Before: one("1.0.0"), Event: Gone, Next: Release{"1.0.1", 2}, State: publish.Absent, Want: "1.0.1"},
		{Name: "what points to unknown content is a conflict", Rule: publish.Stable, Before: one("1.0.0"), Event: Unknown, Next: Release{"1.0.1", 2}, State: conflict, Reason: "version", Differs: true},
		{Name: "what points to unknown content moves on purpose", Rule: publish.Stable, Back: true, Before: one("1.0.0"), Event: Unknown, Next: Release{"1.0.1", 2}, State: behind, Reason: "moved back on purpose", Want: "1.0.1"},
	}
}

// A Place is a place to which releases are published.
type Place struct {
	// Release is what each release has besides a version and a time.
	Release releasetest.Args
	// Open makes the destination for a release with the alias. The tree is nil if the
	// destination only has to verify.
	Open func(a publish.Alias, tree *release.Tree) publish.Destination
	// Points returns the version that the alias points to; empty if it does not exist or
	// has unknown content.
	Points func() string
	// Do makes an event happen to the alias.
	Do func(Event)
	// Falls means that a removed alias moves to another release, as on GitHub.
	Falls bool
}

// Run runs all cases, each at its own place.
func Run(t *testing.T, start func(t *testing.T) Place) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			r := &runner{t: t, place: start(t), rule: c.Rule}
			var receipts []*publish.Receipt
			for _, before := range c.Before {
				r.publish(before, r.plan(before, false))
				receipts = append(receipts, r.receipt)
			}
			if c.Event != Nothing {
				r.place.Do(c.Event)
			}
			if c.Event == Gone && r.place.Falls {
				c.State = publish.Behind
			}
			plan := r.plan(c.Next, c.Back)
			r.check(plan, c)
			if c.State != publish.Conflict {
				r.publish(c.Next, plan)
				r.verify(r.receipt, false)
			}
			if got := r.place.Points(); got != c.Want {
				t.Errorf("the alias points to %q, want %q", got, c.Want)
			}
			for _, old := range receipts {
				r.verify(old, c.Differs)
			}
		})
	}
}

// A runner runs one case.
type runner struct {
	t         *testing.T
	place     Place
	rule      publish.Rule
	publisher *publish.Publisher
	receipt   *publish.Receipt // of the last release
}

func (r *runner) plan(next Release, back bool) *publish.Plan {
	r.t.Helper()
	args := r.place.Release
	args.Version, args.Time = next.Version, time.Date(2026, 1, next.Day, 12, 0, 0, 0, time.UTC)
	tree := releasetest.Open(r.t, releasetest.Make(r.t, args))
	alias := publish.Alias{Name: "latest", Rule: r.rule, Back: back}
	r.publisher = &publish.Publisher{Tree: tree, Destinations: []publish.Destination{r.place.Open(alias, tree)}}
	plan, err := r.publisher.Plan(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return plan
}

// check compares the items of the alias with a case.
func (r *runner) check(plan *publish.Plan, c Case) {
	r.t.Helper()
	items := slices.DeleteFunc(slices.Clone(plan.Destinations[0].Items), func(i publish.Item) bool { return i.Alias == "" })
	if len(items) == 0 {
		r.t.Fatalf("no item is an alias: %+v", plan.Destinations[0].Items)
	}
	for _, i := range items {
		if i.Alias != "latest" || i.Rule != c.Rule || i.State != c.State || !strings.Contains(i.Reason, c.Reason) || (i.Reason == "") != (c.Reason == "") {
			r.t.Errorf("got %+v, want state %s and reason %q", i, c.State, c.Reason)
		}
		if c.State == publish.Kept && i.Found != c.Want {
			r.t.Errorf("it is kept at %q, want %q", i.Found, c.Want)
		}
	}
	if c.State == publish.Equal && plan.Changes() != 0 {
		r.t.Errorf("got %d changes, want none", plan.Changes())
	}
}

func (r *runner) publish(next Release, plan *publish.Plan) {
	r.t.Helper()
	last, err := r.publisher.Apply(r.t.Context(), plan)
	if err != nil {
		r.t.Fatalf("publishing %s: %v", next.Version, err)
	}
	if r.receipt, err = publish.NewReceipt("demo", r.publisher.Tree, profile.Profile{}, last); err != nil {
		r.t.Fatal(err)
	}
}

func (r *runner) verify(receipt *publish.Receipt, differs bool) {
	r.t.Helper()
	for _, deep := range []bool{false, true} {
		err := r.place.Open(publish.Alias{}, nil).Verify(r.t.Context(), receipt.Destinations[0].Items, deep)
		if (err != nil) != differs {
			r.t.Errorf("verifying %s, deep %v: got %v, want a difference: %v", receipt.Version, deep, err, differs)
		}
	}
}
