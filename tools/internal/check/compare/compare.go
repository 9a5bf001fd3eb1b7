// Package compare compares two releases: file by file, and inside a file down to the member,
// the header field, the section or the JSON path, with the likely cause of each difference.
//
// Equal releases are only hashed. Files that differ are examined one after another, with
// bounds on the decompressed size, the depth and the number of entries. Decompressed data is
// kept in temporary files. A file that exceeds a bound, or does not match its first bytes, is
// compared byte by byte.
//
// Archives, images and programs all become lists of entries, which one function compares.
package compare

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Schema is the format of a report.
const Schema = "release-builder/compare/v2"

// A Report has the result for every file of both releases.
type Report struct {
	Schema string       `json:"schema"`
	Files  []FileResult `json:"files"` // sorted by path
}

// Equal reports whether both releases have the same files with the same bytes.
func (r *Report) Equal() bool {
	return !slices.ContainsFunc(r.Files, func(f FileResult) bool { return f.State != lockdiff.Same })
}

// FileResult is the result for one path.
type FileResult struct {
	Path  string         `json:"path"`
	State lockdiff.State `json:"state"`
	Old   *Side          `json:"old,omitempty"`
	New   *Side          `json:"new,omitempty"`
	// Differences has at most 100 entries. If there are more, the last one has their number.
	Differences []Difference `json:"differences,omitempty"`
}

// Side is a file of one release.
type Side struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"` // in bytes; 0 if only the digest is known
}

// Difference is one difference inside a file, as specific as possible. All fields are safe to
// print.
type Difference struct {
	// Member is the path inside the file, with " → " between levels; empty for the file
	// itself.
	Member string `json:"member,omitempty"`
	// What is what differs: mtime, mode, owner, order, content, added, removed, a header
	// field, JSON path .a.b[0], line 12 and so on.
	What string `json:"what"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Cause is the likely cause, for people; empty if unknown.
	Cause string `json:"cause,omitempty"`
}

// Trees compares two releases file by file. Equal files are only hashed. The hashes are
// computed from the files, never taken from SHA256SUMS. A file that cannot be read is an
// error; a malformed file is compared byte by byte.
func Trees(ctx context.Context, old, new release.Source) (*Report, error) {
	olds, news, err := hashBoth(ctx, old, new)
	if err != nil {
		return nil, err
	}
	r := merge(olds, news)
	if err := explainAll(ctx, r, old, new); err != nil {
		return nil, err
	}
	return r, nil
}

// Digests compares a release with digests from a SHA256SUMS. The differences then have no
// members. SHA256SUMS cannot list itself, so it is left out if want does not have it.
func Digests(ctx context.Context, want []release.File, got release.Source) (*Report, error) {
	olds := map[string]Side{}
	for _, f := range want {
		if _, ok := olds[f.Path]; ok {
			return nil, fmt.Errorf("duplicate path %q", f.Path)
		}
		olds[f.Path] = Side{f.Digest, f.Size}
	}
	sizes, err := got.Sizes(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the new release: %w", err)
	}
	if _, ok := olds[release.Checksums]; !ok {
		sizes = maps.Clone(sizes)
		delete(sizes, release.Checksums)
	}
	news := map[string]Side{}
	if err := hashAll(ctx, []side{{"new", got, sizes, news}}); err != nil {
		return nil, err
	}
	return merge(olds, news), nil
}

// merge joins the two sides. Files are equal if their digests are.
func merge(olds, news map[string]Side) *Report {
	paths := slices.Collect(maps.Keys(olds))
	for p := range news {
		if _, ok := olds[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	r := &Report{Schema: Schema, Files: make([]FileResult, 0, len(paths))}
	for _, p := range paths {
		f := FileResult{Path: p}
		if s, ok := olds[p]; ok {
			f.Old = &s
		}
		if s, ok := news[p]; ok {
			f.New = &s
		}
		switch {
		case f.New == nil:
			f.State = lockdiff.Removed
		case f.Old == nil:
			f.State = lockdiff.Added
		case f.Old.Digest == f.New.Digest:
			f.State = lockdiff.Same
		default:
			f.State = lockdiff.Changed
		}
		r.Files = append(r.Files, f)
	}
	return r
}

// side is a release to hash, with the resulting digests.
type side struct {
	name   string
	source release.Source
	sizes  map[string]int64
	sums   map[string]Side
}

func hashBoth(ctx context.Context, old, new release.Source) (olds, news map[string]Side, err error) {
	olds, news = map[string]Side{}, map[string]Side{}
	sides := []side{{"old", old, nil, olds}, {"new", new, nil, news}}
	for i := range sides {
		if sides[i].sizes, err = sides[i].source.Sizes(ctx); err != nil {
			return nil, nil, fmt.Errorf("listing the %s release: %w", sides[i].name, err)
		}
	}
	return olds, news, hashAll(ctx, sides)
}

// hashAll hashes every file of all sides on all cores. It begins with the largest files, so
// that the cores finish at about the same time.
func hashAll(ctx context.Context, sides []side) error {
	type task struct {
		side *side
		path string
		sum  Side
	}
	var tasks []task
	for i := range sides {
		for p := range sides[i].sizes {
			tasks = append(tasks, task{side: &sides[i], path: p})
		}
	}
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(b.side.sizes[b.path], a.side.sizes[a.path]), cmp.Compare(a.path, b.path), cmp.Compare(b.side.name, a.side.name))
	})
	err := parallel.DoAll(ctx, len(tasks), runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		t := &tasks[i]
		var err error
		if t.sum, err = hashFile(ctx, t.side.source, t.path); err != nil {
			return fmt.Errorf("hashing %q of the %s release: %w", t.path, t.side.name, err)
		}
		return nil
	})
	for _, t := range tasks {
		t.side.sums[t.path] = t.sum
	}
	return err
}

func hashFile(ctx context.Context, s release.Source, path string) (Side, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return Side{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := copyAll(ctx, h, r, make([]byte, copyBuffer), math.MaxInt64)
	return Side{digest.FromSum(h.Sum(nil)), n}, err
}

// copyBuffer is the number of bytes that are read at once.
const copyBuffer = 256 << 10

// copyAll copies r to w. It ends soon after ctx is cancelled. After limit bytes it returns an
// error that wraps errBound.
func copyAll(ctx context.Context, w io.Writer, r io.Reader, buf []byte, limit int64) (int64, error) {
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(fileio.Reader(ctx, r), limit), buf)
	if err == nil && n == limit {
		err = fmt.Errorf("%w: %d bytes or more", errBound, limit)
	}
	return n, err
}
