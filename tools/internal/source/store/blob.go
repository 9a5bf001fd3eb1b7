package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// Fetcher returns bytes from elsewhere; the store verifies them.
type Fetcher interface {
	// Fetch returns a stream that ends without an error only if it is whole. The
	// caller closes it.
	Fetch(ctx context.Context) (io.ReadCloser, error)
}

// FetchFunc is a function that is a Fetcher.
type FetchFunc func(ctx context.Context) (io.ReadCloser, error)

// Fetch implements Fetcher.
func (f FetchFunc) Fetch(ctx context.Context) (io.ReadCloser, error) { return f(ctx) }

// ErrMissing is what an error wraps that says what a store lacks.
var ErrMissing = errors.New("is not in the store")

// MismatchError says that what was fetched is not what was wanted.
type MismatchError struct{ Got, Want digest.Digest }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("digest of what was fetched: got %s, want %s", e.Got, e.Want)
}

// BlobPath returns where the file with digest d is, or would be.
func (s *Store) BlobPath(d digest.Digest) string {
	return filepath.Join(s.dir, "content_addressable", "sha256", d.Hex(), "file")
}

// HasBlob reports whether the store has a file under the name of digest d.
// VerifyBlob reports whether it is the right one.
func (s *Store) HasBlob(d digest.Digest) bool {
	info, err := s.Stat(s.BlobPath(d))
	return err == nil && info.Mode().IsRegular()
}

// VerifyBlob reads the file with digest d and checks that it has that digest.
func (s *Store) VerifyBlob(d digest.Digest) error {
	got, _, err := digest.FromFile(s.BlobPath(d))
	if err != nil {
		return err
	}
	if got != d {
		return fmt.Errorf("digest of %q: got %s, want %s", s.BlobPath(d), got, d)
	}
	return nil
}

// PutBlob keeps what r gives and returns its digest and size in bytes.
func (s *Store) PutBlob(r io.Reader) (digest.Digest, int64, error) { return s.put(r, "") }

// Bring makes sure that the store has a file under the name of digest want: if
// it has not, it keeps what f brings, provided that the digest is right. The
// error is a *MismatchError if it is not.
func (s *Store) Bring(ctx context.Context, want digest.Digest, f Fetcher) error {
	if s.HasBlob(want) {
		return nil
	}
	r, err := f.Fetch(ctx)
	if err != nil {
		return err
	}
	_, _, err = s.put(r, want)
	return errors.Join(err, r.Close())
}

// put keeps what r gives, if it has the digest want, which may be empty.
func (s *Store) put(r io.Reader, want digest.Digest) (digest.Digest, int64, error) {
	f, err := s.temp(filepath.Join(s.dir, "content_addressable", "sha256"))
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.Name()) // fails once the file has its name
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err != nil {
		return "", 0, fmt.Errorf("adding to store %q: %w", s.dir, errors.Join(err, f.Close()))
	}
	d := digest.FromSum(h.Sum(nil))
	if want != "" && d != want {
		return "", 0, errors.Join(&MismatchError{d, want}, f.Close())
	}
	if err := s.seal(f, s.BlobPath(d)); err != nil {
		return "", 0, fmt.Errorf("adding %s to store %q: %w", d, s.dir, err)
	}
	return d, n, nil
}
