package gc

import (
	"context"
	"path"
	"slices"
	"strings"
)

// pointers are the files of a channel of a package repository that name its current index
// (package pkgrepo).
var pointers = []string{"InRelease", "mirrorlist"}

// isChannel reports whether a directory with such files is a channel.
func isChannel(has func(name string, isDir bool) bool) bool {
	return slices.ContainsFunc(pointers, func(name string) bool { return has(name, false) })
}

// oldIndexes removes the indexes of a channel that its pointer does not name, except those
// that were written a short time ago: a reader may still use them.
func (s *stage) oldIndexes(ctx context.Context, channel string) error {
	current := ""
	for _, name := range pointers {
		if data, err := s.l.root.ReadFile(path.Join(channel, name)); err == nil {
			current += string(data)
		}
	}
	var visit func(dir string, inside bool) error
	visit = func(dir string, inside bool) error {
		for _, d := range s.l.list(dir) {
			name := path.Join(dir, d.Name())
			switch digest := len(d.Name()) == 64 && strings.Trim(d.Name(), "0123456789abcdef") == ""; {
			case inside && digest && !strings.Contains(current, d.Name()):
				e, err := s.l.tree(ctx, name)
				if err != nil {
					return err
				}
				e.tree = d.IsDir()
				s.l.decide(e, "", "an index of packages that was replaced")
			case d.IsDir() && !digest:
				if err := visit(name, inside || d.Name() == "by-hash"); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return visit(channel, false)
}
