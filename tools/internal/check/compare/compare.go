// Package compare tells how two releases differ: file by file, and inside a file
// down to the member, the header field, the section or the JSON path, with what
// likely causes it.
//
// Equal releases cost no more than hashing both. Only files that differ are looked
// into, one after another and within bounds: how much is decompressed, how deep and
// how many the entries are. What is decompressed is kept in temporary files. What is
// beyond a bound, or is not what its first bytes say, is compared byte by byte.
//
// Archives, images and programs all become lists of entries, which one function
// compares. The package is worth its lines because a release that cannot be
// reproduced is of no use to anybody who is not told why.
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

// A Report says of every file whether it is the same in both releases.
type Report struct {
	Schema string       `json:"schema"`
	Files  []FileResult `json:"files"` // sorted by path
}

// Equal reports whether both releases have the same files with the same bytes.
func (r *Report) Equal() bool {
	return !slices.ContainsFunc(r.Files, func(f FileResult) bool { return f.State != lockdiff.Same })
}

// FileResult is what the comparison says of one path.
type FileResult struct {
	Path  string         `json:"path"`
	State lockdiff.State `json:"state"`
	Old   *Side          `json:"old,omitempty"`
	New   *Side          `json:"new,omitempty"`
	// Differences are at most 100; the last one says how many more there are.
	Differences []Difference `json:"differences,omitempty"`
}

// Side is a file of one release.
type Side struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"` // in bytes; 0 where only the digest is known
}

// Difference is one difference inside a file, as deep as it can be named. All of
// it can be printed as it is.
type Difference struct {
	// Member is the path inside the file, with " → " between levels; empty for the
	// file itself.
	Member string `json:"member,omitempty"`
	// What is mtime, mode, owner, order, content, added, removed, a header's field,
	// JSON path .a.b[0], line 12, and the like.
	What string `json:"what"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Cause is what likely causes it, for people; empty if nothing suggests itself.
	Cause string `json:"cause,omitempty"`
}

// Trees compares two releases file by file. Equal files are only hashed; the
// hashes are read from the files, never taken from SHA256SUMS. A file that cannot
// be read is an error; one that is malformed is compared byte by byte.
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

// Digests compares a release with digests alone, as a SHA256SUMS has them:
// differences have no members then. SHA256SUMS cannot list itself, so it is left
// out where want does not have it.
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

// merge puts the two sides together; they are equal where the digests are.
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

// side is a release to hash, and where its sums go.
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

// hashAll hashes every file of all sides on all cores, the large ones first, so
// that no core is left alone with one at the end.
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

// copyBuffer is how much is read at once, in bytes.
const copyBuffer = 256 << 10

// copyAll copies what r has. It ends soon after ctx is cancelled, and with an error
// that wraps errBound after limit bytes.
func copyAll(ctx context.Context, w io.Writer, r io.Reader, buf []byte, limit int64) (int64, error) {
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(fileio.Reader(ctx, r), limit), buf)
	if err == nil && n == limit {
		err = fmt.Errorf("%w: %d bytes or more", errBound, limit)
	}
	return n, err
}
