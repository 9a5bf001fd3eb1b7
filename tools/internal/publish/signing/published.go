package signing

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// CheckPublished checks the signatures at the destinations of a receipt of a release: all that
// the receipt has are by the public key, and each subject is signed at one of them. It returns
// their number. The error joins one for each difference.
func CheckPublished(ctx context.Context, tree *release.Tree, r *publish.Receipt, all []publish.Destination, public crypto.PublicKey) (int, error) {
	subjects, err := Subjects(ctx, tree)
	if err != nil {
		return 0, err
	}
	checked := 0
	var errs []error
	for _, s := range subjects {
		found := 0
		for _, d := range r.Destinations {
			i := slices.IndexFunc(all, func(other publish.Destination) bool { return other.Name() == d.Name })
			if i < 0 {
				continue // the receipt's own check has an error for it
			}
			keeper, ok := all[i].(publish.Keeper)
			for _, item := range d.Items {
				if !ok || item.Path != s.Path {
					continue
				}
				found++
				if err := s.checkAt(ctx, keeper, r.Version, item, public); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", d.Name, err))
				}
			}
		}
		if found == 0 {
			err := fmt.Errorf("signature %q: no destination has it", s.Path)
			errs = append(errs, hint.With(err, "publish the release with its key: --cosignkey"))
		}
		checked += found
	}
	return checked, errors.Join(errs...)
}

func (s *Subject) checkAt(ctx context.Context, d publish.Keeper, version string, i publish.Item, public crypto.PublicKey) error {
	found, err := d.Signatures(ctx, version, i)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("signature %q: got %d at %q, want one", s.Path, len(found), i.Name)
	}
	return s.Verify(public, found[0])
}
