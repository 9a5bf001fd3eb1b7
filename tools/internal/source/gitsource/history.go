package gitsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// historyRef is the ref of the history that TagHistory fetched.
	historyRef = "refs/source/history"
	tagRefs    = "refs/tags/"
)

// TagCommit creates the server's tags that point to r's commit.
func (c *Client) TagCommit(ctx context.Context, w Want, r *Repo) error {
	return c.tag(ctx, w, r, func(commit string) bool { return commit == r.Commit })
}

// TagHistory fetches the ancestors of r's commit, without their files, and creates the
// server's tags that point to one of them.
func (c *Client) TagHistory(ctx context.Context, w Want, r *Repo) error {
	err := c.unshallow(ctx, w, r, r.Commit)
	if errors.Is(err, ErrRefused) && r.Ref != "" {
		err = c.unshallow(ctx, w, r, r.Ref) // the server does not allow fetching a commit by its name
	}
	if err != nil {
		return w.wrap(fmt.Errorf("fetching its history: %w", err))
	}
	out, err := r.local(ctx, "rev-list", r.Commit)
	if err != nil {
		return w.wrap(fmt.Errorf("reading its history: %w", err))
	}
	history := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		history[strings.TrimSuffix(line, "\n")] = true
	}
	return c.tag(ctx, w, r, func(commit string) bool { return history[commit] })
}

func (c *Client) unshallow(ctx context.Context, w Want, r *Repo, ref string) error {
	if _, err := os.Stat(filepath.Join(r.repository, "shallow")); errors.Is(err, fs.ErrNotExist) {
		return nil // it is complete
	}
	args := []string{"fetch", "--no-tags", "--no-write-fetch-head", "--progress", "--unshallow", "--filter=tree:0", "--", w.address(c.Dir), "+" + ref + ":" + historyRef}
	return c.retry(ctx, func() error {
		_, err := c.network(ctx, r.git, w, args...)
		return err
	})
}

// tag creates the server's tags that point to a wanted commit.
func (c *Client) tag(ctx context.Context, w Want, r *Repo, wanted func(commit string) bool) error {
	refs, err := c.list(ctx, w, tagRefs+"*")
	if err != nil {
		return w.wrap(err)
	}
	var updates strings.Builder
	for ref, object := range refs {
		if commit := cmp.Or(refs[ref+peeled], object); !strings.HasSuffix(ref, peeled) && wanted(commit) {
			fmt.Fprintf(&updates, "update %s %s\n", ref, commit)
		}
	}
	g := r.git
	g.stdin = strings.NewReader(updates.String())
	if _, err := g.local(ctx, "update-ref", "--stdin"); err != nil {
		return w.wrap(fmt.Errorf("creating its tags: %w", err))
	}
	return nil
}

// Worktree makes r the repository of dir, without writing any file to dir.
func (r *Repo) Worktree(ctx context.Context, dir string) error {
	for _, args := range [][]string{{"update-ref", "--no-deref", "HEAD", r.Commit}, {"config", "core.bare", "false"}} {
		if _, err := r.local(ctx, args...); err != nil {
			return fmt.Errorf("making %q a worktree: %w", dir, err)
		}
	}
	return os.Symlink(r.repository, filepath.Join(dir, ".git"))
}
