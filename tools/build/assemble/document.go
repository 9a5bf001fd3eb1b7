package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// describe returns release.json: the artifacts that are in directory out. The files have
// the digests sums.
func describe(entries, files []release.Entry, sums []digest.Digest, out string) ([]byte, error) {
	d := release.Document{Schema: release.DocumentSchema, Artifacts: []release.Artifact{}}
	for i, f := range files {
		if f.Path != release.LockFile {
			continue
		}
		l, err := lock.Read(filepath.Join(out, f.Path))
		if err != nil {
			return nil, fmt.Errorf("with digest %s: %w", sums[i], err)
		}
		d.Product, d.Version = l.Product, l.Version
	}
	for _, e := range entries {
		if e.Kind != release.ImageKind {
			continue
		}
		e.Source = filepath.Join(out, filepath.FromSlash(e.Path))
		a, err := e.Image()
		if err != nil {
			return nil, err
		}
		d.Artifacts = append(d.Artifacts, a)
	}
	for i, f := range files {
		if f.Kind == release.ImageKind {
			continue
		}
		info, err := os.Stat(filepath.Join(out, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		a := f.Artifact()
		a.Digest, a.Size = sums[i], info.Size()
		d.Artifacts = append(d.Artifacts, a)
	}
	slices.SortFunc(d.Artifacts, func(a, b release.Artifact) int { return strings.Compare(a.Path, b.Path) })
	return jsonfile.Marshal(d)
}
