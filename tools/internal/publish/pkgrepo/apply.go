package pkgrepo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Apply implements [publish.Destination]. All entries of an index are one write of its
// pointer.
func (r *repository) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if r.tree == nil {
		return errors.New("publishing packages: no release")
	}
	if phase == publish.Upload || len(items) == 0 {
		return r.Upload(ctx, items, report)
	}
	all, err := r.all(ctx)
	if err != nil {
		return err
	}
	named := map[string]target{}
	for _, t := range all {
		named[r.item(t).Name] = t
	}
	for n := 0; n < len(items); {
		first := n
		if items[n].Kind == keyKind {
			err = r.applyKey(ctx, items[n])
			n++
		} else {
			var add []target
			for ; n < len(items); n++ {
				t, ok := named[items[n].Name]
				if !ok || r.item(t).Digest != items[n].Digest {
					return fmt.Errorf("package index entry %q: the release has no such package with %s", items[n].Name, items[n].Digest)
				}
				if n > first && t.pointer != add[0].pointer {
					break
				}
				add = append(add, t)
			}
			err = r.reveal(ctx, add)
		}
		if err != nil {
			return err
		}
		for ; first < n; first++ {
			report(publish.Progress{Done: &items[first]})
		}
	}
	return nil
}

// reveal adds targets to the index of their pointer.
func (r *repository) reveal(ctx context.Context, add []target) error {
	pointer := add[0].pointer
	key, name, _ := r.Object(pointer)
	return r.Update(ctx, key, maxIndex, func(data []byte) ([]byte, error) {
		x, err := r.parsed(ctx, pointer, data, "", r.reading())
		var broken *indexError
		if errors.As(err, &broken) {
			return nil, fmt.Errorf("reading package index %q: %w: %w", name, err, publish.ErrChanged)
		} else if err != nil {
			return nil, err
		}
		w, err := r.next(x, add, name)
		if err != nil || w == nil {
			return nil, err
		}
		return w.pointer, r.put(ctx, w)
	})
}

// next returns what an index consists of once targets are in it, or nil if they are. It changes x.
func (r *repository) next(x *index, add []target, name string) (*written, error) {
	if changed, err := r.merge(x, add, name); err != nil || !changed {
		return nil, err
	}
	if x.time.Before(r.tree.Lock.Time) {
		x.time = r.tree.Lock.Time.UTC()
	} else {
		// Clients ignore an index that is older than the one they have.
		x.time = x.time.Add(time.Second)
	}
	w, err := r.write(x, r.key)
	if err != nil {
		return nil, fmt.Errorf("writing package index %q: %w", name, err)
	}
	return w, nil
}

// merge adds targets to an index, and removes what they replace. It reports whether the index
// has changed.
func (r *repository) merge(x *index, add []target, name string) (changed bool, err error) {
	changed = x.stale != ""
	for _, t := range add {
		found := x.find(t.entry)
		switch {
		case t.goes:
			if found != nil && found.digest == t.entry.digest {
				x.entries = slices.DeleteFunc(x.entries, func(e *entry) bool { return e == found })
				changed = true
			}
			continue
		case found == nil:
			x.entries = append(x.entries, t.entry)
			changed = true
		case found.digest != t.entry.digest:
			return false, fmt.Errorf("adding %q: got %s, want %s: %w", entryName(name, t.entry), found.digest, t.entry.digest, publish.ErrChanged)
		}
		for _, goes := range r.higher(x, t) {
			x.entries = slices.DeleteFunc(x.entries, func(e *entry) bool { return e == goes })
			changed = true
		}
	}
	slices.SortStableFunc(x.entries, r.order)
	return changed, nil
}

// put creates the content of an index.
func (r *repository) put(ctx context.Context, w *written) error {
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		key, _, _ := r.Object(path)
		if err := r.Create(ctx, key, w.files[path]); err != nil {
			return err
		}
	}
	return nil
}
