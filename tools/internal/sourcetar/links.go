package sourcetar

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// links are the symbolic links of a tree: path → target. No path goes through
// another link.
type links map[string]string

// check refuses a link that leaves the tree.
func (l links) check() error {
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if l.leaves(name) {
			return fmt.Errorf("symbolic link %q leaves the tree: it points to %q", name, l[name])
		}
	}
	return nil
}

// maxLinks is how many links one path may go through: systems give up earlier.
const maxLinks = 255

// leaves follows a link step by step, and the links that it goes through, as a
// system does: "a/.." is not "." where a is a link.
func (l links) leaves(name string) bool {
	at := name // a path without links but for its last element
	rest := ""
	for range maxLinks {
		target, ok := l[at]
		if !ok {
			return false
		}
		if path.IsAbs(target) || filepath.VolumeName(target) != "" {
			return true
		}
		at, rest = path.Dir(at), target+"/"+rest
		for rest != "" {
			var element string
			element, rest, _ = strings.Cut(rest, "/")
			if element == ".." && at == "." {
				return true
			}
			at = path.Join(at, element)
			if _, ok := l[at]; ok {
				break
			}
		}
	}
	return false // a circle
}
