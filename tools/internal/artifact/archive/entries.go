package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// jsonEntry is an Entry in an entries file.
type jsonEntry struct {
	Path    string  `json:"path"`
	Source  string  `json:"source,omitempty"`
	Content *string `json:"content,omitempty"`
	Symlink string  `json:"symlink,omitempty"`
	Mode    string  `json:"mode,omitempty"`
	Modes   string  `json:"modes,omitempty"`
}

// Modes is a JSON file NAME.json, which says what the files below the directory NAME were in
// the source that they are from: Bazel keeps no modes.
type Modes struct {
	// Executables are the paths of files below NAME that are executable.
	Executables []string `json:"executables"`
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
// The mode is "0644", the default, or "0755". Instead, modes may name a file of [Modes]; the
// source is then in its directory. An unknown key or mode and an empty list are errors.
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
	read := modeReader{}
	for i, e := range list {
		mode, ok := modes[e.Mode]
		if !ok {
			errs = append(errs, fmt.Errorf("reading entries %q: entry %q: mode is %q, want 0644 or 0755", name, e.Path, e.Mode))
		}
		entries[i] = Entry{Path: e.Path, Source: e.Source, Symlink: e.Symlink, Mode: mode}
		if e.Content != nil {
			entries[i].Content = append([]byte{}, *e.Content...)
		}
		if e.Modes != "" {
			executables, err := read.executables(e.Modes, e.Source)
			if err != nil {
				errs = append(errs, fmt.Errorf("reading entries %q: entry %q: %w", name, e.Path, err))
			}
			entries[i].Executables = executables
		}
	}
	return entries, errors.Join(errs...)
}

// modeReader has the Modes files that were read: name → names of the executables on disk.
type modeReader map[string][]string

// executables returns the names on disk of the executables that are source or below it.
func (r modeReader) executables(name, source string) ([]string, error) {
	dir, ok := strings.CutSuffix(name, ".json")
	if !ok || !strings.HasPrefix(source, dir+"/") {
		return nil, fmt.Errorf("modes of %q: got file %q, want that of its directory, with .json", source, name)
	}
	all, ok := r[name]
	if !ok {
		var modes Modes
		if err := jsonfile.Read(name, &modes); err != nil {
			return nil, err
		}
		for _, p := range modes.Executables {
			all = append(all, dir+"/"+p)
		}
		r[name] = all
	}
	var found []string
	for _, p := range all {
		if p == source || strings.HasPrefix(p, source+"/") {
			found = append(found, p)
		}
	}
	return found, nil
}
