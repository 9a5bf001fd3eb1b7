package resolve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
)

// imagesAtOnce is the number of base images that are fetched at a time; the layers of each
// are fetched at the same time.
const imagesAtOnce = 4

// Images pins base images, for all architectures of the manifest.
type Images struct {
	Kept *Kept
	// Args says how to fetch a base image; Resolve sets Name, Base and Platforms.
	Args baseimage.Args
}

// Resolve pins the base of every image of m and fetches it into the store. A locked base
// stays, even if its tag has moved, and takes no request if the store has it. The error
// joins one for each image that cannot be pinned.
func (r *Images) Resolve(ctx context.Context, m *manifest.Manifest) ([]lock.Image, error) {
	pinned := make([]lock.Image, len(m.Images))
	errs := parallel.Do(len(m.Images), imagesAtOnce, func(i int) error {
		p, err := r.pin(ctx, m.Images[i], m.Architectures)
		if err == nil {
			pinned[i] = *p
		}
		return err
	})
	if err := cmp.Or(ctx.Err(), errors.Join(errs...)); err != nil {
		return nil, err
	}
	slices.SortFunc(pinned, func(a, b lock.Image) int { return strings.Compare(a.Name, b.Name) })
	return pinned, nil
}

func (r *Images) pin(ctx context.Context, img manifest.Image, platforms []string) (*lock.Image, error) {
	args := r.Args
	args.Name, args.Base, args.Platforms = img.Name, img.Base, platforms
	old := r.locked(img, platforms)
	if old == nil || r.Kept.update(img.Name) {
		return baseimage.Pin(ctx, args)
	}
	if baseimage.Check(args.Store, old) == nil {
		return old, nil
	}
	return old, baseimage.Bring(ctx, args, old)
}

// locked returns an image's base in the old lock if it matches the manifest.
func (r *Images) locked(img manifest.Image, platforms []string) *lock.Image {
	if r.Kept.Lock == nil {
		return nil
	}
	for i := range r.Kept.Lock.Images {
		old := &r.Kept.Lock.Images[i]
		var has []string
		for _, p := range old.Platforms {
			has = append(has, p.Platform)
		}
		if old.Name == img.Name && old.Base == img.Base && slices.Equal(has, slices.Sorted(slices.Values(platforms))) {
			return old
		}
	}
	return nil
}
