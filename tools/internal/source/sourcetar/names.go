package sourcetar

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// maxPath is the longest path or link's target, in bytes: Linux's PATH_MAX.
const maxPath = 4096

// CheckName returns what is wrong with a path in a tree. The error does not name the path.
func CheckName(name string) error {
	switch {
	case name == "" || name == ".." || path.IsAbs(name) || strings.HasPrefix(path.Clean(name), "../"):
		return errors.New("the path leaves the tree")
	case strings.Contains(name, `\`):
		return errors.New("the name has a backslash, which separates directories on some machines")
	case strings.Contains(name, "\x00"):
		return errors.New("the name has a zero byte")
	case name == "." || name != path.Clean(name):
		return errors.New("the path is not clean")
	case len(name) > maxPath:
		return fmt.Errorf("the path has more than %d bytes", maxPath)
	}
	for element := range strings.SplitSeq(name, "/") {
		if isDotGit(element) {
			return fmt.Errorf("%q is a git directory's name on some file systems", element)
		}
	}
	return nil
}

// isDotGit reports whether a file system may treat a name as ".git", by the rules of git
// fsck (is_hfs_dotgit in utf8.c, is_ntfs_dotgit in path.c).
func isDotGit(name string) bool {
	if strings.EqualFold(strings.Map(dropIgnorable, name), ".git") {
		return true
	}
	for _, prefix := range []string{".git", "git~1"} {
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			continue
		}
		// NTFS drops dots and spaces at the end, and names streams after a colon.
		rest, _, _ := strings.Cut(name[len(prefix):], ":")
		if strings.Trim(rest, ". ") == "" {
			return true
		}
	}
	return false
}

// dropIgnorable drops the code points that HFS+ ignores in names.
func dropIgnorable(r rune) rune {
	switch {
	case 0x200c <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x206a <= r && r <= 0x206f, r == 0xfeff:
		return -1
	}
	return r
}

// order checks that names are sorted, that each is there once, and that none is below another.
type order struct {
	last string
	// above are the names that are prefixes of the last one, the shortest first.
	above []string
}

func (o *order) next(name string) error {
	switch {
	case name == o.last:
		return fmt.Errorf("duplicate path %q", name)
	case name < o.last:
		return fmt.Errorf("path %q: the tree is not sorted: it comes after %q", name, o.last)
	}
	for len(o.above) > 0 && !strings.HasPrefix(name, o.above[len(o.above)-1]) {
		o.above = o.above[:len(o.above)-1]
	}
	for _, a := range o.above {
		if name[len(a)] == '/' {
			return fmt.Errorf("path %q: %q is not a directory", name, a)
		}
	}
	o.above = append(o.above, name)
	o.last = name
	return nil
}
