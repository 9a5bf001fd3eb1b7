package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// Check is CheckFile for all files of the release. The error joins one for each file that does
// not match SHA256SUMS, and one for each dependency that was built from a directory with
// uncommitted changes.
func (t *Tree) Check(ctx context.Context) error {
	errs := parallel.Do(len(t.Files), runtime.GOMAXPROCS(0), func(i int) error {
		return t.CheckFile(ctx, t.Files[i].Path)
	})
	if err := errors.Join(errs...); err != nil {
		err = hint.With(err, "the release was altered after it was built; build it again: tools/bazel build //release:all")
		return errors.Join(err, t.CheckClean())
	}
	return t.CheckClean()
}

// CheckFile checks that a file or a signature matches. It reads the file, unless a [Digester]
// knows its digest.
func (t *Tree) CheckFile(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d, ok := t.source.(Digester); ok {
		f, _ := t.Find(path)
		if got, ok := d.Digest(path); ok && got != f.Digest {
			return fmt.Errorf("sha256 of %q: got %s, want %s", path, got, f.Digest)
		} else if ok {
			return nil
		}
	}
	r, err := t.Open(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// CheckClean is the part of Check about dependencies. It reads no file.
func (t *Tree) CheckClean() error {
	var errs []error
	for _, d := range t.Lock.Dependencies {
		if d.Local != nil && d.Local.Dirty {
			err := fmt.Errorf("dependency %q was built from directory %q, which differs from commit %q", d.Name, d.Local.Path, d.Local.Commit)
			errs = append(errs, hint.With(err, "commit the changes, then run tools/bazel run //release:resolve and build again"))
		}
	}
	return errors.Join(errs...)
}

// verifier reads a file of a release, and fails at its end if it does not match want.
type verifier struct {
	r    io.ReadCloser
	want File
	sum  hash.Hash
	n    int64
	err  error
}

func newVerifier(r io.ReadCloser, want File) *verifier {
	return &verifier{r: r, want: want, sum: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.sum.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.want.Size:
		err = fmt.Errorf("size of %q: got more than the %d bytes listed", v.want.Path, v.want.Size)
	case err != nil && err != io.EOF:
		err = fmt.Errorf("reading %q: %w", v.want.Path, err)
	case err == io.EOF && v.n < v.want.Size:
		err = fmt.Errorf("size of %q: got %d bytes, want %d", v.want.Path, v.n, v.want.Size)
	case err == io.EOF || v.n == v.want.Size:
		if got := digest.FromSum(v.sum.Sum(nil)); got != v.want.Digest {
			err = fmt.Errorf("sha256 of %q: got %s, want %s", v.want.Path, got, v.want.Digest)
		}
	}
	v.err = err
	return n, err
}

func (v *verifier) Close() error { return v.r.Close() }
