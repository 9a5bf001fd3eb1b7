package baseimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Layout lays a lock entry out as an OCI image layout in dir, which must not be
// there: the store's blobs as hard links, or copies where the file system has no
// links to them, and an index.json that points to what is pinned. The digest of
// every blob is compared. An index may name manifests that the layout lacks:
// those of platforms that the lock has not.
func Layout(ctx context.Context, s *store.Store, img *lock.Image, dir string) error {
	all, err := contents(s, img)
	if err != nil {
		return err
	}
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, desc := range all.blobs {
		if err := layBlob(ctx, s, desc, filepath.Join(blobs, desc.Digest.Hex)); err != nil {
			errs = append(errs, fmt.Errorf("lock entry %q: %w", img.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json", Manifests: []v1.Descriptor{all.root}}
	marker := map[string]string{"imageLayoutVersion": "1.0.0"}
	return errors.Join(jsonfile.Write(filepath.Join(dir, "index.json"), index), jsonfile.Write(filepath.Join(dir, "oci-layout"), marker))
}

// layBlob links or copies a blob to the named file, which it reads again.
func layBlob(ctx context.Context, s *store.Store, desc v1.Descriptor, to string) error {
	from := s.OCIBlobPath(digestOf(desc))
	if err := os.Link(from, to); err != nil {
		if err := copyFile(ctx, from, to); err != nil {
			return err
		}
	}
	f, err := os.Open(to)
	if err != nil {
		return err
	}
	defer f.Close()
	got, _, err := digest.FromReader(fileio.Reader(ctx, f))
	if err != nil {
		return fmt.Errorf("reading %q: %w", to, err)
	}
	if want := digestOf(desc); got != want {
		return hint.With(fmt.Errorf("digest of %q: got %s, want %s", from, got, want), alteredHint)
	}
	return nil
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, fileio.Reader(ctx, in)); err != nil {
		return fmt.Errorf("copying %q: %w", from, errors.Join(err, out.Close()))
	}
	return out.Close()
}
