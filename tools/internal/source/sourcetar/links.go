package sourcetar

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// links are the symbolic links of a tree: path → target. No path goes through another link.
type links map[string]string

// check refuses a link that leaves the tree.
func (l links) check() error {
	effort := 0
	for _, name := range slices.Sorted(maps.Keys(l)) {
		leaves := l.leaves(name, &effort)
		if effort > maxEffort {
			return fmt.Errorf("symbolic link %q: it goes through too many other links", name)
		}
		if leaves {
			return fmt.Errorf("symbolic link %q leaves the tree: it points to %q", name, l[name])
		}
	}
	return nil
}

// maxEffort limits the work of following all links of a tree, in elements of paths; a long
// path counts for more. It takes about a second.
const maxEffort = 10_000_000

// maxLinks is the most links that a path may go through: systems allow fewer.
const maxLinks = 255

// leaves follows a link, and the links that it goes through, step by step as a system does:
// "a/.." is not "." if a is a link.
func (l links) leaves(name string, effort *int) bool {
	at := name // a path whose last element alone may be a link
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
			if *effort += 1 + (len(at)+len(rest))/256; *effort > maxEffort {
				return false
			}
			if element == ".." && at == "." {
				return true
			}
			at = path.Join(at, element)
			if _, ok := l[at]; ok {
				break
			}
		}
	}
	return false // a cycle
}
