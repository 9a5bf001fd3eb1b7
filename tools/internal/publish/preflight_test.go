package publish

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// asked is a destination that says whether it may be written to.
type asked struct {
	*memory
	findings []Finding
	size     int64
}

func (a *asked) Preflight(_ context.Context, size int64) []Finding {
	a.size = size
	return a.findings
}

// TestPreflight publishes to a destination that says no: nothing is written anywhere.
func TestPreflight(t *testing.T) {
	for _, tt := range []struct {
		name     string
		findings []Finding
		want     string // error
	}{
		{"good", []Finding{Found("write", nil)}, ""},
		{"unknown", []Finding{NotKnown("write", errors.New("no request"))}, ""},
		{"bad", []Finding{Found("write", nil), Found("write to x", errors.New("no permission"))}, "bucket: write to x: no permission"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, all := places()
			p := publisher(all)
			a := &asked{memory: all[1], findings: tt.findings}
			p.Destinations[1] = a
			plan, err := p.Plan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			reads := len(w.log)
			_, err = p.Apply(t.Context(), plan)
			if tt.want == "" {
				if err != nil || a.size != 21 {
					t.Errorf("got %v and %d bytes, want none and 21", err, a.size)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(w.log) != reads {
				t.Errorf("got %v after %q, want %q before all else", err, w.log[reads:], tt.want)
			}
		})
	}
}

// TestPreflightSilent asks a destination that has no way to say.
func TestPreflightSilent(t *testing.T) {
	_, all := places()
	p := publisher(all)
	plan, err := p.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Preflight(t.Context(), plan) {
		if len(f.Findings) != 1 || f.Findings[0].Result != Unknown || f.Err() != nil {
			t.Errorf("%s: got %+v, want it unknown", f.Destination, f.Findings)
		}
	}
}
