package gittag

import (
	"context"
	"errors"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// preflightRef is a ref that no repository has.
const preflightRef = refPrefix + "release-builder-preflight"

// Preflight implements [publish.Preflighter]. It does what git push --dry-run does.
func (d *destination) Preflight(ctx context.Context, size int64) []publish.Finding {
	all := make([]publish.Finding, len(d.repos))
	parallel.Do(len(all), d.jobs, func(i int) error { //nolint:errcheck // there is none
		r := &d.repos[i]
		what := "push to " + r.url
		if r.dir != "" {
			all[i] = publish.Found(what, publish.Writable(r.dir, size))
			return nil
		}
		err := d.mayPush(ctx, r)
		if err == nil || errors.Is(err, gitsource.ErrAuth) {
			all[i] = publish.Found(what, err)
		} else {
			all[i] = publish.NotKnown(what, err)
		}
		return nil
	})
	return all
}

func (d *destination) mayPush(ctx context.Context, r *repository) error {
	repo, err := d.client.Empty(ctx, r.source.Commit)
	if err != nil {
		return err
	}
	object, err := repo.Add(ctx, "tag", []byte(r.tags[0].content))
	if err == nil {
		err = d.client.Create(ctx, repo, gitsource.Push{URL: r.url, Refs: map[string]string{preflightRef: object}, DryRun: true})
	}
	return errors.Join(err, repo.Close())
}
