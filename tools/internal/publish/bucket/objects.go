package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// bucket is a release's objects and its aliases.
type bucket struct {
	*Place
	aliases []publish.Alias
	yank    *publish.Yank // nil to publish
}

const (
	objectKind = "object"
	aliasKind  = "alias"
)

// Plan implements [publish.Destination]. SHA256SUMS is the last object: if it exists, all
// others do, except signatures that were made later.
func (b *bucket) Plan(ctx context.Context) ([]publish.Item, error) {
	if b.tree == nil {
		return nil, errors.New("planning: no release")
	}
	record, err := b.planYank(ctx)
	if err != nil {
		return nil, err
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
	files := checksumsLast(b.tree.Published())
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
		item := publish.Item{
			Phase: publish.Upload, Kind: objectKind, Name: b.store.name(o.key), State: publish.Conflict,
			Found: "an object that is not in the release", URL: b.store.url(o.key),
		}
		if release.IsSignature(strings.TrimPrefix(o.key, prefix)) {
			item.Found, item.Reason = "a signature", "this run does not sign: pass --cosignkey, or set sign in destinations.yaml"
		}
		items = append(items, item)
	}
	return append(record, items...), nil
}

// maxSignature limits the size of a signature that is read, in bytes.
const maxSignature = 64 << 20

// Signatures implements [publish.Keeper].
func (b *bucket) Signatures(ctx context.Context, version string, i publish.Item) ([][]byte, error) {
	data, o, err := readPointer(ctx, b.store, b.prefix+version+"/"+i.Path, maxSignature)
	if err != nil || o.version == "" {
		return nil, err
	}
	return [][]byte{data}, nil
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

// Apply implements [publish.Destination].
func (b *bucket) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if b.tree == nil {
		return errors.New("publishing: no release")
	}
	if phase == publish.Reveal {
		for _, i := range items {
			if err := b.move(ctx, i, report); err != nil {
				return err
			}
		}
		return nil
	}
	if n := slices.IndexFunc(items, func(i publish.Item) bool { return i.Kind == yankKind }); n >= 0 {
		return b.record(ctx, items[n], report)
	}
	return b.Upload(ctx, items, report)
}

// Claim implements [publish.Claimer]: the list of what the release contains, with digests, is
// the first object; in a release without one it is the lock.
func (b *bucket) Claim(items []publish.Item) int {
	claim := release.DocumentFile
	if _, ok := b.tree.Find(claim); !ok {
		claim = release.LockFile
	}
	return slices.IndexFunc(items, func(i publish.Item) bool { return i.Kind == objectKind && i.Path == claim })
}

// Upload creates the objects of items from PlanFile, several at a time, and then SHA256SUMS.
func (p *Place) Upload(ctx context.Context, items []publish.Item, report publish.Report) error {
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

// pointer returns the write of an object that may change later.
func pointer(key, guard string, data []byte, contentType string) write {
	return write{
		key: key, guard: guard, digest: digest.FromBytes(data), size: int64(len(data)), headers: headers{contentType, noCache},
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// Verify implements [publish.Destination]. If SHA256SUMS is among the items they are a whole
// release, and any other object is a difference.
func (b *bucket) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	found, errs := map[string]*object{}, []error{}
	wanted := map[string]bool{}
	for _, i := range items {
		wanted[i.Name] = true
	}
	listed := map[string]bool{}
	for _, i := range items {
		key, err := b.Key(i.Name)
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
				errs = append(errs, fmt.Errorf("object %q: got an object that is not in the release, want none", b.store.name(o.key)))
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
	return publish.JoinSorted(errs)
}
