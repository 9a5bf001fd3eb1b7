package reproduce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/compare"
)

// recognize names the variation where a difference shows a name that one of the
// worlds has given: a fact, where compare can only tell what is likely.
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
			fact := fmt.Sprintf("it has %q of variation %s in it", mark, v)
			if d.Cause != "" {
				fact = d.Cause + "; " + fact
			}
			d.Cause = fact
		}
	}
}

// known returns the longest name of the world's that is in text.
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
	var paths []string
	for _, f := range r.Files {
		if f.State != compare.Equal {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	return paths
}
