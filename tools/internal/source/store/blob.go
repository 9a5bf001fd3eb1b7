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

// Fetcher fetches a file. The store verifies it.
type Fetcher interface {
	// Fetch returns a stream that ends without an error only if it is complete. The
	// caller closes it.
	Fetch(ctx context.Context) (io.ReadCloser, error)
}

// FetchFunc is a function that implements [Fetcher].
type FetchFunc func(ctx context.Context) (io.ReadCloser, error)

// Fetch implements [Fetcher].
func (f FetchFunc) Fetch(ctx context.Context) (io.ReadCloser, error) { return f(ctx) }

// ErrMissing is wrapped by errors about files that are missing from a store.
var ErrMissing = errors.New("is not in the store")

// MismatchError reports that a fetched file has the wrong digest.
type MismatchError struct{ Got, Want digest.Digest }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("digest of fetched file: got %s, want %s", e.Got, e.Want)
}

// BlobPath returns the path of the file with digest d, whether or not it exists.
func (s *Store) BlobPath(d digest.Digest) string {
	return filepath.Join(s.dir, "content_addressable", "sha256", d.Hex(), "file")
}

// HasBlob reports whether the store has a file with the name of digest d. VerifyBlob checks
// the content.
func (s *Store) HasBlob(d digest.Digest) bool {
	info, err := s.Stat(s.BlobPath(d))
	return err == nil && info.Mode().IsRegular()
}

// VerifyBlob reads the file with the name of digest d and checks its digest.
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

// PutBlob adds the content of r and returns its digest and its size in bytes.
func (s *Store) PutBlob(r io.Reader) (digest.Digest, int64, error) { return s.put(r, "") }

// Bring fetches the file with digest want into the store, unless the store has it. If the
// fetched file has another digest, the error is a *MismatchError.
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

// put adds the content of r. If want is not empty, the digest must match.
func (s *Store) put(r io.Reader, want digest.Digest) (digest.Digest, int64, error) {
	f, err := s.temp(filepath.Join(s.dir, "content_addressable", "sha256"))
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.Name()) // fails after the rename
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
