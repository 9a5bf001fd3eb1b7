package baseimage

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

const alteredHint = "the file was changed after it was stored: delete it, and it is fetched again"

// Check checks that the store has the blobs of a lock entry. It compares the digests of
// manifests and the sizes of the others; Layout compares all digests. The error joins one
// for each blob that is missing or wrong, and wraps [store.ErrMissing] for missing ones.
// The blobs of a missing manifest are not known.
func Check(s *store.Store, img *lock.Image) error {
	_, err := contents(s, img)
	return err
}

// Contents returns the digests of all blobs of the lock entry, sorted, and the descriptor
// of their index or single image. A blob that is missing from the store is an error, as for
// Check.
func Contents(s *store.Store, img *lock.Image) (v1.Descriptor, []digest.Digest, error) {
	all, err := contents(s, img)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	var list []digest.Digest
	for _, desc := range all.blobs {
		list = append(list, layout.DigestOf(desc))
	}
	return all.root, list, nil
}

// content is a lock entry's content in the store.
type content struct {
	root  v1.Descriptor
	blobs []v1.Descriptor // root, manifests, configs and layers, sorted by digest
}

func contents(s *store.Store, img *lock.Image) (*content, error) {
	if err := img.Check(); err != nil {
		return nil, fmt.Errorf("lock entry %q: %w", img.Name, err)
	}
	root, err := storedDocument(s, img.Digest, "")
	if err != nil {
		return nil, fmt.Errorf("lock entry %q: %w", img.Name, err)
	}
	blobs := map[v1.Hash]v1.Descriptor{root.desc.Digest: root.desc}
	chosen, err := pinned(root, img)
	if err != nil {
		return nil, fmt.Errorf("lock entry %q: %w", img.Name, err)
	}
	var errs []error
	for i, c := range chosen {
		if err := addImage(s, c, img.Platforms[i].Size, blobs); err != nil {
			errs = append(errs, each(err, fmt.Sprintf("lock entry %q: platform %q", img.Name, c.platform))...)
		}
	}
	return &content{root.desc, sorted(blobs)}, errors.Join(errs...)
}

// addImage adds the blobs of one image. The store must have all of them.
func addImage(s *store.Store, c choice, size int64, blobs map[v1.Hash]v1.Descriptor) error {
	m, err := storedDocument(s, layout.DigestOf(c.desc), c.desc.MediaType)
	if err != nil {
		return err
	}
	if m.manifest == nil {
		return fmt.Errorf("manifest %s: mediaType is %q, want an image manifest", c.desc.Digest, m.desc.MediaType)
	}
	if m.size() != size {
		return fmt.Errorf("size of %s: got %d bytes, want %d", c.desc.Digest, m.size(), size)
	}
	var errs []error
	for _, desc := range append([]v1.Descriptor{m.desc, *m.manifest.Config}, m.manifest.Layers...) {
		if _, ok := blobs[desc.Digest]; ok {
			continue
		}
		blobs[desc.Digest] = desc
		have, err := present(s, desc)
		if err == nil && !have {
			err = missing(s, layout.DigestOf(desc))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// each returns the errors that are joined in err, each with a prefix.
func each(err error, prefix string) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{fmt.Errorf("%s: %w", prefix, err)}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, fmt.Errorf("%s: %w", prefix, e))
	}
	return errs
}

func missing(s *store.Store, d digest.Digest) error {
	return fmt.Errorf("blob %s %w %q", d, store.ErrMissing, s.Dir())
}

// storedDocument reads an index or manifest from the store.
func storedDocument(s *store.Store, d digest.Digest, said types.MediaType) (*document, error) {
	raw, err := storedBytes(s, d, maxManifestSize)
	if err != nil {
		return nil, err
	}
	return parseDocument(raw, said)
}

// storedBytes reads a blob of at most limit bytes from the store and compares its digest.
func storedBytes(s *store.Store, d digest.Digest, limit int64) ([]byte, error) {
	_, _ = s.Stat(s.OCIBlobPath(d)) // record the use
	raw, err := fileio.ReadLimited(s.OCIBlobPath(d), limit)
	if errors.Is(err, os.ErrNotExist) {
		return nil, missing(s, d)
	}
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(raw); got != d {
		err := fmt.Errorf("digest of %q: got %s, want %s", s.OCIBlobPath(d), got, d)
		return nil, hint.With(err, alteredHint)
	}
	return raw, nil
}

func sorted(blobs map[v1.Hash]v1.Descriptor) []v1.Descriptor {
	return slices.SortedFunc(maps.Values(blobs), func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.Hex, b.Digest.Hex) })
}
