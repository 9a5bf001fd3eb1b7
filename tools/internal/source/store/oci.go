package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// OCIDir returns the directory of the store's OCI image layout (image-spec v1.1,
// image-layout.md). An index in it may name manifests that are missing from the store, for
// platforms that no lock pins. Package layout changes its index.json.
func (s *Store) OCIDir() string { return filepath.Join(s.dir, "oci") }

// OCIBlobPath returns the path of the layout's blob with digest d, whether or not it exists.
func (s *Store) OCIBlobPath(d digest.Digest) string {
	return filepath.Join(s.OCIDir(), "blobs", "sha256", d.Hex())
}

// PutOCIBlob adds the content of r to the layout. Its digest and its size in bytes must
// match. PutOCIBlob reads at most one byte more than size.
func (s *Store) PutOCIBlob(r io.Reader, want digest.Digest, size int64) error {
	f, err := s.temp(filepath.Dir(s.OCIBlobPath(want)))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(r, size+1))
	if err == nil && n > size {
		err = fmt.Errorf("size: got more than %d bytes, want %d", size, size)
	}
	if err == nil && n < size {
		err = fmt.Errorf("size: got %d bytes, want %d", n, size)
	}
	if got := digest.FromSum(h.Sum(nil)); err == nil && got != want {
		err = fmt.Errorf("digest: got %s, want %s", got, want)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return s.seal(f, s.OCIBlobPath(want))
}
