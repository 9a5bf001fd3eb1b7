package publish

import (
	"strings"
	"testing"
	"time"
)

func TestAlias(t *testing.T) {
	at := func(version string, day int) Candidate {
		return Candidate{version, time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)}
	}
	for _, tt := range []struct {
		name        string
		rule        Rule
		back        bool
		found, want Candidate
		state       State
		reason      string
	}{
		{"higher", Stable, false, at("1.0.0", 1), at("1.0.1", 2), Behind, ""},
		{"ten is more than nine", Stable, false, at("1.9.0", 1), at("1.10.0", 2), Behind, ""},
		{"older series", Stable, false, at("1.1.0", 1), at("1.0.5", 2), Kept, "1.0.5 is lower than 1.1.0"},
		{"older series, on purpose", Stable, true, at("1.1.0", 1), at("1.0.5", 2), Behind, movedBack},
		{"higher, on purpose", Stable, true, at("1.0.0", 1), at("1.0.1", 2), Behind, ""},
		{"pre-release, on purpose", Stable, true, at("1.0.0", 1), at("1.1.0-rc.1", 2), Behind, movedBack},
		{"same", Stable, false, at("1.0.0", 1), at("1.0.0", 1), Equal, ""},
		{"same, on purpose", Stable, true, at("1.0.0", 1), at("1.0.0", 1), Equal, ""},
		{"pre-release", Stable, false, at("1.0.0", 1), at("1.1.0-rc.1", 2), Kept, "1.1.0-rc.1 is a pre-release"},
		{"pre-release by the rule", Highest, false, at("1.0.0", 1), at("1.1.0-rc.1", 2), Behind, ""},
		{"release after its pre-release", Highest, false, at("1.1.0-rc.1", 2), at("1.1.0", 1), Behind, ""},
		{"pre-release after the release", Highest, false, at("1.1.0", 1), at("1.1.0-rc.2", 2), Kept, "1.1.0-rc.2 is lower than 1.1.0"},
		{"stable after a pre-release that somebody set", Stable, false, at("1.1.0-rc.1", 1), at("1.0.9", 2), Kept, "1.0.9 is lower than 1.1.0-rc.1"},
		{"newer commit, lower hash", Newest, false, at("1.31.0-alpha.ffff", 1), at("1.31.0-alpha.0aaa", 2), Behind, ""},
		{"older commit, higher hash", Newest, false, at("1.31.0-alpha.0aaa", 2), at("1.31.0-alpha.ffff", 1), Kept, "the commit of 1.31.0-alpha.ffff is older than that of 1.31.0-alpha.0aaa"},
		{"commits of one second", Newest, false, at("1.31.0-alpha.0aaa", 2), at("1.31.0-alpha.ffff", 2), Kept, "the commits of 1.31.0-alpha.ffff and 1.31.0-alpha.0aaa have the same time"},
		{"same commit again", Newest, false, at("1.31.0-alpha.0aaa", 2), at("1.31.0-alpha.0aaa", 2), Equal, ""},
		{"newer commit of an older version", Newest, false, at("1.31.0-alpha.0aaa", 1), at("1.30.2-alpha.ffff", 2), Kept, "1.30.2-alpha.ffff is lower than 1.31.0-alpha.0aaa"},
		{"older commit of a newer version", Newest, false, at("1.30.2-alpha.ffff", 2), at("1.31.0-alpha.0aaa", 1), Behind, ""},
		{"release after its commits", Newest, false, at("1.31.0-alpha.0aaa", 2), at("1.31.0", 1), Behind, ""},
		{"commit whose time is not known", Newest, false, Candidate{Version: "1.31.0-alpha.0aaa"}, at("1.31.0-alpha.ffff", 1), Conflict, "the commit time of 1.31.0-alpha.0aaa is not known"},
		{"builds of one version", Stable, false, at("1.0.0+a", 1), at("1.0.0+b", 2), Behind, ""},
		{"builds of one version, the other way round", Stable, false, at("1.0.0+b", 2), at("1.0.0+a", 1), Kept, "the commit of 1.0.0+a is older than that of 1.0.0+b"},
		{"unknown content", Stable, false, Candidate{}, at("1.0.0", 1), Conflict, "its target has no version"},
		{"no version", Stable, false, at("nightly", 1), at("1.0.0", 1), Conflict, `"nightly" is not a semantic version`},
		{"release that is no version", Highest, false, at("1.0.0", 1), at("nightly", 1), Conflict, `"nightly" is not a semantic version`},
		{"no version, on purpose", Stable, true, at("nightly", 1), at("1.0.0", 1), Behind, movedBack},
	} {
		t.Run(tt.name, func(t *testing.T) {
			state, reason := Alias{Name: "latest", Rule: tt.rule, Back: tt.back}.Move(tt.found, tt.want)
			if state != tt.state || reason != tt.reason {
				t.Errorf("got %s, %q, want %s, %q", state, reason, tt.state, tt.reason)
			}
		})
	}
}

