package gittag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

var errNoRelease = errors.New("no release: this destination can only verify")

// Plan implements [publish.Destination]. It makes one request for the refs of each
// repository.
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if !d.released {
		return nil, errNoRelease
	}
	// A directory that has no repository yet is planned without git, and made with it at the end.
	if _, err := exec.LookPath(cmp.Or(d.client.Command, "git")); err != nil {
		return nil, hint.With(fmt.Errorf("looking for the git command, which tags: %w", err), "install git, or leave out the tags with --only")
	}
	found := make([]map[string]string, len(d.repos))
	errs := parallel.Do(len(d.repos), d.jobs, func(i int) (err error) {
		found[i], err = d.look(ctx, &d.repos[i])
		return err
	})
	if err := cmp.Or(ctx.Err(), errors.Join(errs...)); err != nil {
		return nil, err
	}
	var items []publish.Item
	for i := range d.repos {
		for _, t := range d.repos[i].tags {
			items = append(items, newItem(&d.repos[i], t, found[i]))
		}
	}
	return items, nil
}

// look returns a repository's tags with the release's names.
func (d *destination) look(ctx context.Context, r *repository) (map[string]string, error) {
	names := make([]string, len(r.tags))
	for i, t := range r.tags {
		names[i] = t.name
	}
	return d.refs(ctx, r.url, r.dir, names)
}

func (d *destination) refs(ctx context.Context, url, dir string, tags []string) (map[string]string, error) {
	switch none, err := gitsource.Missing(dir); {
	case err != nil:
		return nil, fmt.Errorf("reading repository %q: %w", url, err)
	case none:
		return nil, nil
	}
	refs := make([]string, len(tags))
	for i, t := range tags {
		refs[i] = refPrefix + t
	}
	return d.client.Refs(ctx, url, refs...)
}

// newItem compares a tag with a repository's refs.
func newItem(r *repository, t tag, refs map[string]string) publish.Item {
	item := publish.Item{Phase: publish.Reveal, Kind: kind, Name: r.item(t), Digest: t.object, State: publish.Conflict, URL: r.url}
	object, commit := refs[refPrefix+t.name], refs[refPrefix+t.name+gitsource.Peeled]
	switch {
	case object == "":
		item.State = publish.Absent
	case commit == r.source.Commit:
		// It may be another tag object, if somebody else tagged this commit before.
		item.State, item.Version, item.Digest = publish.Equal, object, object
	default:
		item.Found = describe(object, commit)
	}
	return item
}

// describe describes a tag for people.
func describe(object, commit string) string {
	if commit == "" {
		return "lightweight tag on " + object
	}
	return "annotated tag on " + commit
}

// cut splits the name of an item. The names of tags have no spaces.
func cut(item string) (url, tag string, err error) {
	i := strings.LastIndex(item, " tag ")
	if i < 0 {
		return "", "", fmt.Errorf("item %q: want URL tag NAME", item)
	}
	url, tag = item[:i], item[i+len(" tag "):]
	if err := gitsource.CheckRemote(url); err != nil {
		return "", "", fmt.Errorf("item of tag %q: %w", tag, err)
	}
	return url, tag, nil
}
