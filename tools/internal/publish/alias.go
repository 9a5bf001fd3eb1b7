package publish

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// A Rule says which release an alias such as latest points to.
type Rule string

// The rules. Versions are compared in the order of https://semver.org.
const (
	// Stable is the highest version that is not a pre-release.
	Stable Rule = profile.RuleStable
	// Highest is the highest version, pre-releases included.
	Highest Rule = profile.RuleHighest
	// Newest is Highest, except that of the pre-releases of one version it is the one with
	// the newest commit. For 1.31.0-alpha.<commit>, semver would compare hashes.
	Newest Rule = profile.RuleNewest
)

// An Alias is a name that points to a release: an object in a bucket whose body is the
// version, a tag in a registry, GitHub's latest release.
type Alias struct {
	Name string
	Rule Rule
	// Back lets the alias move to any release, against its rule.
	Back bool
	// Leaves is the version that the alias leaves for the release, and for no other reason;
	// empty except in a [Yank].
	Leaves string
}

// A Candidate is a release that an alias may point to.
type Candidate struct {
	// Version is empty if unknown.
	Version string
	// Time is the commit time of the primary source; zero if unknown.
	Time time.Time
}

// The reasons for what only [Alias.Back] allows.
const (
	setOnPurpose = "set on purpose"
	movedBack    = "moved back on purpose"
	pointsToNone = "it points to nothing"
)

// Start decides about an alias that does not exist, when want is published: create it
// (Absent) or leave it out (Kept), with the reason.
func (a Alias) Start(want Candidate) (State, string) {
	switch reason := a.refuses(want); {
	case a.Leaves != "":
		return Kept, pointsToNone
	case reason == "":
		return Absent, ""
	case a.Back:
		return Absent, setOnPurpose
	default:
		return Kept, reason
	}
}

// Move decides about an alias that points to found, when want is published: nothing to do
// (Equal), move it (Behind), leave it (Kept), or stop because the two cannot be ordered
// (Conflict). The reason is for people. It is empty if the alias is equal or moves by its
// rule.
//
// Equal versions may have different content: the caller compares it, and may call
// [Alias.Other]. The times are compared only if [Alias.NeedsTime].
func (a Alias) Move(found, want Candidate) (State, string) {
	if found.Version != "" && found.Version == want.Version {
		return Equal, ""
	}
	if a.Leaves != "" {
		return a.leave(found, want)
	}
	state, reason := a.rule(found, want)
	if a.Back && state != Behind {
		return Behind, movedBack
	}
	return state, reason
}

// leave is Move for an alias that leaves a version.
func (a Alias) leave(found, want Candidate) (State, string) {
	switch reason := a.refuses(want); {
	case found.Version != a.Leaves:
		return Kept, "it does not point to " + a.Leaves
	case reason != "":
		return Kept, reason
	}
	return Behind, a.Leaves + " is yanked"
}

// Other is Move for an alias that points to other content of the published version.
func (a Alias) Other() (State, string) {
	switch {
	case a.Leaves != "":
		return Kept, "it does not point to " + a.Leaves
	case a.Back:
		return Behind, movedBack
	}
	return Conflict, "it has other content of the same version"
}

// Since returns nil if an alias with the rule can have moved from then, which a receipt
// recorded, to now: it did not move, or moved by the rule. The error says why not.
func (r Rule) Since(then, now Candidate) error {
	state, reason := Alias{Rule: r}.Move(then, now)
	if state == Equal || state == Behind {
		return nil
	}
	return errors.New(reason)
}

// NeedsTime reports whether Move compares the times of two versions.
func (a Alias) NeedsTime(found, want string) bool {
	f, w := "v"+found, "v"+want
	if a.Leaves != "" || found == want || !semver.IsValid(f) || !semver.IsValid(w) || a.refuses(Candidate{Version: want}) != "" {
		return false
	}
	return semver.Compare(f, w) == 0 || a.Rule == Newest && sameRelease(f, w)
}

// rule is Move without Back.
func (a Alias) rule(found, want Candidate) (State, string) {
	if reason := a.refuses(want); reason != "" {
		return Kept, reason
	}
	f, w := "v"+found.Version, "v"+want.Version
	switch {
	case found.Version == "" || want.Version == "":
		return Conflict, "its target has no version"
	case !semver.IsValid(f):
		return Conflict, fmt.Sprintf("%.100q is not a semantic version", found.Version)
	case !semver.IsValid(w):
		return Conflict, fmt.Sprintf("%.100q is not a semantic version", want.Version)
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