// TestAliasLeaves: in a yank, an alias moves if it points to the release that is yanked.
func TestAliasLeaves(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rule        Rule
		found, want string
		state       State
		reason      string
	}{
		{"points to it", Stable, "1.1.0", "1.0.0", Behind, "1.1.0 is yanked"},
		{"points to another", Stable, "1.2.0", "1.0.0", Kept, "it does not point to 1.1.0"},
		{"points to a lower one", Stable, "0.9.0", "1.0.0", Kept, "it does not point to 1.1.0"},
		{"points to no version", Stable, "nightly", "1.0.0", Kept, "it does not point to 1.1.0"},
		{"moved already", Stable, "1.0.0", "1.0.0", Equal, ""},
		{"to a pre-release", Stable, "1.1.0", "1.0.0-rc.1", Kept, "1.0.0-rc.1 is a pre-release"},
		{"to a pre-release by the rule", Highest, "1.1.0", "1.0.0-rc.1", Behind, "1.1.0 is yanked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Alias{Name: "latest", Rule: tt.rule, Leaves: "1.1.0"}
			state, reason := a.Move(Candidate{Version: tt.found}, Candidate{Version: tt.want})
			if state != tt.state || reason != tt.reason || a.NeedsTime(tt.found, tt.want) {
				t.Errorf("got %s, %q, want %s, %q", state, reason, tt.state, tt.reason)
			}
		})
	}
	a := Alias{Name: "latest", Rule: Stable, Leaves: "1.1.0"}
	if state, reason := a.Start(Candidate{Version: "1.0.0"}); state != Kept {
		t.Errorf("an alias that does not exist: got %s, %q, want it kept", state, reason)
	}
	if state, reason := a.Other(); state != Kept {
		t.Errorf("other content of the release it moves to: got %s, %q, want it kept", state, reason)
	}
}

func TestAliasStart(t *testing.T) {
	for _, tt := range []struct {
		rule    Rule
		back    bool
		version string
		state   State
		reason  string
	}{
		{Stable, false, "1.0.0", Absent, ""},
		{Stable, false, "1.0.0-rc.1", Kept, "1.0.0-rc.1 is a pre-release"},
		{Stable, true, "1.0.0", Absent, ""},
		{Stable, true, "1.0.0-rc.1", Absent, setOnPurpose},
		{Highest, false, "1.0.0-rc.1", Absent, ""},
		{Newest, false, "1.31.0-alpha.ffff", Absent, ""},
	} {
		state, reason := Alias{Name: "latest", Rule: tt.rule, Back: tt.back}.Start(Candidate{Version: tt.version})
		if state != tt.state || reason != tt.reason {
			t.Errorf("%s, %s: got %s, %q, want %s, %q", tt.rule, tt.version, state, reason, tt.state, tt.reason)
		}
	}
}

// TestNeedsTime takes the times away: only what needs them comes to another end.
func TestNeedsTime(t *testing.T) {
	at := func(version string) Candidate { return Candidate{Version: version} }
	for _, tt := range []struct {
		rule        Rule
		found, want string
		needs       bool
	}{
		{Stable, "1.0.0", "1.0.1", false},
		{Stable, "1.0.0", "1.0.0", false},
		{Stable, "1.0.0+a", "1.0.0+b", true},
		{Stable, "nightly", "1.0.0", false},
		{Stable, "", "1.0.0", false},
		{Highest, "1.31.0-alpha.ffff", "1.31.0-alpha.0aaa", false},
		{Newest, "1.31.0-alpha.ffff", "1.31.0-alpha.0aaa", true},
		{Newest, "1.31.0-alpha.ffff", "1.32.0-alpha.0aaa", false},
		{Newest, "1.31.0-alpha.ffff", "1.31.0", false},
	} {
		a := Alias{Name: "latest", Rule: tt.rule}
		if got := a.NeedsTime(tt.found, tt.want); got != tt.needs {
			t.Errorf("%s, %q to %q: got %v, want %v", tt.rule, tt.found, tt.want, got, tt.needs)
		}
		_, reason := a.Move(at(tt.found), at(tt.want))
		if got := strings.HasPrefix(reason, "the commit time of"); got != tt.needs {
			t.Errorf("%s, %q to %q without times: got %q", tt.rule, tt.found, tt.want, reason)
		}
	}
}

func TestSince(t *testing.T) {
	for _, tt := range []struct {
		name, then, now, want string
	}{
		{"it stayed", "1.1.0", "1.1.0", ""},
		{"it moved on", "1.1.0", "1.2.0", ""},
		{"it moved back", "1.1.0", "1.0.5", "1.0.5 is lower than 1.1.0"},
		{"it moved to a pre-release", "1.1.0", "1.2.0-rc.1", "1.2.0-rc.1 is a pre-release"},
		{"it points to something else", "1.1.0", "nightly", `"nightly" is not a semantic version`},
		{"it points to what has no version", "1.1.0", "", "its target has no version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := Stable.Since(Candidate{Version: tt.then}, Candidate{Version: tt.now}); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
