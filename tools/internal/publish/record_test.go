package publish

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// wanted is the content of the receipt that a publisher has its recorders keep.
func wanted(t *testing.T, p *Publisher) string {
	t.Helper()
	quiet := &Publisher{Line: p.Line, Profile: p.Profile, Tree: p.Tree}
	plan := &Plan{}
	for _, d := range p.Destinations {
		m, ok := d.(*memory)
		if k, keeps := d.(keeper); keeps {
			m, ok = k.memory, true
		}
		if ok {
			plan.Destinations = append(plan.Destinations, Planned{m.name, m.want})
		}
	}
	data, err := quiet.receipt(plan).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPublishedReceipt has a receipt made before anything is there and after all is:
// it says the same, and nothing of what moves.
func TestPublishedReceipt(t *testing.T) {
	_, all := places()
	p := publisher(all)
	p.Profile = profile.Profile{Name: "stage", Places: []profile.Place{profile.Place{Key: "buckets"}.WithText("url", "gs://a/b")}}
	first, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last, err := p.Apply(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := p.receipt(first).Marshal()
	after, _ := p.receipt(last).Marshal()
	if string(before) != string(after) || all[1].state()[kept] != string(after) {
		t.Errorf("got receipt\n%s\nbefore, and\n%s\nafter", before, after)
	}
	var names []string
	got := p.receipt(last)
	for _, d := range got.Destinations {
		for _, i := range d.Items {
			names = append(names, d.Name+" "+i.Name)
			if i.State != "" || i.Version != "" {
				t.Errorf("got %+v, which says what is there", i)
			}
		}
	}
	if want := []string{"registry image", "registry tag", "bucket x", "bucket y"}; !slices.Equal(names, want) {
		t.Errorf("got items %q, want %q: those that never move", names, want)
	}
	if !reflect.DeepEqual(got.Profile, p.Profile) {
		t.Errorf("got profile %+v, want %+v", got.Profile, p.Profile)
	}
}

// TestReceiptThere has a receipt there before the run.
func TestReceiptThere(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there func(r *Receipt) string
		only  []string
		state State
		found string // what the plan says is there
	}{
		{"none", nil, nil, Absent, ""},
		{"the same", text, nil, Equal, ""},
		{"of the same release with other destinations", func(r *Receipt) string { return text(without(r)) }, nil, Behind, " with other destinations"},
		{"of another build of the version", func(r *Receipt) string {
			r.Checksums = digest.FromBytes([]byte("x"))
			return text(r)
		}, nil, Conflict, "the receipt of another release, 1.2.0 with lock sha256:e3b0"},
		{"of another line", func(r *Receipt) string { r.Line = "other"; return text(r) }, nil, Conflict, "the receipt of another release"},
		{"something else", func(*Receipt) string { return "{}" }, nil, Conflict, "not a receipt, sha256:"},
		{"none, and not all is published", nil, []string{"bucket"}, Kept, ""},
		{"of other destinations, and not all is published", func(r *Receipt) string { return text(without(r)) }, []string{"bucket"}, Kept, " with other destinations"},
		{"something else, and not all is published", func(*Receipt) string { return "{}" }, []string{"bucket"}, Conflict, "not a receipt, sha256:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, all := places()
			p := publisher(all)
			want := wanted(t, p)
			p.Only = tt.only
			before := ""
			if tt.there != nil {
				r, err := ParseReceipt("r", []byte(want))
				if err != nil {
					t.Fatal(err)
				}
				before = tt.there(r)
				all[1].set(kept, before)
			}
			plan, err := p.Plan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			items := plan.Destinations[1].Items
			n := slices.IndexFunc(items, func(i Item) bool { return i.Phase == Record })
			if got := items[n]; got.State != tt.state || !strings.Contains(got.Found, tt.found) || (got.Found == "") != (tt.found == "") {
				t.Errorf("got %+v, want it %s with %q", got, tt.state, tt.found)
			}
			if items[n-1].Phase != Upload || items[n+1].Phase != Reveal {
				t.Errorf("got %+v, want the receipt after all content and before all pointers", items)
			}
			_, err = p.Apply(t.Context(), plan)
			if conflict := tt.state == Conflict; (err != nil) != conflict {
				t.Errorf("got %v", err)
			}
			if tt.state == Conflict || tt.state == Kept {
				want = before
			}
			if got := all[1].state()[kept]; got != want {
				t.Errorf("got receipt\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func text(r *Receipt) string {
	data, _ := r.Marshal()
	return string(data)
}

func without(r *Receipt) *Receipt {
	r.Destinations = r.Destinations[1:]
	return r
}

// TestReceiptChangedMeanwhile has somebody else write a receipt at each operation:
// it is never overwritten unless the plan saw it, and no pointer moves then.
func TestReceiptChangedMeanwhile(t *testing.T) {
	w, all := places()
	if _, err := publishAll(t.Context(), publisher(all)); err != nil {
		t.Fatal(err)
	}
	last := slices.Index(w.log, "bucket record "+kept) + 1
	for at := 5; at <= last; at++ { // the first four plan
		w, all := places()
		p := publisher(all)
		r, err := ParseReceipt("r", []byte(wanted(t, p)))
		if err != nil {
			t.Fatal(err)
		}
		theirs := text(without(r))
		w.before = func(op int) {
			if op == at {
				all[1].set(kept, theirs)
			}
		}
		if _, err := publishAll(t.Context(), p); !errors.Is(err, ErrChanged) {
			t.Errorf("at %d: got %v, want %v", at, err, ErrChanged)
		}
		if got := all[1].state(); got[kept] != theirs || got["latest"] != "" || all[0].state()["tag"] != "" {
			t.Errorf("at %d: got %q, %q, want their receipt and no pointer", at, got, all[0].state())
		}
	}
}

// TestReceiptLost has a recorder say that it wrote a receipt, and have none.
func TestReceiptLost(t *testing.T) {
	_, all := places()
	all[1].lost = kept
	_, err := publishAll(t.Context(), publisher(all))
	if err == nil || !strings.HasPrefix(err.Error(), "reading back bucket: receipt "+kept+": got absent, want it equal") {
		t.Errorf("got %v", err)
	}
	if tag := all[0].state()["tag"]; tag != "" {
		t.Error("the tag is there")
	}
}

// TestLocalReceipt checks that a receipt which a run left alone is not in its own.
func TestLocalReceipt(t *testing.T) {
	for _, only := range [][]string{nil, {"bucket"}} {
		_, all := places()
		p := publisher(all)
		p.Only = only
		plan, err := publishAll(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReceipt("demo", p.Tree, p.Profile, plan)
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for _, i := range r.Destinations[1].Items {
			kinds[i.Kind]++
		}
		want := map[string]int{"object": 2, "receipt": 1 - len(only), "alias": 1}
		maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
		if !maps.Equal(kinds, want) || len(plan.Receipts()) != 1-len(only) {
			t.Errorf("only %q: got items %v and receipts %q, want %v", only, kinds, plan.Receipts(), want)
		}
	}
}

func TestParseName(t *testing.T) {
	sum := digest.FromBytes([]byte("x"))
	for _, tt := range []struct {
		name    string
		version string
		receipt digest.Digest
		want    string // in the error
	}{
		{"1.2.0", "1.2.0", "", ""},
		{"1.2.0@" + string(sum), "1.2.0", sum, ""},
		{"1.2.0@sha256:1", "", "", `digest of the receipt: parsing digest "sha256:1"`},
		{"1.2.0@", "", "", `digest of the receipt: parsing digest ""`},
		{"@" + string(sum), "", "", "want VERSION or VERSION@sha256:DIGEST"},
		{"runs/1.2.0/receipt.json", "", "", `got "runs/1.2.0/receipt.json", want VERSION`},
		{"..", "", "", `got "..", want VERSION`},
	} {
		version, receipt, err := ParseName(tt.name)
		if version != tt.version || receipt != tt.receipt || !strings.Contains(fmt.Sprint(err), tt.want) || (err == nil) != (tt.want == "") {
			t.Errorf("%q: got %q, %q, %v", tt.name, version, receipt, err)
		}
	}
}
