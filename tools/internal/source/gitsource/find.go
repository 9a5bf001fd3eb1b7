package gitsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// maxCandidates is the number of commits that an error lists.
const maxCandidates = 10

// find expands an abbreviated commit, and checks that it is on the branch, if there is one.
// It fetches commits only, without their trees.
func (c *Client) find(ctx context.Context, w Want) (string, error) {
	if w.Branch == "" {
		refs, err := c.list(ctx, w)
		if err != nil {
			return "", err
		}
		shown := map[string]bool{}
		for ref, name := range refs {
			if _, tag := refs[ref+peeled]; !tag && strings.HasPrefix(name, w.SHA) {
				shown[name] = true
			}
		}
		if len(shown) > 0 {
			return one(w, slices.Sorted(maps.Keys(shown)))
		}
	}
	r, err := c.commits(ctx, w)
	switch {
	case errors.Is(err, ErrRef):
		return "", c.noRef(ctx, w)
	case errors.Is(err, errNoneSince) || !w.Since.IsZero() && errors.Is(err, errShallow):
		return "", fmt.Errorf("%w: %w", c.absent(w), errNoneSince)
	case err != nil:
		return "", err
	}
	defer r.Close()
	found, err := r.commitsNamed(ctx, w.SHA)
	if err != nil {
		return "", err
	}
	if w.Branch != "" {
		found, err = r.ancestors(ctx, found)
	}
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", c.absent(w)
	}
	return one(w, found)
}

// ancestors returns the commits on the branch: a server may have sent others.
func (r *Repo) ancestors(ctx context.Context, commits []string) (on []string, err error) {
	for _, commit := range commits {
		switch _, err := r.local(ctx, "merge-base", "--is-ancestor", commit, branchRef); {
		case err == nil:
			on = append(on, commit)
		case !exitStatus(err, 1):
			return nil, err
		}
	}
	return on, nil
}

func (c *Client) absent(w Want) error {
	if w.Branch != "" {
		return hint.With(fmt.Errorf("%w: %q", ErrNotOnBranch, w.Branch), "name a commit of the branch, or leave out the branch")
	}
	return hint.With(fmt.Errorf("%w: no commit on a branch or tag begins so", ErrGone), "if the commit is on no branch, give its full name")
}

func one(w Want, commits []string) (string, error) {
	if len(commits) == 1 {
		return commits[0], nil
	}
	list := strings.Join(commits[:min(maxCandidates, len(commits))], ", ")
	err := fmt.Errorf("%w: %q matches %d commits: %s", ErrAmbiguous, w.SHA, len(commits), list)
	return "", hint.With(err, "give more digits")
}

const branchRef = "refs/source/heads/branch"

// commits fetches the commits of a branch, or of all branches and tags.
func (c *Client) commits(ctx context.Context, w Want) (*Repo, error) {
	args := []string{"--filter=tree:0"}
	if !w.Since.IsZero() {
		args = append(args, "--shallow-since="+w.Since.UTC().Format(time.RFC3339))
	}
	if w.Branch != "" {
		args = append(args, "+"+w.ref()+":"+branchRef)
	} else {
		args = append(args, "+refs/heads/*:refs/source/heads/*", "+refs/tags/*:refs/source/tags/*")
	}
	return c.fetchInto(ctx, w, args...)
}

// commitsNamed returns the commits of the repository whose names begin with prefix, sorted.
func (r *Repo) commitsNamed(ctx context.Context, prefix string) ([]string, error) {
	out, err := r.local(ctx, "rev-parse", "--disambiguate="+prefix)
	if err != nil {
		return nil, err
	}
	g := r.git
	g.stdin = strings.NewReader(string(out))
	if out, err = g.local(ctx, "cat-file", "--batch-check"); err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "commit" {
			found = append(found, f[0])
		}
	}
	slices.Sort(found)
	return found, nil
}
