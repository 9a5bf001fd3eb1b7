package bucket

import (
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// maxRaces is the number of times that a pointer is written again after somebody else wrote
// it.
const maxRaces = 10

// Read returns the content and the version of an object of at most limit bytes. One that does
// not exist has no version. The error for a larger one wraps [ErrTooLarge].
func (p *Place) Read(ctx context.Context, key string, limit int64) (data []byte, version string, err error) {
	data, o, err := readPointer(ctx, p.store, key, limit)
	return data, o.version, err
}

// Update replaces the content of an object by the result of change. If somebody else writes
// the object first, it calls change again with their content. If change returns nothing, it
// writes nothing.
func (p *Place) Update(ctx context.Context, key string, limit int64, change func([]byte) ([]byte, error)) error {
	again := retries(func(err error) bool { return errors.Is(err, errTaken) })
	again.Attempts = maxRaces
	for n := 1; ; n++ {
		data, version, err := p.Read(ctx, key, limit)
		if err != nil {
			return err
		}
		changed, err := change(data)
		if err != nil || changed == nil {
			return err
		}
		if err = p.store.put(ctx, pointer(key, version, changed, contentType(key))); !errors.Is(err, errTaken) {
			return err
		}
		if n == maxRaces {
			return fmt.Errorf("writing %q %d times: others write it at the same time: %w", p.store.name(key), n, publish.ErrChanged)
		}
		if err := again.Wait(ctx, max(1, n/2), err); err != nil {
			return err
		}
	}
}

// Create creates an object that never changes. One with the same content may exist already.
func (p *Place) Create(ctx context.Context, key string, data []byte) error {
	w := pointer(key, "", data, contentType(key))
	w.cacheControl = immutable
	err := p.store.put(ctx, w)
	if !errors.Is(err, errTaken) {
		return err
	}
	got, _, err := hash(ctx, p.store, key, "")
	if want := digest.FromBytes(data); err == nil && got != want {
		err = fmt.Errorf("creating object %q: got %s, want none or %s: %w", p.store.name(key), got, want, publish.ErrChanged)
	}
	return err
}
