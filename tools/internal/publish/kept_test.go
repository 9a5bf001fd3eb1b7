package publish

import (
	"errors"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// find returns the named item of a plan.
func find(p *Plan, name string) Item {
	for _, d := range p.Destinations {
		for _, i := range d.Items {
			if i.Name == name {
				return i
			}
		}
	}
	return Item{}
}

// TestKept publishes where an alias is at a newer release: that is no change and no
// conflict, and stands in the receipt.
func TestKept(t *testing.T) {
	_, all := places()
	all[1].set("latest", "1.3.0")
	p := publisher(all)
	plan, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i := find(plan, "latest"); i.State != Kept || i.Reason != "1.2.0 is lower than 1.3.0" || plan.Changes() != 7 || plan.Conflicts() != nil {
		t.Errorf("got %+v, %d changes of %d bytes, %v", i, plan.Changes(), plan.Size(), plan.Conflicts())
	}
	last, err := p.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := NewReceipt("demo", p.Tree, profile.Profile{}, last)
	if err != nil || receipt.Destinations[1].Items[3].State != Kept || all[1].state()["latest"] != "1.3.0" {
		t.Errorf("got %+v, %v, %q", receipt, err, all[1].state())
	}
}

// TestAliasMovedMeanwhile has somebody else change an alias while content is uploaded.
// That the rule has another answer now is not what the plan showed: no pointer moves.
func TestAliasMovedMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name, before, meanwhile string
		changed                 bool
	}{
		{"what was kept is gone", "1.3.0", "", true},
		{"what was kept is older", "1.3.0", "1.1.0", true},
		{"what was kept is at another newer release", "1.3.0", "1.4.0", false},
		{"what was kept is as it is to be", "1.3.0", "1.2.0", false},
		{"what was to move is to be kept", "1.1.0", "1.3.0", true},
		{"what was to be created is to be kept", "", "1.3.0", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, all := places()
			all[1].set("latest", tt.before)
			w.before = func(op int) {
				if op == 4 { // the first upload
					all[1].set("latest", tt.meanwhile)
				}
			}
			_, err := publishAll(t.Context(), publisher(all))
			if errors.Is(err, ErrChanged) != tt.changed || !tt.changed && err != nil {
				t.Errorf("got %v, want %v: %v", err, ErrChanged, tt.changed)
			}
			if got := all[1].state()["latest"]; got != tt.meanwhile {
				t.Errorf("got %q, want %q", got, tt.meanwhile)
			}
			if tag := all[0].state()["tag"]; (tag == "") != tt.changed {
				t.Errorf("the first pointer: got %q", tag)
			}
		})
	}
}

// TestConflictHint names the aliases that may move all the same.
func TestConflictHint(t *testing.T) {
	for _, tt := range []struct{ item, digest, want string }{
		{"ref", "nightly", "publish a new version. To move an alias anyway, pass --allow-downgrade ref\n"},
		{"y", "other", "publish a new version\n"},
	} {
		_, all := places()
		for _, m := range all {
			m.set(tt.item, tt.digest)
		}
		plan, err := publisher(all).Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		cli.Fail(&b, "test", plan.Conflicts())
		if !strings.HasSuffix(b.String(), tt.want) {
			t.Errorf("got %q, want %q at its end", b.String(), tt.want)
		}
	}
}
