package spdx

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{in: "MIT", want: "MIT"},
		{in: "mit", want: "MIT"},
		{in: "MIT or Apache-2.0", want: "MIT OR Apache-2.0"},
		{in: "MIT AND Apache-2.0 OR ISC", want: "(MIT AND Apache-2.0) OR ISC"},
		{in: "(MIT OR Apache-2.0)AND ISC", want: "(MIT OR Apache-2.0) AND ISC"},
		{in: "((MIT))", want: "MIT"},
		{in: "GPL-2.0-only WITH classpath-exception-2.0", want: "GPL-2.0-only WITH Classpath-exception-2.0"},
		{in: "Apache-1.1+", want: "Apache-1.1+"},
		{in: "GPL-2.0+", want: "GPL-2.0+"},
		{in: "LicenseRef-my.own-1", want: "LicenseRef-my.own-1"},
		{in: "", err: `licence expression "": got nothing, want a licence`},
		{in: "MIT AND", err: `got nothing, want a licence`},
		{in: "MIT Apache-2.0", err: `got "Apache-2.0", want AND, OR or the end`},
		{in: "(MIT", err: `got "", want ")"`},
		{in: "MIT)", err: `got ")", want AND, OR or the end`},
		{in: "Apache2", err: `"Apache2" is no id of the SPDX list`},
		{in: "NOASSERTION", err: `"NOASSERTION" is no id`},
		{in: "LicenseRef-a_b", err: `"LicenseRef-a_b" is no id`},
		{in: "MIT WITH luck", err: `got "luck" after WITH, want an exception of the SPDX list`},
		{in: strings.Repeat("(", 60) + "MIT", err: "more than 50 brackets are open"},
		{in: strings.Repeat("a", MaxLength+1), err: "has 10001 bytes, want at most 10000"},
	} {
		e, err := Parse(tt.in)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%.40q: got %v, want %q", tt.in, err, tt.err)
			}
		case err != nil:
			t.Errorf("%q: %v", tt.in, err)
		case e.String() != tt.want:
			t.Errorf("%q: got %q, want %q", tt.in, e, tt.want)
		}
	}
}

func TestAllowed(t *testing.T) {
	allow := []string{"MIT", "BSD-3-Clause", "GPL-2.0-only WITH Classpath-exception-2.0"}
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"MIT", nil},
		{"ISC", []string{"ISC"}},
		{"ISC OR MIT", nil},
		{"ISC OR Zlib", []string{"ISC", "Zlib"}},
		{"Zlib AND ISC AND MIT", []string{"ISC", "Zlib"}},
		{"MIT AND (ISC OR BSD-3-Clause)", nil},
		{"GPL-2.0-only WITH Classpath-exception-2.0", nil},
		{"GPL-2.0-only", []string{"GPL-2.0-only"}},
	} {
		e, err := Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Allowed(allow); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestAnd(t *testing.T) {
	var all []*Expression
	for _, s := range []string{"MIT AND Apache-2.0", "MIT", "Zlib OR ISC"} {
		e, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if got, want := And(all...).String(), "Apache-2.0 AND MIT AND (Zlib OR ISC)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := And(all[1], all[1]).String(); got != "MIT" {
		t.Errorf("got %q, want MIT", got)
	}
}

func TestKnown(t *testing.T) {
	if len(IDs()) < 700 || !slices.IsSorted(IDs()) {
		t.Errorf("got %d ids, want at least 700, sorted", len(IDs()))
	}
	for id, want := range map[string]bool{"Apache-2.0": true, "apache-2.0": true, "GPL-2.0": true, "Apache-2": false, "": false} {
		if _, got := Known(id); got != want {
			t.Errorf("%q: got %t, want %t", id, got, want)
		}
	}
}

// FuzzParse: a parsed expression is parsed again as the same one.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"MIT", "(MIT OR Apache-2.0) AND ISC", "GPL-2.0-only WITH Classpath-exception-2.0", "a+", "((", "LicenseRef-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%q: got %v, %v, want %q", s, again, err, e)
		}
	})
}
