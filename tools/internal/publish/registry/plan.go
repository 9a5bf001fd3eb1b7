package registry

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Plan implements [publish.Destination]: images by name, then the tags that never move, then
// each of the others for all images. If a tag is as wanted, everything below it is there.
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if len(d.entries) == 0 {
		return nil, nil
	}
	s, err := d.hub.open(ctx, d.names(), true)
	if err != nil {
		return nil, err
	}
	planned := make([][]publish.Item, len(d.entries))
	err = parallel.DoAll(ctx, len(d.entries), d.config.Jobs, func(ctx context.Context, i int) error {
		var err error
		planned[i], err = d.planEntry(ctx, s, d.entries[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	items := slices.Concat(planned...)
	tags := d.revealed()
	rank := func(i publish.Item) int { return tags[i.Name].rank }
	slices.SortStableFunc(items, func(a, b publish.Item) int { return cmp.Compare(rank(a), rank(b)) })
	return items, nil
}

func (d *destination) planEntry(ctx context.Context, s session, e *entry) ([]publish.Item, error) {
	var tags []publish.Item
	there := false
	for _, tag := range e.tags {
		item, err := d.planTag(ctx, s, e, tag)
		if err != nil {
			return nil, err
		}
		there = there || item.State == publish.Equal
		tags = append(tags, item)
	}
	item := publish.Item{
		Phase: publish.Upload, Kind: e.kind, Name: d.refName(e.name, string(e.root.digest)), Path: e.path,
		Digest: string(e.root.digest), Size: size(e.only(true, nil).nodes()), State: publish.Absent,
	}
	if !there {
		var err error
		if there, err = d.hasRoot(ctx, s, e); err != nil {
			return nil, err
		}
	}
	if there {
		item.State, item.Version, item.URL = publish.Equal, item.Digest, d.hub.url(e.name, item.Digest)
	}
	missing, err := unlisted(ctx, s, e)
	if err != nil {
		return nil, err
	}
	items := []publish.Item{item}
	if e.joined {
		items = nil
	}
	for _, n := range e.referrers {
		item := publish.Item{
			Phase: publish.Upload, Kind: n.kind, Name: d.refName(e.name, string(n.digest)), Path: n.path,
			Digest: string(n.digest), Size: size([]*node{n}), State: publish.Absent,
		}
		if !missing[n] {
			item.State, item.Version, item.URL = publish.Equal, item.Digest, d.hub.url(e.name, item.Digest)
		}
		items = append(items, item)
	}
	return append(items, tags...), nil
}

// hasRoot reports whether the root of an entry is there, and so everything below it.
func (d *destination) hasRoot(ctx context.Context, s session, e *entry) (bool, error) {
	found, err := s.head(ctx, e.name, string(e.root.digest))
	if err == nil && found != "" && found != e.root.digest {
		err = fmt.Errorf("digest of %s: got %s, want %s", d.refName(e.name, string(e.root.digest)), found, e.root.digest)
	}
	return found != "", err
}

func (d *destination) planTag(ctx context.Context, s session, e *entry, tag publish.Alias) (publish.Item, error) {
	item := publish.Item{
		Phase: publish.Reveal, Kind: "tag", Name: d.refName(e.name, e.tag(tag)), Path: e.path,
		Digest: string(e.root.digest), Size: int64(len(e.root.raw)), State: publish.Absent,
	}
	if tag.Name != e.immutable {
		item.Alias, item.Rule = tag.Name, tag.Rule
	}
	found, err := s.head(ctx, e.name, e.tag(tag))
	switch {
	case err != nil:
		return item, err
	case found == e.root.digest:
		item.State, item.Version, item.URL = publish.Equal, item.Digest, d.hub.url(e.name, e.tag(tag))
	case item.Alias != "" && found == "":
		item.State, item.Reason = tag.Start(e.release)
	case item.Alias != "":
		err = planMove(ctx, s, e, tag, found, &item)
	case found != "":
		item.State, item.Found, item.Guard = publish.Conflict, string(found), string(found)
	}
	return item, err
}

// planMove completes the item of an alias that points to something else.
func planMove(ctx context.Context, s session, e *entry, alias publish.Alias, found digest.Digest, item *publish.Item) error {
	was, err := candidate(ctx, s, e.name, found, func(c publish.Candidate) bool {
		return c.Version != "" && (!c.Time.IsZero() || !alias.NeedsTime(c.Version, e.release.Version))
	})
	if err != nil {
		return err
	}
	item.State, item.Reason = alias.Move(was, e.release)
	if item.State == publish.Equal { // same version, other content
		item.State, item.Reason = alias.Other()
	}
	switch {
	case item.State == publish.Kept:
		item.Found, item.Version = was.Version, string(found)
		return nil
	case was.Version == "":
		item.Found = string(found)
	default:
		item.Found = fmt.Sprintf("%.100s, %s", was.Version, found)
	}
	item.Guard = string(found)
	return nil
}

// A revealed is a tag of an entry.
type revealed struct {
	entry *entry
	tag   string
	rank  int // the order of writing; the first never move
}

// revealed returns the tags by the names of their items.
func (d *destination) revealed() map[string]revealed {
	all := map[string]revealed{}
	for _, e := range d.entries {
		for i, tag := range e.tags {
			rank := i + 2
			if tag.Name == e.immutable {
				rank = 1
			}
			all[d.refName(e.name, e.tag(tag))] = revealed{e, e.tag(tag), rank}
		}
	}
	return all
}
