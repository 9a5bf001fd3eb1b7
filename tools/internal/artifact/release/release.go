// Package release reads a built release, the output of //release:all, from a directory
// or from where it was published.
package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// The files that describe the release.
const (
	Checksums = "SHA256SUMS"
	LockFile  = "lock.json"
)

// maxDocument limits the size of these files, in bytes.
const maxDocument = 64 << 20

// A Source holds the files of a release. It is safe for concurrent use.
type Source interface {
	// Open opens the file at a path of the release. The error for a file that does not
	// exist wraps fs.ErrNotExist.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Sizes returns the size in bytes of every file, by path.
	Sizes(ctx context.Context) (map[string]int64, error)
	// Location returns a location that a service can copy the file from, such as
	// gs://bucket/object#generation. It is empty for a file on this machine.
	Location(path string) string
}

// A Digester is a Source that knows digests of its files without reading them.
type Digester interface {
	// Digest returns the digest of the file at a path, or false if it does not know it. Whoever
	// opens the file gets content with that digest, or an error.
	Digest(path string) (digest.Digest, bool)
}

// A File is one file of a release.
type File struct {
	Path   string        `json:"path"` // slash-separated, relative to the release
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"` // in bytes
}

// A Tree is a release: its files, and what it was built from.
type Tree struct {
	Version string
	// Lock is the lock that it was built from, Digest the digest of lock.json.
	Lock   *lock.Lock
	Digest digest.Digest
	// Files are sorted by path; SHA256SUMS is one of them.
	Files      []File
	source     Source
	signatures map[string][]byte // by path
}

// Open reads SHA256SUMS and lock.json, and checks that the release has exactly the files
// that SHA256SUMS lists. [Tree.Check] reads the files.
func Open(ctx context.Context, s Source) (*Tree, error) {
	sums, err := readAll(ctx, s, Checksums)
	if err != nil {
		return nil, hint.With(err, "build the release first: tools/bazel build //release:all")
	}
	t := &Tree{source: s}
	if t.Files, err = ParseChecksums(sums); err != nil {
		return nil, fmt.Errorf("reading %s: %w", Checksums, err)
	}
	t.Files = append(t.Files, File{Path: Checksums, Digest: digest.FromBytes(sums)})
	slices.SortFunc(t.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	sizes, err := s.Sizes(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the release: %w", err)
	}
	if err := t.readSignatures(ctx, sizes); err != nil {
		return nil, err
	}
	if err := t.addSizes(sizes); err != nil {
		return nil, hint.With(err, "build it again: tools/bazel build //release:all")
	}
	return t, t.readLock(ctx)
}

func (t *Tree) addSizes(sizes map[string]int64) error {
	var errs []error
	for i, f := range t.Files {
		size, ok := sizes[f.Path]
		if !ok {
			errs = append(errs, fmt.Errorf("file %q is in %s but not in the release", f.Path, Checksums))
		}
		t.Files[i].Size = size
	}
	if len(errs) > 0 || len(sizes) > len(t.Files) {
		for p := range sizes {
			if _, ok := t.Find(p); !ok {
				errs = append(errs, fmt.Errorf("file %q is in the release but not in %s", p, Checksums))
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (t *Tree) readLock(ctx context.Context) error {
	data, err := readAll(ctx, t.source, LockFile)
	if err != nil {
		return err
	}
	if t.Lock, err = lock.Parse(LockFile, data); err != nil {
		return err
	}
	t.Version, t.Digest = t.Lock.Version, digest.FromBytes(data)
	if f, ok := t.Find(LockFile); !ok || f.Digest != t.Digest {
		return fmt.Errorf("sha256 of %s: got %s, want %s as in %s", LockFile, t.Digest, f.Digest, Checksums)
	}
	return nil
}

// Find returns the file or the signature at a path.
func (t *Tree) Find(path string) (File, bool) {
	i, ok := slices.BinarySearchFunc(t.Files, path, func(f File, p string) int { return strings.Compare(f.Path, p) })
	if ok {
		return t.Files[i], true
	}
	data, ok := t.signatures[path]
	if !ok {
		return File{}, false
	}
	return File{Path: path, Digest: digest.FromBytes(data), Size: int64(len(data))}, true
}

// Open opens a file of the release. If the content does not match SHA256SUMS, the last
// Read fails instead of returning io.EOF, so that an altered file is never published.
func (t *Tree) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	f, ok := t.Find(path)
	if !ok {
		return nil, fmt.Errorf("the release has no file %q", path)
	}
	if data, ok := t.signatures[path]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	r, err := t.source.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening %q of the release: %w", path, err)
	}
	return newVerifier(r, f), nil
}

// ReadFile returns the checked content of a file of at most 64 MiB.
func (t *Tree) ReadFile(ctx context.Context, path string) ([]byte, error) {
	r, err := t.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return limitedAll(r, path)
}

// Location returns a location as [Source] does. Signatures have none: they may be others than
// those in the source.
func (t *Tree) Location(path string) string {
	if _, ok := t.signatures[path]; ok {
		return ""
	}
	return t.source.Location(path)
}

// Images returns the names of the images, sorted: images/NAME is an OCI layout
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).
func (t *Tree) Images() []string {
	var names []string
	for _, f := range t.Files {
		if name, ok := strings.CutPrefix(path.Dir(f.Path), "images/"); ok && path.Base(f.Path) == "index.json" {
			names = append(names, name)
		}
	}
	return names
}

// ChartsDir is the directory of the Helm charts. Those in a directory below it, such as
// helm/samples, have an index of their own where they are published.
const ChartsDir = "helm/"

// Charts returns the paths of the Helm charts, sorted.
func (t *Tree) Charts() []string {
	var paths []string
	for _, f := range t.Files {
		if strings.HasPrefix(f.Path, ChartsDir) && path.Ext(f.Path) == ".tgz" {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

func readAll(ctx context.Context, s Source, path string) ([]byte, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening %q of the release: %w", path, err)
	}
	defer r.Close()
	return limitedAll(r, path)
}

func limitedAll(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("size: got more than %d bytes", maxDocument)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q of the release: %w", path, err)
	}
	return data, nil
}

// ParseChecksums parses a SHA256SUMS as sha256sum(1) writes it: each line has 64 digits,
// two spaces and a path below the release. The lines are sorted by path, without
// duplicates. The files' sizes are not set.
func ParseChecksums(data []byte) ([]File, error) {
	var files []File
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		sum, p, ok := strings.Cut(line, "  ")
		d, err := digest.Parse("sha256:" + sum)
		if !ok || err != nil || p == "" || path.Clean("/" + p)[1:] != p || p == Checksums {
			return nil, fmt.Errorf("line %d: got %.200q, want 64 hexadecimal digits, two spaces, and a path below the release", i+1, line)
		}
		if len(files) > 0 && files[len(files)-1].Path >= p {
			return nil, fmt.Errorf("line %d: %q does not sort after %q", i+1, p, files[len(files)-1].Path)
		}
		files = append(files, File{Path: p, Digest: d})
	}
	return files, nil
}
