package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// places returns three destinations: two that have content and pointers, of which
// the bucket keeps receipts, and one that has a pointer only.
func places() (*world, []*memory) {
	w := &world{}
	tag := pointer("tag", "1.2.0")
	tag.Kind, tag.Rule = "tag", "" // it never moves
	return w, []*memory{
		newMemory(w, "registry", object("image", "a"), tag, pointer("latest tag", "1.2.0")),
		newMemory(w, "bucket", object("x", "x"), object("y", "y"), pointer("latest", "1.2.0")),
		newMemory(w, "tags", pointer("ref", "1.2.0")),
	}
}

func publisher(all []*memory) *Publisher {
	sum := digest.Digest("sha256:" + releaseDigest)
	p := &Publisher{Line: "demo", Profile: profile.Profile{Name: "stage"}, Tree: &release.Tree{
		Version: "1.2.0", Digest: sum, Files: []release.File{{Path: release.Checksums, Digest: sum}},
	}}
	for _, m := range all {
		if m.name == "bucket" {
			p.Destinations = append(p.Destinations, keeper{m})
		} else {
			p.Destinations = append(p.Destinations, m)
		}
	}
	return p
}

func publishAll(ctx context.Context, p *Publisher) (*Plan, error) {
	plan, err := p.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return p.Apply(ctx, plan)
}

func TestPublish(t *testing.T) {
	w, all := places()
	p := publisher(all)
	plan, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	receipt := int64(len(wanted(t, p)))
	if plan.Changes() != 8 || plan.Size() != 34+receipt || plan.Conflicts() != nil {
		t.Errorf("got %d changes of %d bytes, %v", plan.Changes(), plan.Size(), plan.Conflicts())
	}
	last, err := p.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if last.Changes() != 0 {
		t.Errorf("got %d changes left", last.Changes())
	}
	// All uploads come before the reading back, which comes before the receipt, which comes before all pointers, which come in order.
	var order []string
	for _, l := range w.log[4:] {
		fields := strings.Fields(l)
		if step := fields[1]; len(order) == 0 || order[len(order)-1] != step {
			order = append(order, step)
		}
	}
	if want := []string{"upload", "plan", "look", "record", "look", "reveal", "plan", "look"}; !slices.Equal(order, want) {
		t.Errorf("got steps %q, want %q: %q", order, want, w.log)
	}
	var revealed []string
	for _, l := range w.log {
		if _, name, ok := strings.Cut(l, " reveal "); ok {
			revealed = append(revealed, name)
		}
	}
	if want := []string{"tag", "latest tag", "latest", "ref"}; !slices.Equal(revealed, want) {
		t.Errorf("got pointers %q, want %q", revealed, want)
	}

	w.log = nil
	again, err := publishAll(t.Context(), p)
	if err != nil || again.Changes() != 0 {
		t.Errorf("again: got %v", err)
	}
	if want := []string{"bucket look", "bucket plan", "registry plan", "tags plan"}; !slices.Equal(slices.Sorted(slices.Values(w.log)), want) {
		t.Errorf("again: got %q, want %q", w.log, want)
	}
}

// TestEndAnywhere ends a run at each of its operations: the receipt is not there
// before all content is, no pointer is before the receipt, pointers are there in
// their order, and to run again finishes.
func TestEndAnywhere(t *testing.T) {
	w, all := places()
	if _, err := publishAll(t.Context(), publisher(all)); err != nil {
		t.Fatal(err)
	}
	for end := 1; end <= w.ops; end++ {
		t.Run(fmt.Sprint(end), func(t *testing.T) {
			w, all := places()
			p := publisher(all)
			w.end = end
			if _, err := publishAll(t.Context(), p); !errors.Is(err, errEnd) {
				t.Fatalf("got %v, want %v", err, errEnd)
			}
			var content, revealed, hidden []string
			for _, m := range all {
				content = append(content, m.lacks(Upload)...)
				for _, i := range m.want {
					if i.Phase != Reveal {
						continue
					}
					if slices.Contains(m.lacks(Reveal), i.Name) {
						hidden = append(hidden, i.Name)
						continue
					}
					revealed = append(revealed, i.Name)
					if len(hidden) > 0 {
						t.Errorf("pointer %q is there before %q", i.Name, hidden)
					}
				}
			}
			recorded := all[1].state()[kept] == wanted(t, p)
			if recorded && len(content) > 0 || !recorded && len(revealed) > 0 {
				t.Errorf("pointers %q are there, content %q is not, the receipt is: %v", revealed, content, recorded)
			}
			w.end = 0
			last, err := publishAll(t.Context(), p)
			if err != nil || last.Changes() > 0 || all[1].state()[kept] != wanted(t, p) {
				t.Errorf("again: got %v, receipt %q", err, all[1].state()[kept])
			}
		})
	}
}

// TestConflicts checks that each conflict is named, and nothing is changed.
func TestConflicts(t *testing.T) {
	_, all := places()
	p := publisher(all)
	all[1].set("y", "other")
	all[2].set("ref", "nightly")
	before := []map[string]string{all[0].state(), all[1].state(), all[2].state()}
	_, err := publishAll(t.Context(), p)
	if err == nil {
		t.Fatal("got no error")
	}
	want := "bucket: object y: found other, want y\ntags: alias ref: found nightly, want 1.2.0: \"nightly\" is not a semantic version"
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for i, m := range all {
		if !maps.Equal(m.state(), before[i]) {
			t.Errorf("%s has %q, had %q", m.name, m.state(), before[i])
		}
	}
}

