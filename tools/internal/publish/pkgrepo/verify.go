package pkgrepo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// entryText matches what entryName returns: the index, the package's name, version and
// architecture.
var entryText = regexp.MustCompile(`^(.+) entry (\S+) (\S+) (\S+)$`)

// Verify implements [publish.Destination]. An index has to be signed by a published key that
// has not expired, all its files have to be there, and it has to have the entries. It ignores
// entries of other releases.
func (r *repository) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	how := &reading{file: r.file, now: r.now}
	var errs []error
	var files []publish.Item
	for _, i := range items {
		switch i.Kind {
		case keyKind:
			var err error
			how.ring, err = r.verifyKey(ctx, i)
			errs = append(errs, err)
		case packageKind:
			files = append(files, i)
		}
	}
	indexes := map[string]*index{}
	for _, i := range items {
		if i.Kind == indexKind && i.State != publish.Kept {
			errs = append(errs, r.verifyEntry(ctx, i, indexes, how))
		}
	}
	errs = append(errs, parallel.Do(len(files), r.config.Jobs, func(n int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.VerifyObject(ctx, files[n], deep)
	})...)
	if err := ctx.Err(); err != nil {
		return err
	}
	return publish.JoinSorted(errs)
}

// verifyKey checks that the key of an item is among the published ones, and returns these.
func (r *repository) verifyKey(ctx context.Context, i publish.Item) (openpgp.Keyring, error) {
	key, err := r.Key(i.Name)
	if err != nil {
		return openpgp.Keyring{}, err
	}
	data, version, err := r.Read(ctx, key, maxIndex)
	switch {
	case err != nil:
		return openpgp.Keyring{}, err
	case version == "":
		return openpgp.Keyring{}, fmt.Errorf("public key %q: got none, want %s", i.Name, i.Digest)
	}
	ring, err := openpgp.ParseKeyring(data)
	if err != nil {
		return ring, fmt.Errorf("public key %q: %w", i.Name, err)
	}
	if have := ring.Fingerprints(); !slices.Contains(have, strings.TrimPrefix(i.Digest, "openpgp:")) {
		return ring, fmt.Errorf("public key %q: got %s, want %s", i.Name, strings.Join(have, ", "), i.Digest)
	}
	return ring, r.CheckServed(ctx, i, key)
}

// verifyEntry checks an entry. The map has the indexes that were read, nil for one that
// cannot be.
func (r *repository) verifyEntry(ctx context.Context, i publish.Item, indexes map[string]*index, how *reading) error {
	m := entryText.FindStringSubmatch(i.Name)
	if m == nil {
		return fmt.Errorf("package index entry %q: want INDEX entry NAME VERSION ARCHITECTURE", i.Name)
	}
	_, prefix, _ := r.Object("")
	pointer, ok := strings.CutPrefix(m[1], prefix)
	if !ok || path.Clean(pointer) != pointer {
		return fmt.Errorf("package index entry %q: want one in %s", i.Name, prefix)
	}
	var served error
	x, known := indexes[pointer]
	if !known {
		var err error
		if x, err = r.load(ctx, pointer, how); err != nil {
			indexes[pointer] = nil
			return fmt.Errorf("package index %q: %w", m[1], err)
		}
		indexes[pointer] = x
		key, _, _ := r.Object(pointer)
		served = r.CheckServed(ctx, i, key)
	}
	if x == nil {
		return nil // its error was returned for the first entry
	}
	got := "none"
	for _, e := range x.entries {
		if e.name == m[2] && e.version == m[3] && e.arch == m[4] {
			if got = e.digest; got == i.Digest {
				return served
			}
		}
	}
	return errors.Join(served, fmt.Errorf("package index entry %q: got %s, want %s", i.Name, got, i.Digest))
}
