package reproduce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// recognize names the variation if a difference shows a name that only one of the worlds
// has: a fact, where compare only knows what is likely.
func recognize(r *compare.Report, first, second *World) {
	for i := range r.Files {
		for j := range r.Files[i].Differences {
			d := &r.Files[i].Differences[j]
			old, new := known(d.Old, first), known(d.New, second)
			mark, v := new, second.marks[new]
			if new == "" {
				mark, v = old, first.marks[old]
			}
			if mark == "" {
				continue
			}
			fact := fmt.Sprintf("it contains %q of variation %s", mark, v)
			if d.Cause != "" {
				fact = d.Cause + "; " + fact
			}
			d.Cause = fact
		}
	}
}

// blame adds what Bisect found to the differences without a known cause.
func blame(r *compare.Report, blamed map[string][]Variation) {
	for i := range r.Files {
		names := blamed[r.Files[i].Path]
		if len(names) == 0 {
			continue
		}
		for j := range r.Files[i].Differences {
			if d := &r.Files[i].Differences[j]; d.Cause == "" && names[0] == Nothing {
				d.Cause = "it differs when nothing is varied: a time, chance, the order of a Go map, or concurrency"
			} else if d.Cause == "" {
				d.Cause = fmt.Sprintf("it differs when %s is varied, by itself", joined(names))
			}
		}
	}
}

// known returns the longest of the world's names that is in text.
func known(text string, w *World) string {
	found := ""
	for mark := range w.marks {
		if strings.Contains(text, mark) && (len(mark) > len(found) || len(mark) == len(found) && mark < found) {
			found = mark
		}
	}
	return found
}

// differing returns the paths that are not equal, sorted.
func differing(r *compare.Report) []string {
	return paths(r, func(s lockdiff.State) bool { return s != lockdiff.Same })
}

// lasting returns those of the paths that another build has too. A path that only the second
// build has may contain a digest, which is different in each build.
func lasting(r *compare.Report) []string {
	if p := paths(r, func(s lockdiff.State) bool { return s != lockdiff.Same && s != lockdiff.Added }); len(p) > 0 {
		return p
	}
	return differing(r)
}

func paths(r *compare.Report, want func(lockdiff.State) bool) []string {
	var paths []string
	for _, f := range r.Files {
		if want(f.State) {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	return paths
}
