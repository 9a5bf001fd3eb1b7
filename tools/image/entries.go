package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/jasonwzm/release-builder/tools/internal/archive"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

// An entry is an archive.Entry as ENTRIES.json has it.
type entry struct {
	Path    string  `json:"path"`
	Source  string  `json:"source,omitempty"`
	Content *string `json:"content,omitempty"`
	Symlink string  `json:"symlink,omitempty"`
	Mode    string  `json:"mode,omitempty"`
}

// readEntries reads ENTRIES.json.
func readEntries(name string) ([]archive.Entry, error) {
	var in []entry
	if err := jsonfile.Read(name, &in); err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("reading entries %q: the list is empty", name)
	}
	out := make([]archive.Entry, len(in))
	var errs []error
	for i, e := range in {
		out[i] = archive.Entry{Path: e.Path, Source: e.Source, Symlink: e.Symlink}
		if e.Content != nil {
			out[i].Content = append([]byte{}, *e.Content...)
		}
		mode, ok := map[string]fs.FileMode{"": 0, "0644": 0o644, "0755": 0o755}[e.Mode]
		if !ok {
			errs = append(errs, fmt.Errorf("reading entries %q: entry %q: mode is %q, want 0644 or 0755", name, e.Path, e.Mode))
		}
		out[i].Mode = mode
	}
	return out, errors.Join(errs...)
}
