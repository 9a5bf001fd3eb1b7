package release

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// A FileChange is a file that two releases do not both have with the same name and content.
type FileChange struct {
	Path    string         `json:"path"`
	State   lockdiff.State `json:"state"`
	OldPath string         `json:"old_path,omitempty"` // if the version in its name differs
	OldSize int64          `json:"old_size"`           // in bytes
	NewSize int64          `json:"new_size"`
}

// A Listing is the files of a release.
type Listing struct {
	Version string
	Files   []File
}

// Listing returns the files of a document's artifacts. An image is one file, its index.
func (d *Document) Listing() Listing {
	l := Listing{Version: d.Version}
	for _, a := range d.Artifacts {
		l.Files = append(l.Files, File{Path: a.Path, Digest: a.Digest, Size: a.Size})
	}
	return l
}

// Compare compares all files except the blobs of images. The changes are sorted by path.
func Compare(old, new Listing) []FileChange {
	olds, news := old.byName(), new.byName()
	list := []FileChange{}
	for name, a := range olds {
		b, ok := news[name]
		switch {
		case !ok:
			list = append(list, FileChange{Path: a.Path, State: lockdiff.Removed, OldSize: a.Size})
		case a.Digest != b.Digest || a.Path != b.Path:
			f := FileChange{Path: b.Path, State: lockdiff.Changed, OldSize: a.Size, NewSize: b.Size}
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
			list = append(list, FileChange{Path: b.Path, State: lockdiff.Added, NewSize: b.Size})
		}
	}
	slices.SortFunc(list, func(a, b FileChange) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.State, b.State))
	})
	return list
}

// byName returns files by path, with {version} in place of the release's version.
func (l Listing) byName() map[string]File {
	all := map[string]File{}
	for _, f := range l.Files {
		if ok, _ := path.Match("images/*/blobs/*/*", f.Path); ok {
			continue
		}
		name := f.Path
		if l.Version != "" {
			name = strings.ReplaceAll(name, l.Version, "{version}")
		}
		if _, taken := all[name]; taken {
			name = f.Path
		}
		all[name] = f
	}
	return all
}
