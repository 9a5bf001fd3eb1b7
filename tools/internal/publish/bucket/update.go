package bucket

import (
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// maxRaces is how often a pointer is made anew because somebody else wrote it.
const maxRaces = 10

// Read returns the content and the version of an object of at most limit bytes. One
// that is not there has no version. The error for a larger one wraps [ErrTooLarge].
func (p *Place) Read(ctx context.Context, key string, limit int64) (data []byte, version string, err error) {
	data, o, err := readPointer(ctx, p.store, key, limit)
	return data, o.version, err
}

// Update writes what change makes of the content of an object that others write too,
// and makes it again of what they wrote if they were faster. A change to nothing
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
			return fmt.Errorf("writing %q %d times: others keep writing it: %w", p.store.name(key), n, publish.ErrChanged)
		}
		if err := again.Wait(ctx, max(1, n/2), err); err != nil {
			return err
		}
	}
}
