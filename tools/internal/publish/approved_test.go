package publish

import (
	"strings"
	"testing"
)

// TestCheckApproved compares one item of an approved plan with what is there now.
func TestCheckApproved(t *testing.T) {
	alias := func(state State, found, guard string) Item {
		return Item{Phase: Reveal, Kind: "alias", Name: "latest", Digest: "1.2.0", State: state, Found: found, Guard: guard}
	}
	content := Item{Phase: Upload, Kind: "object", Name: "x", Digest: "a", State: Absent}
	other := content
	other.Digest = "b"
	path := content
	path.Path = "y"
	receipt := Item{Phase: Record, Kind: "receipt", Name: "r", Digest: "a", State: Absent}
	signed := receipt
	signed.Digest = "b"
	done := content
	done.State = Equal
	for _, tt := range []struct {
		name     string
		was, now []Item
		want     string // error
	}{
		{"the same", []Item{content, alias(Behind, "1.1.0", "g")}, []Item{content, alias(Behind, "1.1.0", "g")}, ""},
		{"done by a run that stopped", []Item{content, alias(Behind, "1.1.0", "g")}, []Item{done, alias(Equal, "", "")}, ""},
		{"a draft of that run", []Item{alias(Absent, "", "")}, []Item{alias(Behind, "a draft", "")}, ""},
		{"what is there and was not asked", nil, []Item{done}, ""},
		{"a receipt has the approvals", []Item{receipt}, []Item{signed}, ""},
		{"kept", []Item{alias(Kept, "1.3.0", "")}, []Item{alias(Kept, "1.4.0", "")}, ""},
		{"other content", []Item{content}, []Item{other}, "the approved plan has a, got b"},
		{"another file", []Item{content}, []Item{path}, "the approved plan has a"},
		{"moved by somebody", []Item{alias(Behind, "1.1.0", "g")}, []Item{alias(Behind, "1.1.5", "h")}, "it was 1.1.0, and is 1.1.5"},
		{"gone", []Item{done}, []Item{content}, "it was as it should be, and is absent"},
		{"kept then, not now", []Item{alias(Kept, "1.3.0", "")}, []Item{alias(Behind, "1.1.0", "g")}, "it was 1.3.0, and is 1.1.0"},
		{"not kept then", []Item{alias(Behind, "1.1.0", "g")}, []Item{alias(Kept, "1.3.0", "")}, "it was 1.1.0, and is 1.3.0"},
		{"one more to do", nil, []Item{content}, "it is not in the approved plan"},
		{"one less", []Item{content}, nil, "it is in the approved plan only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan := func(items []Item) *Plan {
				return &Plan{Version: "1.2.0", Destinations: []Planned{{Name: "bucket", Items: items}}}
			}
			err := plan(tt.was).CheckApproved(plan(tt.now))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	a, b := &Plan{Destinations: []Planned{{Name: "a"}}}, &Plan{Destinations: []Planned{{Name: "b"}}}
	if err := a.CheckApproved(b); err == nil || !strings.Contains(err.Error(), "destinations") {
		t.Errorf("other destinations: got %v", err)
	}
}
