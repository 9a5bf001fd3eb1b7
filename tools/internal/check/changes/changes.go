// Package changes compares two releases: the sources that they were built from, their files,
// and the layers of their images. It does not look into the files.
package changes

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Schema is the format of the JSON.
const Schema = "release-builder/diff/v2"

// Diff has the changes between two releases. Its lists are sorted by name, and contain only
// what changed unless their comment says otherwise.
type Diff struct {
	Schema string  `json:"schema"`
	Old    Release `json:"old"`
	New    Release `json:"new"`
	// Sources are the dependencies that changed or whose modules changed.
	Sources []lockdiff.Change `json:"sources"`
	// Inputs are base images, files from the web, settings and tools.
	Inputs []lockdiff.Change `json:"inputs"`
	// Files and Images are set if both sides are directories.
	Files  []release.FileChange `json:"files,omitempty"`
	Images []Image              `json:"images,omitempty"`
}

// Release is one of the two releases.
type Release struct {
	Version string        `json:"version"`
	Product string        `json:"product"`
	Time    time.Time     `json:"time"`
	Lock    digest.Digest `json:"lock"`
	Files   int           `json:"files,omitempty"`
	Size    int64         `json:"size,omitempty"` // of all files, in bytes
}

// Between compares two releases. Each is the directory of a release, or a lock.json alone.
func Between(ctx context.Context, old, new string) (*Diff, error) {
	a, err := open(ctx, old)
	if err != nil {
		return nil, fmt.Errorf("reading the old release %q: %w", old, err)
	}
	b, err := open(ctx, new)
	if err != nil {
		return nil, fmt.Errorf("reading the new release %q: %w", new, err)
	}
	d := &Diff{Schema: Schema, Old: a.release(), New: b.release()}
	d.Sources, d.Inputs = lockdiff.Differences(a.lock, b.lock)
	if a.tree == nil || b.tree == nil {
		return d, nil
	}
	d.Files = release.Compare(release.Listing{Version: a.tree.Version, Files: a.tree.Files}, release.Listing{Version: b.tree.Version, Files: b.tree.Files})
	d.Images, err = images(ctx, a.tree, b.tree)
	return d, err
}

// side is one of the two: a lock, and its release if there is one.
type side struct {
	lock   *lock.Lock
	digest digest.Digest
	tree   *release.Tree // nil for a lock alone
}

func open(ctx context.Context, name string) (*side, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		t, err := release.Open(ctx, release.Dir(name))
		if err != nil {
			return nil, err
		}
		return &side{t.Lock, t.Digest, t}, nil
	}
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return nil, err
	}
	l, err := lock.Parse(name, data)
	return &side{lock: l, digest: digest.FromBytes(data)}, err
}

func (s *side) release() Release {
	r := Release{Version: s.lock.Version, Product: s.lock.Product, Time: s.lock.Time, Lock: s.digest}
	if s.tree != nil {
		r.Files = len(s.tree.Files)
		for _, f := range s.tree.Files {
			r.Size += f.Size
		}
	}
	return r
}
