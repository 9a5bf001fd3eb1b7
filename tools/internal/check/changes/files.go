package changes

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// File is a changed file. Blobs of images are left out.
type File struct {
	Path    string         `json:"path"`
	State   lockdiff.State `json:"state"`
	OldPath string         `json:"old_path,omitempty"` // if the version in its name differs
	OldSize int64          `json:"old_size"`           // in bytes
	NewSize int64          `json:"new_size"`
}

// files compares all files except the blobs of images.
func files(old, new *release.Tree) []File {
	olds, news := byName(old), byName(new)
	list := []File{}
	for name, a := range olds {
		b, ok := news[name]
		switch {
		case !ok:
			list = append(list, File{Path: a.Path, State: lockdiff.Removed, OldSize: a.Size})
		case a.Digest != b.Digest || a.Path != b.Path:
			f := File{Path: b.Path, State: lockdiff.Changed, OldSize: a.Size, NewSize: b.Size}
			if a.Path != b.Path {
				f.OldPath = a.Path
			}
			if a.Digest == b.Digest {
				f.State = lockdiff.Same
			}
			list = append(list, f)
		}
	}
	for name, b := range news {
		if _, ok := olds[name]; !ok {
			list = append(list, File{Path: b.Path, State: lockdiff.Added, NewSize: b.Size})
		}
	}
	slices.SortFunc(list, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.State, b.State))
	})
	return list
}

// byName returns files by path, with {version} in place of the release's version.
func byName(t *release.Tree) map[string]release.File {
	all := map[string]release.File{}
	for _, f := range t.Files {
		if ok, _ := path.Match("images/*/blobs/*/*", f.Path); ok {
			continue
		}
		name := f.Path
		if t.Version != "" {
			name = strings.ReplaceAll(name, t.Version, "{version}")
		}
		if _, taken := all[name]; taken {
			name = f.Path
		}
		all[name] = f
	}
	return all
}
