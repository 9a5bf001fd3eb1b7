package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/release"
)

// bucket is a release's objects and its aliases.
type bucket struct {
	*place
	aliases   []string
	downgrade bool
}

const (
	objectKind = "object"
	aliasKind  = "alias"
	// aliasLimit is how long a version may be, in bytes.
	aliasLimit = 1 << 10
)

// Plan is that of [publish.Destination]. SHA256SUMS is the last object: where it is,
// all the others are.
func (b *bucket) Plan(ctx context.Context) ([]publish.Item, error) {
	if b.tree == nil {
		return nil, errors.New("planning: there is no release")
	}
	prefix := b.prefix + b.tree.Version + "/"
	objects, err := b.store.list(ctx, prefix)
	if err != nil {
		return nil, err
	}
	found := map[string]*object{}
	for i := range objects {
		found[objects[i].key] = &objects[i]
	}
	files := checksumsLast(b.tree.Files)
	items := make([]publish.Item, len(files)+len(b.aliases))
	err = parallel.DoAll(ctx, len(items), b.jobs, func(ctx context.Context, i int) (err error) {
		if n := i - len(files); n >= 0 {
			items[i], err = b.alias(ctx, b.aliases[n])
			return err
		}
		key := prefix + files[i].Path
		items[i], err = b.item(ctx, objectKind, key, files[i], found[key])
		return err
	})
	if err != nil {
		return nil, err
	}
	more := unexpected(objects, func(key string) bool {
		_, ok := b.tree.Find(strings.TrimPrefix(key, prefix))
		return ok
	})
	for _, o := range more {
		items = append(items, publish.Item{
			Phase: publish.Upload, Kind: objectKind, Name: b.store.name(o.key), State: publish.Conflict,
			Found: "an object that the release does not have", URL: b.store.url(o.key),
		})
	}
	return items, nil
}

func checksumsLast(files []release.File) []release.File {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b release.File) int {
		last := func(f release.File) int {
			if f.Path == release.Checksums {
				return 1
			}
			return 0
		}
		return last(a) - last(b)
	})
	return sorted
}

func (b *bucket) alias(ctx context.Context, alias string) (publish.Item, error) {
	key, version := b.prefix+alias, b.tree.Version
	i := publish.Item{
		Phase: publish.Reveal, Kind: aliasKind, Name: b.store.name(key), Digest: version, Size: int64(len(version)), URL: b.store.url(key),
	}
	data, o, err := readPointer(ctx, b.store, key, aliasLimit)
	if errors.Is(err, errTooLarge) {
		i.State, i.Found = publish.Conflict, fmt.Sprintf("more than %d bytes, which are no version", aliasLimit)
		return i, nil
	} else if err != nil {
		return i, err
	}
	found := strings.TrimSpace(string(data))
	switch i.State = publish.Move(found, version, b.downgrade); i.State {
	case publish.Equal:
		i.Version = o.version
	case publish.Absent: // or an empty object
		i.Guard = o.version
	default:
		i.Found, i.Guard = found, o.version
	}
	return i, nil
}

// Apply is that of [publish.Destination].
func (b *bucket) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if b.tree == nil {
		return errors.New("publishing: there is no release")
	}
	if phase == publish.Reveal {
		for _, i := range items {
			if err := b.move(ctx, i, report); err != nil {
				return err
			}
		}
		return nil
	}
	return b.upload(ctx, items, report)
}

// upload creates objects, several at a time, and then SHA256SUMS.
func (p *place) upload(ctx context.Context, items []publish.Item, report publish.Report) error {
	var first, last []publish.Item
	for _, i := range items {
		if i.Path == release.Checksums {
			last = append(last, i)
		} else {
			first = append(first, i)
		}
	}
	for _, some := range [][]publish.Item{first, last} {
		err := parallel.DoAll(ctx, len(some), p.jobs, func(ctx context.Context, n int) error { return p.create(ctx, some[n], report) })
		if err != nil {
			return err
		}
	}
	return nil
}

// move writes an alias if it is still what the plan saw.
func (b *bucket) move(ctx context.Context, i publish.Item, report publish.Report) error {
	if i.Kind != aliasKind || i.Digest != b.tree.Version {
		return fmt.Errorf("alias %q: want one that names %q", i.Name, b.tree.Version)
	}
	key, err := b.key(i.Name)
	if err != nil {
		return err
	}
	w := pointer(key, i.Guard, []byte(i.Digest), plainText)
	w.sent = func(n int64) { report(publish.Progress{Bytes: n}) }
	err = b.store.put(ctx, w)
	if errors.Is(err, errTaken) {
		data, _, again := readPointer(ctx, b.store, key, aliasLimit)
		switch found := strings.TrimSpace(string(data)); {
		case again != nil && !errors.Is(again, errTooLarge):
			err = again
		case again == nil && found == i.Digest:
			err = nil
		default:
			err = fmt.Errorf("moving alias %q: got %.100q, want %.100q: %w", i.Name, found, i.Found, publish.ErrChanged)
		}
	}
	if err == nil {
		report(publish.Progress{Done: &i})
	}
	return err
}

// pointer is the write of what may change later.
func pointer(key, guard string, data []byte, contentType string) write {
	return write{
		key: key, guard: guard, digest: digest.FromBytes(data), size: int64(len(data)), contentType: contentType, cacheControl: noCache,
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// Verify is that of [publish.Destination]. If SHA256SUMS is among the items they are
// a whole release, and an object that is none of them is a difference too.
func (b *bucket) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	found, errs := map[string]*object{}, []error{}
	wanted := map[string]bool{}
	for _, i := range items {
		wanted[i.Name] = true
	}
	listed := map[string]bool{}
	for _, i := range items {
		key, err := b.key(i.Name)
		if err != nil {
			return err
		}
		prefix, ok := below(key, i.Path)
		if i.Kind != objectKind || !ok || listed[prefix] {
			continue
		}
		listed[prefix] = true
		objects, err := b.store.list(ctx, prefix)
		if err != nil {
			return err
		}
		for i := range objects {
			found[b.store.name(objects[i].key)] = &objects[i]
		}
		if wanted[b.store.name(prefix+release.Checksums)] {
			for _, o := range unexpected(objects, func(key string) bool { return wanted[b.store.name(key)] }) {
				errs = append(errs, fmt.Errorf("object %q: got an object that the release does not have, want none", b.store.name(o.key)))
			}
		}
	}
	errs = append(errs, parallel.Do(len(items), b.jobs, func(n int) error {
		i := items[n]
		switch o := found[i.Name]; {
		case ctx.Err() != nil:
			return ctx.Err()
		case i.Kind == aliasKind:
			return b.verifyAlias(ctx, i)
		case i.Kind == receiptKind:
			return b.verify(ctx, i, nil, deep)
		case o == nil:
			return fmt.Errorf("object %q: got none, want %s", i.Name, i.Digest)
		default:
			return b.verify(ctx, i, o, deep)
		}
	})...)
	if err := ctx.Err(); err != nil {
		return err
	}
	return joinSorted(errs)
}

func (b *bucket) verifyAlias(ctx context.Context, i publish.Item) error {
	key, err := b.key(i.Name)
	if err != nil {
		return err
	}
	data, _, err := readPointer(ctx, b.store, key, aliasLimit)
	if errors.Is(err, errTooLarge) {
		return fmt.Errorf("alias %q: got more than %d bytes, want %q", i.Name, aliasLimit, i.Digest)
	}
	if got := strings.TrimSpace(string(data)); err == nil && got != i.Digest {
		err = fmt.Errorf("alias %q: got %.100q, want %q", i.Name, got, i.Digest)
	}
	return err
}
