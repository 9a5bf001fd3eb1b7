package pkgrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// keyFile is the path of the public keys, which users install.
const keyFile = "key.asc"

// planKey returns the item of the public keys. Its digest is the fingerprint of the key that
// signs.
func (r *repository) planKey(ctx context.Context) (publish.Item, error) {
	key, name, url := r.Object(keyFile)
	i := publish.Item{Phase: publish.Reveal, Kind: keyKind, Name: name, Digest: "openpgp:" + r.key.Fingerprint(), State: publish.Absent, URL: url}
	r.Serve(&i, key)
	data, version, err := r.Read(ctx, key, maxIndex)
	if err != nil && !errors.Is(err, bucket.ErrTooLarge) {
		return i, err
	}
	if err == nil && version == "" {
		return i, nil
	}
	want := []byte(nil)
	if err == nil {
		want, err = r.keys(data)
	}
	switch {
	case err != nil:
		i.State, i.Found, i.Reason = publish.Conflict, "other keys", strings.ReplaceAll(err.Error(), "\n", " ")
	case want == nil:
		i.State, i.Version = publish.Equal, version
	default:
		i.State, i.Found, i.Guard = publish.Behind, "other public keys", version
	}
	return i, nil
}

// keys returns the public keys that replace the ones that are there, or nil if they are the
// same. All keys that are there have to be among them: users trust these keys, and the
// indexes of other channels are signed by them.
func (r *repository) keys(found []byte) ([]byte, error) {
	want, err := r.key.Ring.Armored()
	if err != nil || bytes.Equal(want, found) {
		return nil, err
	}
	if len(found) == 0 {
		return want, nil
	}
	ring, err := openpgp.ParseKeyring(found)
	if err != nil {
		return nil, err
	}
	have := r.key.Ring.Fingerprints()
	for _, f := range ring.Fingerprints() {
		if !slices.Contains(have, f) {
			return nil, fmt.Errorf("users of the repository trust key %s, which is not in the file of the signing key: add its public part there", f)
		}
	}
	return want, nil
}

func (r *repository) applyKey(ctx context.Context, i publish.Item) error {
	key, _, _ := r.Object(keyFile)
	return r.Update(ctx, key, maxIndex, func(found []byte) ([]byte, error) {
		want, err := r.keys(found)
		if err != nil {
			err = fmt.Errorf("writing public keys %q: %w: %w", i.Name, err, publish.ErrChanged)
		}
		return want, err
	})
}