// TestChangedMeanwhile has somebody else change something at each operation.
func TestChangedMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name, item, digest string
		place              int
		theirs             bool // what they wrote stays
		kept               bool // and is no error, if the plan shows it
	}{
		{"content", "y", "other", 1, true, false},
		{"pointer forwards", "latest", "1.3.0", 1, true, true},
		{"pointer to an older version", "latest", "1.1.0", 1, false, false},
		{"last pointer", "ref", "1.3.0", 2, true, true},
	} {
		w, all := places()
		if _, err := publishAll(t.Context(), publisher(all)); err != nil {
			t.Fatal(err)
		}
		for at := 1; at <= w.ops; at++ {
			w, all := places()
			p := publisher(all)
			done := false
			w.before = func(op int) {
				if op == at {
					done = len(all[tt.place].lacks(Reveal)) == 0 || !slices.Contains(append(all[tt.place].lacks(Reveal), all[tt.place].lacks(Upload)...), tt.item)
					if !done {
						all[tt.place].set(tt.item, tt.digest)
					}
				}
			}
			plan, err := p.Plan(t.Context())
			if err == nil {
				_, err = p.Apply(t.Context(), plan)
			}
			if done {
				continue // it was published already, and would have been theirs to overwrite
			}
			if got := all[tt.place].state()[tt.item]; tt.theirs && got != tt.digest {
				t.Errorf("%s at %d: got %q, %v: overwritten", tt.name, at, got, err)
			}
			shown := tt.kept && find(plan, tt.item).State == Kept
			if tt.theirs && (err == nil) != shown {
				t.Errorf("%s at %d: got %v, kept in the plan: %v", tt.name, at, err, shown)
			}
			if err == nil && len(all[tt.place].lacks(Reveal)) > 0 {
				t.Errorf("%s at %d: got no error, and %q is not published", tt.name, at, all[tt.place].lacks(Reveal))
			}
		}
	}
}

// TestLost has a destination that says of something that it is written, and has it
// not: content that is not there ends a run before any pointer moves, and a pointer
// that is not there is no success.
func TestLost(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"y", "reading back bucket: object y: got absent, want it equal"},
		{"latest", "reading back: 1 items differ from what was written"},
	} {
		_, all := places()
		all[1].lost = tt.name
		_, err := publishAll(t.Context(), publisher(all))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if tag := all[0].state()["tag"]; tt.name == "y" && tag != "" {
			t.Errorf("%s: the tag is there", tt.name)
		}
	}
}

// TestPointerMovedMeanwhile has somebody else move the last pointer, forwards, while
// content is uploaded: it is not what the plan showed, and no pointer moves.
func TestPointerMovedMeanwhile(t *testing.T) {
	w, all := places()
	all[2].set("ref", "1.0.0")
	w.before = func(op int) {
		if op == 5 { // the first upload
			all[2].set("ref", "1.1.0")
		}
	}
	_, err := publishAll(t.Context(), publisher(all))
	if !errors.Is(err, ErrChanged) || all[0].state()["tag"] != "" || all[2].state()["ref"] != "1.1.0" {
		t.Errorf("got %v, %q, %q, want %v and no pointer moved", err, all[0].state(), all[2].state(), ErrChanged)
	}
}

// TestCancelled cancels at each upload and at each reading back: no receipt is written, no
// pointer moves, although the destinations themselves do not look at the context.
func TestCancelled(t *testing.T) {
	for at := 5; at <= 10; at++ { // after the plans of three destinations and of the receipt
		w, all := places()
		ctx, cancel := context.WithCancel(t.Context())
		w.before = func(op int) {
			if op == at {
				cancel()
			}
		}
		if _, err := publishAll(ctx, publisher(all)); !errors.Is(err, context.Canceled) {
			t.Errorf("at %d: got %v, want %v", at, err, context.Canceled)
		}
		for _, l := range w.log {
			if what := strings.Fields(l)[1]; what == "record" || what == "reveal" {
				t.Errorf("at %d: got %q after it was cancelled", at, l)
			}
		}
	}
}

func TestLedgerAndReceipt(t *testing.T) {
	w, all := places()
	p := publisher(all)
	dir := t.TempDir()
	name := filepath.Join(dir, "ledger.json")
	var last LedgerState
	if p.Ledger, last = OpenLedger(name); last.Phase != "" {
		t.Errorf("got %+v, want nothing", last)
	}
	w.end = 3 + 1 + 3 + 3 + 1 + 2 + 3 // three plans and the receipt's, uploads, plans, the receipt; two pointers move
	if _, err := publishAll(t.Context(), p); !errors.Is(err, errEnd) {
		t.Fatalf("got %v, want %v", err, errEnd)
	}
	p.Ledger, last = OpenLedger(name)
	if last.Phase != "reveal" || !slices.Equal(last.Revealed, []string{"tag", "latest tag"}) || last.Written["bucket"] != 3 || !strings.Contains(last.Error, errEnd.Error()) {
		t.Errorf("got %+v", last)
	}
	w.end = 0
	plan, err := publishAll(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if _, last = OpenLedger(name); last.Phase != "done" || last.Error != "" {
		t.Errorf("got %+v", last)
	}
	receipt, err := NewReceipt("demo", p.Tree, profile.Profile{Name: "stage"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "receipt.json")
	if err := receipt.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReceipt(file)
	if err != nil || got.Version != "1.2.0" || len(got.Destinations) != 3 || got.Destinations[1].Items[3].Version != "1.2.0" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, f := range []string{name, file} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, %v, want 0600", f, info.Mode(), err)
		}
	}
	if _, err := NewReceipt("demo", p.Tree, profile.Profile{}, &Plan{Destinations: []Planned{{"a", []Item{{State: Absent, Phase: Upload}}}}}); err == nil {
		t.Error("a receipt of what is not published: got no error")
	}
}

const releaseDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
