package publish

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// claimer is a memory whose first object only one release can create.
type claimer struct{ *memory }

func (c claimer) Claim(items []Item) int {
	for n, i := range items {
		if i.Name == "x" {
			return n
		}
	}
	return -1
}

// TestClaim has another release become the version between the plan and the first write: then
// nothing is written. A run after one that has claimed the version goes on.
func TestClaim(t *testing.T) {
	w, all := places()
	p := publisher(all)
	p.Destinations[1] = claimer{all[1]}
	plan, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all[1].set("x", "another release's")
	before := fmt.Sprint(all[0].state(), all[1].state(), all[2].state())
	_, err = p.Apply(t.Context(), plan)
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want %v", err, ErrChanged)
	}
	if after := fmt.Sprint(all[0].state(), all[1].state(), all[2].state()); after != before {
		t.Errorf("got %s, want %s", after, before)
	}

	all[1].set("x", "x") // it was this release's, by a run that ended there
	w.log = nil
	if _, err := publishAll(t.Context(), p); err != nil {
		t.Error(err)
	}
	if written := strings.Join(w.log, "\n"); strings.Contains(written, "upload x") {
		t.Errorf("it wrote x again:\n%s", written)
	}
}

// TestClaimFirst claims the version before anything else is written.
func TestClaimFirst(t *testing.T) {
	w, all := places()
	p := publisher(all)
	p.Destinations[1] = claimer{all[1]}
	if _, err := publishAll(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	writes := map[string]int{}
	for n, line := range w.log {
		if strings.Contains(line, " upload ") || strings.Contains(line, " reveal ") {
			writes[line] = n
		}
	}
	for line, n := range writes {
		if n < writes["bucket upload x"] {
			t.Errorf("%q came before the claim", line)
		}
	}
}
