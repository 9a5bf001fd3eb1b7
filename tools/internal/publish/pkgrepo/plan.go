package pkgrepo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// Plan implements [publish.Destination]. An item of kind package is a file. An item of kind
// package index is its entry in an index. The public keys are revealed first.
func (r *repository) Plan(ctx context.Context) ([]publish.Item, error) {
	all, err := r.all(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	indexes, err := r.planIndexes(ctx, all)
	if err != nil || r.config.Yank != nil {
		return indexes, err
	}
	key, err := r.planKey(ctx)
	if err != nil {
		return nil, err
	}
	var files []target
	for n, t := range all {
		known := func(o target) bool { return o.path == t.path }
		if indexes[n].State != publish.Kept && !slices.ContainsFunc(files, known) {
			files = append(files, t)
		}
	}
	items := make([]publish.Item, len(files))
	err = parallel.DoAll(ctx, len(files), r.config.Jobs, func(ctx context.Context, i int) (err error) {
		key, _, _ := r.Object(files[i].path)
		items[i], err = r.PlanFile(ctx, packageKind, key, files[i].entry.file)
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(append(items, key), indexes...), nil
}

// planIndexes returns the entries of all targets, which are sorted by pointer.
func (r *repository) planIndexes(ctx context.Context, all []target) ([]publish.Item, error) {
	var items []publish.Item
	for first := 0; first < len(all); first = len(items) {
		end := first
		for end < len(all) && all[end].pointer == all[first].pointer {
			end++
		}
		some, err := r.planIndex(ctx, all[first:end])
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

// planIndex returns the entries of the targets of one index.
func (r *repository) planIndex(ctx context.Context, targets []target) ([]publish.Item, error) {
	var broken *indexError
	x, err := r.load(ctx, targets[0].pointer, r.reading())
	if err != nil && !errors.As(err, &broken) && !errors.Is(err, bucket.ErrTooLarge) {
		return nil, err
	}
	items := make([]publish.Item, len(targets))
	var moving []int
	for n, t := range targets {
		items[n] = r.item(t)
		if err != nil {
			items[n].State, items[n].Found = publish.Conflict, strings.ReplaceAll(fmt.Sprintf("an index that cannot be changed: %v", err), "\n", " ")
			continue
		}
		if t.goes {
			r.leave(&items[n], t, x)
		} else {
			r.decide(&items[n], t, x)
		}
		if items[n].State == publish.Absent || items[n].State == publish.Behind {
			moving = append(moving, n)
		}
	}
	if len(moving) == 0 || slices.ContainsFunc(items, func(i publish.Item) bool { return i.State == publish.Conflict }) {
		return items, nil
	}
	found, err := r.occupied(ctx, x, targets, moving)
	for _, n := range moving {
		if found != "" {
			items[n].State, items[n].Found = publish.Conflict, found
		}
	}
	return items, err
}

// occupied returns what is in the place of a file that an index will consist of, or "". The
// names of these files are digests, so it is damaged, or somebody put it there. It changes x.
func (r *repository) occupied(ctx context.Context, x *index, targets []target, moving []int) (string, error) {
	var add []target
	for _, n := range moving {
		add = append(add, targets[n])
	}
	_, name, _ := r.Object(targets[0].pointer)
	w, err := r.next(x, add, name)
	if err != nil || w == nil {
		return "", err
	}
	paths := slices.Sorted(maps.Keys(w.files))
	found := make([]string, len(paths))
	err = parallel.DoAll(ctx, len(paths), r.config.Jobs, func(ctx context.Context, i int) error {
		key, name, _ := r.Object(paths[i])
		data, version, err := r.Read(ctx, key, maxIndex)
		if errors.Is(err, bucket.ErrTooLarge) || err == nil && version != "" && !bytes.Equal(data, w.files[paths[i]]) {
			found[i], err = "another file at "+name, nil
		}
		return err
	})
	return cmp.Or(found...), err
}

// item returns the item of an entry.
func (r *repository) item(t target) publish.Item {
	key, name, url := r.Object(t.pointer)
	i := publish.Item{
		Phase: publish.Reveal, Kind: indexKind, Name: entryName(name, t.entry), Path: t.entry.file.Path, Digest: t.entry.digest,
		State: publish.Absent, URL: url,
	}
	r.Serve(&i, key)
	if t.goes {
		i.Path, i.Digest, i.Leaves = "", removed, r.config.Yank.Tree.Version
	}
	return i
}

// removed is the digest of an entry that is not to be there.
const removed = "none"

// leave compares an index with a target that leaves it.
func (r *repository) leave(i *publish.Item, t target, x *index) {
	switch found := x.find(t.entry); {
	case found == nil:
		i.State, i.Version = publish.Equal, x.version
	case found.digest != t.entry.digest:
		i.State, i.Found, i.Reason = publish.Kept, found.digest, "another package of that version"
	default:
		i.State, i.Found, i.Guard, i.Reason = publish.Behind, found.digest, x.version, i.Leaves+" is yanked"
	}
}

func entryName(index string, e *entry) string {
	return index + " entry " + e.name + " " + e.version + " " + e.arch
}

// decide compares an index with a target.
func (r *repository) decide(i *publish.Item, t target, x *index) {
	found := x.find(t.entry)
	higher := r.higher(x, t)
	state, reason := t.channel.Start(publish.Candidate{Version: r.tree.Version})
	switch {
	case found == nil && state == publish.Kept:
		i.State, i.Reason, i.Alias, i.Rule = state, reason, t.channel.Name, t.channel.Rule
	case found != nil && found.digest != t.entry.digest:
		i.State, i.Found = publish.Conflict, found.digest
	case len(higher) > 0:
		var versions []string
		for _, e := range higher {
			versions = append(versions, e.version)
		}
		i.State, i.Found, i.Guard = publish.Behind, strings.Join(versions, ", "), x.version
		i.Reason = "higher versions go: moved back on purpose"
	case found == nil:
		i.Reason = reason
	case x.stale != "":
		i.State, i.Found, i.Guard = publish.Behind, x.stale, x.version
	default:
		i.State, i.Version = publish.Equal, x.version
	}
}

// find returns the entry of the same package and version, or nil.
func (x *index) find(e *entry) *entry {
	if n := slices.IndexFunc(x.entries, e.same); n >= 0 {
		return x.entries[n]
	}
	return nil
}

// higher returns the entries that go if a channel moves back to the target.
func (r *repository) higher(x *index, t target) []*entry {
	if !t.channel.Back {
		return nil
	}
	var all []*entry
	for _, e := range x.entries {
		if e.list == t.entry.list && e.name == t.entry.name && e.arch == t.entry.arch && r.compare(e.version, t.entry.version) > 0 {
			all = append(all, e)
		}
	}
	return all
}
