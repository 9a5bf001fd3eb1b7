package baseimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Layout writes an OCI image layout of a lock entry to dir, which must not exist: the
// store's blobs as hard links, or as copies if the file system cannot link them, and an
// index.json. The digest of every blob is compared. An index may name manifests that are
// missing from the layout, for platforms that the lock does not pin.
func Layout(ctx context.Context, s *store.Store, img *lock.Image, dir string) error {
	all, err := contents(s, img)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	from, to := layout.Path(s.OCIDir()), layout.Path(dir)
	if err := os.MkdirAll(filepath.Dir(to.Blob(img.Digest)), 0o755); err != nil {
		return err
	}
	var errs []error
	for _, desc := range all.blobs {
		err := to.Link(ctx, from, layout.DigestOf(desc))
		if altered := (*layout.AlteredError)(nil); errors.As(err, &altered) {
			err = hint.With(err, alteredHint)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("lock entry %q: %w", img.Name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return to.WriteIndex(layout.NewIndex(all.root))
}
