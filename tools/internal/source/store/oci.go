package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// OCIDir returns the directory of the store's OCI image layout (image-spec v1.1,
// image-layout.md). An index in it may name manifests that the store lacks: those
// of platforms that nobody asked for.
func (s *Store) OCIDir() string { return filepath.Join(s.dir, "oci") }

// OCIBlobPath returns where in the layout the blob with digest d is, or would be.
func (s *Store) OCIBlobPath(d digest.Digest) string {
	return filepath.Join(s.OCIDir(), "blobs", "sha256", d.Hex())
}

// PutOCIBlob keeps what r gives in the layout, if it has the given digest and
// size in bytes. It reads one byte more than size at most.
func (s *Store) PutOCIBlob(r io.Reader, want digest.Digest, size int64) error {
	f, err := s.temp(filepath.Dir(s.OCIBlobPath(want)))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once the file has its name
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

// ociIndex is index.json: what it has of others stays as it is.
type ociIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
}

// OCIDescriptor is what index.json says of a manifest or an index.
type OCIDescriptor struct {
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"` // in bytes
	Digest    digest.Digest `json:"digest"`
}

// AddOCIRoot has the layout's index.json point to a manifest or an index that is
// among the blobs. Several processes may do so at a time.
func (s *Store) AddOCIRoot(d OCIDescriptor) error {
	err := s.editOCIIndex(func(index *ociIndex) error {
		for _, raw := range index.Manifests {
			if rootDigest(raw) == string(d.Digest) {
				return nil
			}
		}
		raw, err := json.Marshal(d)
		index.Manifests = append(index.Manifests, raw)
		slices.SortFunc(index.Manifests, func(a, b json.RawMessage) int { return strings.Compare(rootDigest(a), rootDigest(b)) })
		return err
	})
	if err != nil {
		return fmt.Errorf("adding %s to store %q: %w", d.Digest, s.dir, err)
	}
	return nil
}

// DropOCIRoots has the layout's index.json point to none of the given digests. Their
// blobs stay.
func (s *Store) DropOCIRoots(gone map[digest.Digest]bool) error {
	err := s.editOCIIndex(func(index *ociIndex) error {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(raw json.RawMessage) bool { return gone[digest.Digest(rootDigest(raw))] })
		return nil
	})
	if err != nil {
		return fmt.Errorf("dropping images from store %q: %w", s.dir, err)
	}
	return nil
}

// editOCIIndex has edit change the layout's index.json, while no other process does.
func (s *Store) editOCIIndex(edit func(*ociIndex) error) error {
	if err := os.MkdirAll(s.OCIDir(), 0o755); err != nil {
		return err
	}
	unlock, err := filelock.Lock(filepath.Join(s.OCIDir(), ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	name := filepath.Join(s.OCIDir(), "index.json")
	index := ociIndex{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(data, &index); err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
	}
	before := len(index.Manifests)
	for _, raw := range index.Manifests {
		if err := json.Unmarshal(raw, new(OCIDescriptor)); err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
	}
	if err := edit(&index); err != nil || len(index.Manifests) == before {
		return err
	}
	marker := map[string]string{"imageLayoutVersion": "1.0.0"}
	return errors.Join(jsonfile.Write(name, index), jsonfile.Write(filepath.Join(s.OCIDir(), "oci-layout"), marker))
}

func rootDigest(raw json.RawMessage) string {
	var d OCIDescriptor
	if err := json.Unmarshal(raw, &d); err != nil {
		return ""
	}
	return string(d.Digest)
}
