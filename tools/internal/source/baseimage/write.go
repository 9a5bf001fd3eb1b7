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
