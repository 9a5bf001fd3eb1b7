package gittag

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Apply implements [publish.Destination]. It pushes the tags of one repository atomically, if
// its server can do that.
func (d *destination) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if !d.released {
		return errNoRelease
	}
	for len(items) > 0 {
		r, n, err := d.group(phase, items)
		if err != nil {
			return err
		}
		if err := d.tag(ctx, r); err != nil {
			return fmt.Errorf("tagging %q: %w", r.url, err)
		}
		for i := range items[:n] {
			if report != nil {
				report(publish.Progress{Done: &items[i]})
			}
		}
		items = items[n:]
	}
	return nil
}

// group returns the repository of the first item, with its tags from the first n items.
func (d *destination) group(phase publish.Phase, items []publish.Item) (r *repository, n int, err error) {
	for n < len(items) {
		own, t, ok := d.find(items[n])
		switch {
		case !ok || phase != publish.Reveal:
			return nil, 0, fmt.Errorf("item %q with object %s is not in the release's phase %s", items[n].Name, items[n].Digest, phase)
		case r == nil:
			r = &repository{url: own.url, dir: own.dir, source: own.source}
		case r.url != own.url || r.source.Commit != own.source.Commit:
			return r, n, nil
		}
		r.tags = append(r.tags, t)
		n++
	}
	return r, n, nil
}

func (d *destination) find(item publish.Item) (*repository, tag, bool) {
	for i := range d.repos {
		r := &d.repos[i]
		for _, t := range r.tags {
			if r.item(t) == item.Name && t.object == item.Digest {
				return r, t, true
			}
		}
	}
	return nil, tag{}, false
}

// tag creates the tags in the repository. An error does not count if they exist in the end,
// because somebody else pushed them or an answer was lost.
func (d *destination) tag(ctx context.Context, r *repository) error {
	wanted, err := d.pending(ctx, r)
	for err == nil && len(wanted) > 0 {
		failure := d.create(ctx, r, wanted)
		if failure == nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), failure)
		}
		before := len(wanted)
		wanted, err = d.pending(ctx, r)
		if len(wanted) == before || err != nil && !errors.Is(err, publish.ErrChanged) {
			return failure
		}
	}
	return err
}

// pending returns the tags that do not exist. A different tag of the same name is an error.
func (d *destination) pending(ctx context.Context, r *repository) ([]tag, error) {
	refs, err := d.look(ctx, r)
	if err != nil {
		return nil, err
	}
	var wanted []tag
	var errs []error
	for _, t := range r.tags {
		switch item := newItem(r, t, refs); item.State {
		case publish.Absent:
			wanted = append(wanted, t)
		case publish.Conflict:
			errs = append(errs, fmt.Errorf("%s: %w: got %s, want none", item.Name, publish.ErrChanged, item.Found))
		}
	}
	return wanted, errors.Join(errs...)
}

// create pushes missing tags: only the tag objects if the repository has the commit,
// otherwise also the commit, without its history.
func (d *destination) create(ctx context.Context, r *repository, tags []tag) error {
	none, err := gitsource.Missing(r.dir)
	if err != nil {
		return err
	}
	if none {
		if err := d.client.MakeBare(ctx, r.dir, r.source.Commit, ""); err != nil {
			return err
		}
		return d.pushWhole(ctx, r, r.source, tags)
	}
	there := r.source
	there.URL = r.url
	commit, err := d.commit(ctx, there)
	switch {
	case err == nil:
		err = d.pushTags(ctx, r, commit, tags)
		if errors.Is(err, gitsource.ErrNoCommon) {
			err = d.pushWhole(ctx, r, there, tags)
		}
		return err
	case errors.Is(err, gitsource.ErrGone) || errors.Is(err, gitsource.ErrRefused):
		if r.url == r.source.URL {
			return hint.With(err, "the repository must have the commit that was built: push it again, for example with its branch")
		}
		return d.pushWhole(ctx, r, r.source, tags)
	}
	return err
}

func want(g lock.Git) gitsource.Want { return gitsource.Want{URL: g.URL, SHA: g.Commit, Ref: g.Ref} }

// commit reads only the commit object from a repository.
func (d *destination) commit(ctx context.Context, g lock.Git) ([]byte, error) {
	w := want(g)
	w.NoFiles = true
	repo, err := d.client.Fetch(ctx, w)
	if err != nil {
		return nil, err
	}
	content, err := repo.Object(ctx, "commit", repo.Commit)
	return content, errors.Join(err, repo.Close())
}

// pushTags pushes from a repository that has only the commit, so that nothing else can be
// sent.
func (d *destination) pushTags(ctx context.Context, r *repository, commit []byte, tags []tag) error {
	repo, err := d.client.Empty(ctx, r.source.Commit)
	if err != nil {
		return err
	}
	_, err = repo.Add(ctx, "commit", commit)
	if err == nil {
		err = d.push(ctx, repo, gitsource.Push{URL: r.url, Negotiate: true}, tags)
	}
	return errors.Join(err, repo.Close())
}

// pushWhole pushes the tags with the commit and its files, which it fetches from from.
func (d *destination) pushWhole(ctx context.Context, r *repository, from lock.Git, tags []tag) error {
	repo, err := d.client.Fetch(ctx, want(from))
	if err != nil && from.URL == r.url {
		return err
	}
	if err != nil {
		return hint.With(fmt.Errorf("%q lacks the commit: %w", r.url, err), "the commit is fetched from its source: run this again when that can be reached")
	}
	return errors.Join(d.push(ctx, repo, gitsource.Push{URL: r.url}, tags), repo.Close())
}

// push creates the tags: atomically if possible, otherwise one after the other in their
// order.
func (d *destination) push(ctx context.Context, repo *gitsource.Repo, p gitsource.Push, tags []tag) error {
	all := map[string]string{}
	for _, t := range tags {
		object, err := repo.Add(ctx, "tag", []byte(t.content))
		if err == nil && object != t.object {
			err = fmt.Errorf("name of tag object %q: got %s, want %s", t.name, object, t.object)
		}
		if err != nil {
			return err
		}
		all[refPrefix+t.name] = object
	}
	if p.Negotiate { // otherwise the commit is sent too, without its history
		p.Refs = all
		if err := d.client.Create(ctx, repo, p); !errors.Is(err, gitsource.ErrNotAtomic) {
			return err
		}
	}
	for _, t := range tags {
		p.Refs = map[string]string{refPrefix + t.name: t.object}
		if err := d.client.Create(ctx, repo, p); err != nil {
			return err
		}
	}
	return nil
}
