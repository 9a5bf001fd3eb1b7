package github

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

var errAnonymous = errors.New("GitHub does not say what this token may do")

// Preflight implements [publish.Preflighter].
func (d *destination) Preflight(ctx context.Context, _ int64) []publish.Finding {
	return []publish.Finding{d.c.preflight(ctx, d.repo)}
}

// Preflight implements [publish.Preflighter].
func (t *tags) Preflight(ctx context.Context, _ int64) []publish.Finding {
	var repos []string
	for _, w := range t.wanted {
		repos = append(repos, w.owner+"/"+w.repo)
	}
	repos = slices.Compact(repos) // they are sorted
	all := make([]publish.Finding, len(repos))
	parallel.Do(len(repos), t.cfg.Jobs, func(i int) error { //nolint:errcheck // there is none
		all[i] = t.c.preflight(ctx, repos[i])
		return nil
	})
	return all
}

// preflight asks whether the token's user may write to a repository. What a fine-grained token
// may do besides is not in the answer.
func (c *client) preflight(ctx context.Context, repo string) publish.Finding {
	what := "write to " + repo
	var out struct {
		Archived    bool             `json:"archived"`
		Disabled    bool             `json:"disabled"`
		Permissions *map[string]bool `json:"permissions"`
	}
	_, err := c.call(ctx, http.MethodGet, "repos/"+repo, nil, &out)
	switch {
	case hasStatus(err, http.StatusUnauthorized) || hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotFound):
		return publish.Found(what, about(err, repo, "permissions"))
	case err != nil:
		return publish.NotKnown(what, err)
	case out.Archived || out.Disabled:
		return publish.Found(what, errors.New("the repository is archived or disabled: nobody can write to it"))
	case out.Permissions == nil:
		return publish.NotKnown(what, errAnonymous)
	case !(*out.Permissions)["push"]:
		return publish.Found(what, hint.With(errors.New("the token's user may only read"), "the token needs the permission contents: write for %s", repo))
	}
	return publish.Found(what, nil)
}

// Preflight implements [publish.Preflighter].
func (d *directory) Preflight(_ context.Context, size int64) []publish.Finding {
	return []publish.Finding{publish.Found("write to "+d.dir, publish.Writable(d.dir, size))}
}
