package store

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// PutStream adds what write writes and returns its digest. If write fails, PutStream adds
// nothing and returns write's error as it is.
func (s *Store) PutStream(write func(io.Writer) error) (digest.Digest, error) {
	pr, pw := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(pw)
		wrote <- err
		pw.CloseWithError(err)
	}()
	d, _, err := s.PutBlob(pr)
	pr.CloseWithError(err)
	if w := <-wrote; w != nil && (err == nil || errors.Is(err, w)) {
		return "", w
	}
	return d, err
}

// ScanTree calls visit for each entry of the canonical tar with digest d, in order, and
// verifies the digest. If it returns an error, what visit was given may be wrong.
func (s *Store) ScanTree(d digest.Digest, visit func(h *tar.Header, content io.Reader) error) error {
	name := s.BlobPath(d)
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	pr, pw := io.Pipe()
	type result struct {
		digest digest.Digest
		err    error
	}
	sum := make(chan result, 1)
	go func() {
		got, _, err := digest.FromReader(pr)
		pr.CloseWithError(err)
		sum <- result{got, err}
	}()
	scanErr := scan(io.TeeReader(f, pw), visit)
	_, restErr := io.Copy(pw, f)
	pw.CloseWithError(restErr)
	got := <-sum
	if err := errors.Join(restErr, got.err); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	if got.digest != d {
		err := fmt.Errorf("digest of %q: got %s, want %s", name, got.digest, d)
		return hint.With(err, "the file was changed after it was stored: delete it, and it is made again")
	}
	return scanErr
}

func scan(r io.Reader, visit func(h *tar.Header, content io.Reader) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(h, t); err != nil {
			return err
		}
	}
}
