package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

type entry struct {
	Path   string `json:"path"`
	Source string `json:"source"`
}

// writeChecksums writes one line a file, sorted by path, in the format of
// sha256sum(1) for binary-safe names.
func writeChecksums(ctx context.Context, o *options) error {
	var entries []entry
	if err := jsonfile.Read(o.entries, &entries); err != nil {
		return err
	}
	files, err := expand(entries)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.ContainsAny(f.Path, "\r\n\\") {
			return fmt.Errorf("path %q cannot stand in a checksum file", f.Path)
		}
		if i > 0 && f.Path == files[i-1].Path {
			return fmt.Errorf("path %q stands twice in the release: from %q and %q", f.Path, files[i-1].Source, f.Source)
		}
		d, _, err := digest.FromFile(f.Source)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", d.Hex(), f.Path)
	}
	return jsonfile.WriteFile(o.out, b.Bytes(), 0o644)
}

// expand replaces folders by their files and sorts by path.
func expand(entries []entry) ([]entry, error) {
	var files []entry
	for _, e := range entries {
		err := walk(e, func(f entry) { files = append(files, f) })
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", e.Source, err)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("the release has no files")
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return files, nil
}

// walk calls add for each file below e. Sources are symbolic links in a sandbox.
func walk(e entry, add func(entry)) error {
	info, err := os.Stat(e.Source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%q is no file", e.Source)
		}
		add(e)
		return nil
	}
	list, err := os.ReadDir(e.Source)
	if err != nil {
		return err
	}
	for _, d := range list {
		child := entry{path.Join(e.Path, d.Name()), filepath.Join(e.Source, d.Name())}
		if err := walk(child, add); err != nil {
			return err
		}
	}
	return nil
}
