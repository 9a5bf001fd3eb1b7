package gittag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Verify implements [publish.Destination]. The name of a tag object is the hash of its
// content, which has the commit's name. With deep it also reads the object.
func (d *destination) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	type group struct {
		url   string
		tags  []string
		items []publish.Item
	}
	var groups []group
	for _, item := range items {
		url, tag, err := cut(item.Name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.url == url })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{url: url})
		}
		groups[i].tags, groups[i].items = append(groups[i].tags, tag), append(groups[i].items, item)
	}
	errs := parallel.Do(len(groups), d.jobs, func(i int) error {
		g := groups[i]
		refs, err := d.refs(ctx, g.url, gitsource.Directory(g.url), g.tags)
		if err != nil {
			return err
		}
		var errs []error
		for j, item := range g.items {
			if err := d.verify(ctx, verifyArgs{g.url, g.tags[j], item, refs, deep}); err != nil {
				errs = append(errs, fmt.Errorf("verifying %s: %w", item.Name, err))
			}
		}
		return errors.Join(errs...)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

type verifyArgs struct {
	url, tag string
	item     publish.Item
	refs     map[string]string
	deep     bool
}

func (d *destination) verify(ctx context.Context, a verifyArgs) error {
	object, commit := a.refs[refPrefix+a.tag], a.refs[refPrefix+a.tag+gitsource.Peeled]
	want := cmp.Or(a.item.Version, a.item.Digest)
	switch {
	case object == "":
		return fmt.Errorf("got no tag, want tag object %s", want)
	case commit == "":
		return fmt.Errorf("got %s, want tag object %s", describe(object, commit), want)
	case object != want:
		return fmt.Errorf("got %s, tag object %s, want tag object %s", describe(object, commit), object, want)
	case !a.deep:
		return nil
	}
	repo, err := d.client.Fetch(ctx, gitsource.Want{URL: a.url, Tag: a.tag, NoFiles: true})
	if err != nil {
		return err
	}
	content, err := repo.Object(ctx, "tag", want)
	if err := errors.Join(err, repo.Close()); err != nil {
		return err
	}
	if got := objectName("tag", string(content), want); got != want {
		return fmt.Errorf("hash of the tag object: got %s, want %s", got, want)
	}
	if repo.Commit != commit {
		return fmt.Errorf("commit of the tag object: got %s, want %s as listed by the server", repo.Commit, commit)
	}
	return nil
}
