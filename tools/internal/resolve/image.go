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

// imagesAtOnce is how many bases are brought at a time; each has its layers
// brought at the same time.
const imagesAtOnce = 4

// Images pins what images are based on, for all architectures of the manifest.
type Images struct {
	Kept *Kept
	// Args says how to reach a base; Name, Base and Platforms are set here.
	Args baseimage.Args
}

// Resolve pins the base of every image of m and brings it into the store. A locked
// base stays, whatever its tag names by now, and costs no request if the store
// has it. The error joins one for each image that cannot be pinned.
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

// locked returns what is locked for an image, if that is what is asked for.
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
