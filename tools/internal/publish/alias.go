package publish

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// A Rule says to which release an alias, such as latest, points.
type Rule string

// The rules. Versions are compared as https://semver.org orders them.
const (
	// Stable is the highest version that is no pre-release.
	Stable Rule = profile.RuleStable
	// Highest is the highest version, pre-releases included.
	Highest Rule = profile.RuleHighest
	// Newest is as Highest, but of the pre-releases of one version it is the one
	// with the newest commit: of 1.31.0-alpha.<commit>, semver would compare hashes.
	Newest Rule = profile.RuleNewest
)

// An Alias is a name that points to a release: an object of a bucket whose body is
// the version, a tag in a registry, GitHub's latest release.
type Alias struct {
	Name string
	Rule Rule
	// Back lets the alias move to any release, whatever the rule says.
	Back bool
}

// A Candidate is a release that an alias may point to.
type Candidate struct {
	// Version is empty if it is not known.
	Version string
	// Time is the commit time of the primary source; zero if it is not known.
	Time time.Time
}

// The reasons of what only [Alias.Back] allows.
const (
	setOnPurpose = "set on purpose"
	movedBack    = "moved back on purpose"
)

// Start says what to do with an alias that does not exist, when want is published:
// create it (Absent), or leave it (Kept), with the reason.
func (a Alias) Start(want Candidate) (State, string) {
	switch reason := a.refuses(want); {
	case reason == "":
		return Absent, ""
	case a.Back:
		return Absent, setOnPurpose
	default:
		return Kept, reason
	}
}

// Move says what to do with an alias that points to found, when want is published:
// nothing (Equal), move it (Behind), leave it where it is (Kept), or stop, because
// it cannot be told which of the two comes first (Conflict). The reason is for
// people; it is empty if the alias is equal, or moves as its rule says.
//
// That the versions are equal does not say that the content is: the caller compares
// it, and may ask [Alias.Other]. The times are compared only if [Alias.NeedsTime].
func (a Alias) Move(found, want Candidate) (State, string) {
	if found.Version != "" && found.Version == want.Version {
		return Equal, ""
	}
	state, reason := a.rule(found, want)
	if a.Back && state != Behind {
		return Behind, movedBack
	}
	return state, reason
}

// Other is Move for an alias that points to other content of the version that is
// published.
func (a Alias) Other() (State, string) {
	if a.Back {
		return Behind, movedBack
	}
	return Conflict, "it has other content of the same version"
}

// Since returns nil if an alias of the rule, which a receipt recorded at one release,
// may be at another by now: it stayed, or moved as the rule says. The error says why not.
func (r Rule) Since(then, now Candidate) error {
	state, reason := Alias{Rule: r}.Move(then, now)
	if state == Equal || state == Behind {
		return nil
	}
	return errors.New(reason)
}

// NeedsTime reports whether Move compares the times of two versions, so that a
// caller need not find out what nobody asks for.
func (a Alias) NeedsTime(found, want string) bool {
	f, w := "v"+found, "v"+want
	if found == want || !semver.IsValid(f) || !semver.IsValid(w) || a.refuses(Candidate{Version: want}) != "" {
		return false
	}
	return semver.Compare(f, w) == 0 || a.Rule == Newest && sameRelease(f, w)
}

// rule is Move by the rule alone.
func (a Alias) rule(found, want Candidate) (State, string) {
	if reason := a.refuses(want); reason != "" {
		return Kept, reason
	}
	f, w := "v"+found.Version, "v"+want.Version
	switch {
	case found.Version == "" || want.Version == "":
		return Conflict, "what it points to names no version"
	case !semver.IsValid(f):
		return Conflict, fmt.Sprintf("%.100q is no semantic version", found.Version)
	case !semver.IsValid(w):
		return Conflict, fmt.Sprintf("%.100q is no semantic version", want.Version)
	case a.NeedsTime(found.Version, want.Version):
		return byTime(found, want)
	case semver.Compare(f, w) > 0:
		return Kept, fmt.Sprintf("%s is lower than %s", want.Version, found.Version)
	}
	return Behind, ""
}

// refuses returns why the alias never points to want, or "".
func (a Alias) refuses(want Candidate) string {
	if w := "v" + want.Version; a.Rule == Stable && semver.Prerelease(w) != "" {
		return fmt.Sprintf("%s is a pre-release", want.Version)
	}
	return ""
}

// sameRelease reports whether both are pre-releases of one version.
func sameRelease(f, w string) bool {
	core := func(v string) string { return strings.TrimSuffix(semver.Canonical(v), semver.Prerelease(v)) }
	return semver.Prerelease(f) != "" && semver.Prerelease(w) != "" && core(f) == core(w)
}

// byTime compares the commits of two releases.
func byTime(found, want Candidate) (State, string) {
	switch {
	case found.Time.IsZero():
		return Conflict, fmt.Sprintf("the commit time of %s is not known", found.Version)
	case want.Time.After(found.Time):
		return Behind, ""
	case want.Time.Equal(found.Time):
		return Kept, fmt.Sprintf("the commits of %s and %s have the same time", want.Version, found.Version)
	}
	return Kept, fmt.Sprintf("the commit of %s is older than that of %s", want.Version, found.Version)
}
