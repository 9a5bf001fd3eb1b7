package resolve

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Changes returns the differences between two locks: a line for each dependency, sorted,
// then a line for each setting. The old lock may be nil.
func Changes(old, new *lock.Lock) []string {
	if old == nil {
		old = &lock.Lock{}
	}
	names := map[string]bool{}
	for _, l := range []*lock.Lock{old, new} {
		for _, d := range l.Dependencies {
			names[d.Name] = true
		}
	}
	var lines []string
	for name := range names {
		from, _ := old.Find(name)
		to, _ := new.Find(name)
		if text := dependencyChange("dependency "+name, from, to); text != "" {
			lines = append(lines, text)
		}
	}
	sort.Strings(lines)
	lines = append(lines, pinChanges(imagePins(old), imagePins(new))...)
	lines = append(lines, pinChanges(filePins(old), filePins(new))...)
	lines = append(lines, settingChanges(old, new)...)
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

// imagePins and filePins return what is pinned: name → digest and origin.
func imagePins(l *lock.Lock) map[string]string {
	pins := map[string]string{}
	for _, i := range l.Images {
		pins["base of image "+i.Name] = i.Base + "@" + i.Digest.Short()
		for _, p := range i.Platforms {
			pins["base of image "+i.Name+" for "+p.Platform] = p.Digest.Short()
		}
	}
	return pins
}

func filePins(l *lock.Lock) map[string]string {
	pins := map[string]string{}
	for _, f := range l.Files {
		name := "file " + f.Name
		if f.Platform != "" {
			name += " for " + f.Platform
		}
		pins[name] = f.URL + " " + f.Digest.Short()
	}
	return pins
}

// pinChanges returns the differences, a line for each pin, sorted.
func pinChanges(old, new map[string]string) []string {
	var lines []string
	for name, from := range old {
		if to := new[name]; to != from {
			lines = append(lines, change(name, from, to, ""))
		}
	}
	for name, to := range new {
		if _, ok := old[name]; !ok {
			lines = append(lines, change(name, "", to, ""))
		}
	}
	sort.Strings(lines)
	return lines
}

func dependencyChange(what string, from, to *lock.Dependency) string {
	switch {
	case from == nil:
		return change(what, "", revision(to), to.Why)
	case to == nil:
		return change(what, revision(from), "", "")
	case revision(from) != revision(to):
		return change(what, revision(from), revision(to), to.Why)
	case from.Digest != to.Digest:
		return change(what, revision(from)+" "+from.Digest, revision(to)+" "+to.Digest, to.Why)
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

func settingChanges(old, new *lock.Lock) []string {
	var lines []string
	for _, s := range []struct{ what, from, to string }{
		{"version", old.Version, new.Version},
		{"product", old.Product, new.Product},
		{"docker", old.Docker, new.Docker},
		{"platforms", strings.Join(old.Platforms, " "), strings.Join(new.Platforms, " ")},
		{"architectures", strings.Join(old.Architectures, " "), strings.Join(new.Architectures, " ")},
		{"outputs", strings.Join(old.Outputs, " "), strings.Join(new.Outputs, " ")},
		{"bazel", old.Toolchain.Bazel, new.Toolchain.Bazel},
		{"go", old.Toolchain.Go.Version, new.Toolchain.Go.Version},
		{"rules_go", old.Toolchain.RulesGo.Version, new.Toolchain.RulesGo.Version},
		{"gazelle", old.Toolchain.Gazelle.Version, new.Toolchain.Gazelle.Version},
	} {
		if s.from != s.to {
			lines = append(lines, change(s.what, s.from, s.to, ""))
		}
	}
	return lines
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
