package resolve

import (
	"fmt"
	"slices"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Changes returns the differences between two locks: a line for each dependency, sorted,
// then a line for each setting. The old lock may be nil.
func Changes(old, new *lock.Lock) []string {
	if old == nil {
		old = &lock.Lock{}
	}
	var lines []string
	for _, c := range lockdiff.Between(old, new) {
		if text := changeLine(c); text != "" {
			lines = append(lines, text)
		}
	}
	switch {
	case len(lines) > 0 || equalJSON(old, new):
		return lines
	case !equalJSON(old.Toolchain, new.Toolchain):
		return []string{"toolchain: other sums of the same versions"}
	case old.Manifest != new.Manifest:
		return []string{change("manifest", old.Manifest.Short(), new.Manifest.Short(), "does not affect builds")}
	}
	return []string{"lock: its form changed, not what it pins"}
}

// changeLine says what became of an entry; it is empty if nothing did.
func changeLine(c lockdiff.Change) string {
	switch {
	case c.Kind == lockdiff.Dependency:
		return dependencyLine(c.Title(), c)
	case c.State == lockdiff.Same:
		return ""
	}
	return change(c.Title(), c.From.String(), c.To.String(), "")
}

func dependencyLine(what string, c lockdiff.Change) string {
	switch {
	case c.State == lockdiff.Same:
		return useLine(what, c.Old, c.New)
	case c.Old == nil:
		return change(what, "", revision(c.New), c.New.Why)
	case c.New == nil:
		return change(what, revision(c.Old), "", "")
	case revision(c.Old) == revision(c.New):
		return change(what, revision(c.Old)+" "+c.Old.Digest, revision(c.New)+" "+c.New.Digest, c.New.Why)
	}
	return change(what, revision(c.Old), revision(c.New), c.New.Why)
}

// useLine says what else differs where both locks pin the same.
func useLine(what string, from, to *lock.Dependency) string {
	switch {
	case from.Why != to.Why:
		return change(what, from.Why, to.Why, revision(to))
	case from.Primary && !to.Primary:
		return what + ": " + revision(to) + " is no longer primary"
	case to.Primary && !from.Primary:
		return what + ": " + revision(to) + " is primary now"
	case !from.Time.Equal(to.Time):
		return change(what, from.Time.Format(time.RFC3339), to.Time.Format(time.RFC3339), "time of "+revision(to))
	case !slices.Equal(from.GoModules, to.GoModules):
		return what + ": " + revision(to) + " needs other modules"
	case !equalJSON(from, to):
		return what + ": " + revision(to) + " is used in another way"
	}
	return ""
}

func change(what, from, to, why string) string {
	text := fmt.Sprintf("%s: %s → %s", what, from, to)
	switch {
	case from == "":
		text = fmt.Sprintf("%s: added %s", what, to)
	case to == "":
		text = fmt.Sprintf("%s: removed %s", what, from)
	}
	if why != "" {
		text += " (" + why + ")"
	}
	return text
}

// revision names a pinned source for people, with its origin.
func revision(d *lock.Dependency) string {
	if d.Git != nil {
		return d.Git.URL + "@" + short(d.Git.Commit)
	}
	return Revision(d)
}
