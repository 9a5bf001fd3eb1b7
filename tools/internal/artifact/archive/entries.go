package archive

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// jsonEntry is an Entry in an entries file.
type jsonEntry struct {
	Path    string  `json:"path"`
	Source  string  `json:"source,omitempty"`
	Content *string `json:"content,omitempty"`
	Symlink string  `json:"symlink,omitempty"`
	Mode    string  `json:"mode,omitempty"`
}

// ReadEntries reads a JSON list of entries, which Bazel rules write:
//
//	[
//	  {"path": "bin/age", "source": "bazel-out/…/age", "mode": "0755"},
//	  {"path": "VERSION", "content": "1.0.0\n"},
//	  {"path": "age", "symlink": "bin/age"},
//	  {"path": "plugins/"}
//	]
//
// The mode is "0644", the default, or "0755". An unknown key or mode and an empty list are
// errors.
func ReadEntries(name string) ([]Entry, error) {
	var list []jsonEntry
	if err := jsonfile.Read(name, &list); err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("reading entries %q: the list is empty", name)
	}
	modes := map[string]fs.FileMode{"": 0o644, "0644": 0o644, "0755": 0o755}
	entries := make([]Entry, len(list))
	var errs []error
	for i, e := range list {
		mode, ok := modes[e.Mode]
		if !ok {
			errs = append(errs, fmt.Errorf("reading entries %q: entry %q: mode is %q, want 0644 or 0755", name, e.Path, e.Mode))
		}
		entries[i] = Entry{Path: e.Path, Source: e.Source, Symlink: e.Symlink, Mode: mode}
		if e.Content != nil {
			entries[i].Content = append([]byte{}, *e.Content...)
		}
	}
	return entries, errors.Join(errs...)
}
