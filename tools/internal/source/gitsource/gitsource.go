// Package gitsource reads sources from local and remote git repositories with the git
// command. It never checks anything out: it writes the canonical tar from git's objects, so
// attributes, filters and hooks have no effect, and no submodule or LFS file is fetched.
//
// It does not trust servers, repositories or names. A fetch is limited in idle time and in
// bytes, and goes into a scratch repository that Close deletes.
package gitsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Client fetches. The zero value works.
type Client struct {
	Command  string         // the git command; default "git"
	Scratch  string         // the directory of scratch repositories; default os.TempDir
	Dir      string         // what relative paths as URL are relative to; default the working directory
	Timeout  time.Duration  // how long a server may be silent; default 60 s
	Attempts int            // how many times a fetch is tried if another try may help; default 3
	Backoff  time.Duration  // the pause before the second try, which doubles for each further one; default 1 s
	MaxFetch int64          // what one fetch may write to disk, in bytes; default 4 GiB
	Progress func(Progress) // called while objects arrive; may be nil
	Log      func(string)   // called with a line for people, such as before another try; may be nil
	// Token authenticates at the server TokenFor, such as https://git.example, and at no other;
	// empty for git's credential helpers.
	Token, TokenFor string
}

// Want says which commit of which repository: a Branch's, a Tag's, or SHA. With both, SHA has
// to be on Branch.
type Want struct {
	// URL is http(s)://, ssh://, file://, HOST:PATH as for scp, or a path.
	URL    string
	Branch string // without refs/heads/
	Tag    string // without refs/tags/
	SHA    string // a commit's name, or its first 7 or more digits
	// Ref is the full name of the ref that pointed to SHA when it was pinned. It is not
	// checked. It is fetched if the server does not allow fetching a commit by its name.
	Ref string
	// Since is a time before the commit's, or zero. It avoids fetching older commits if SHA
	// is abbreviated or Branch is set.
	Since time.Time
	// NoFiles fetches the commit without its files, if the server can do that.
	NoFiles bool
}

// Tip is what a branch or tag points to.
type Tip struct {
	Ref    string // such as refs/heads/master
	Commit string // the whole name
}

// Progress is how far a fetch is. Total is 0 if it is not known yet.
type Progress struct {
	Done, Total int   // objects
	Bytes       int64 // received
}

// Tip asks the server what a branch or tag points to. It fetches no objects.
func (c *Client) Tip(ctx context.Context, w Want) (Tip, error) {
	if err := w.check(); err != nil {
		return Tip{}, err
	}
	ref := w.ref()
	if w.Branch == "" && w.Tag == "" {
		return Tip{}, w.wrap(errors.New("want a branch or a tag"))
	}
	refs, err := c.list(ctx, w, ref, ref+peeled)
	if err != nil {
		return Tip{}, w.wrap(err)
	}
	if commit := cmp.Or(refs[ref+peeled], refs[ref]); commit != "" {
		return Tip{ref, commit}, nil
	}
	return Tip{}, w.wrap(c.noRef(ctx, w))
}

// Fetch fetches one commit without its history. An abbreviated SHA takes a second fetch, of
// commits to look it up. The caller has to close the repository.
func (c *Client) Fetch(ctx context.Context, w Want) (*Repo, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	r, err := c.fetch(ctx, w)
	if err != nil {
		return nil, w.wrap(err)
	}
	return r, nil
}

func (c *Client) fetch(ctx context.Context, w Want) (*Repo, error) {
	if w.SHA == "" {
		return c.fetchRef(ctx, w)
	}
	if w.Branch != "" || !w.whole() {
		commit, err := c.find(ctx, w)
		if err != nil {
			return nil, err
		}
		w.SHA = commit
	}
	r, err := c.fetchCommit(ctx, w)
	if errors.Is(err, ErrFormat) && len(w.SHA) == sha1Digits {
		// Forty digits may be an abbreviated SHA-256 name.
		if w.SHA, err = c.find(ctx, w); err == nil {
			r, err = c.fetchCommit(ctx, w)
		}
	}
	return r, err
}

func (c *Client) fetchRef(ctx context.Context, w Want) (*Repo, error) {
	ref := w.ref()
	r, err := c.shallow(ctx, w, ref)
	switch {
	case errors.Is(err, ErrRef):
		return nil, c.noRef(ctx, w)
	case err != nil:
		return nil, err
	}
	r.Ref = ref
	if r.Commit, err = r.resolve(ctx, scratchRef+peeledCommit); err != nil {
		err = fmt.Errorf("%s points to no commit: %w", ref, err)
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (c *Client) fetchCommit(ctx context.Context, w Want) (*Repo, error) {
	format := "sha1"
	if len(w.SHA) > sha1Digits {
		format = "sha256"
	}
	r, err := c.bringAs(ctx, w, format, append(w.depth(), "+"+w.SHA+":"+scratchRef))
	ref := w.ref()
	if err != nil && ref != "" && (errors.Is(err, ErrRefused) || errors.Is(err, ErrGone)) {
		// The server does not allow fetching a commit by its name, or no longer has it.
		byRef, refErr := c.shallow(ctx, w, ref)
		if refErr == nil {
			if tip, _ := byRef.resolve(ctx, scratchRef+peeledCommit); tip == w.SHA {
				r, err = byRef, nil
			} else {
				_ = byRef.Close()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	r.Ref = ref
	got, err := r.resolve(ctx, scratchRef+peeledCommit)
	if err == nil && got != w.SHA {
		err = fmt.Errorf("%s names a tag: got commit %s, want the commit's own name", w.SHA, got)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Commit = got
	return r, nil
}

// scratchRef is the ref of the fetched commit in the scratch repository.
const (
	scratchRef   = "refs/source/want"
	peeled       = "^{}"
	peeledCommit = "^{commit}"
)

// shallow fetches a ref's commit without its history.
func (c *Client) shallow(ctx context.Context, w Want, ref string) (*Repo, error) {
	return c.fetchInto(ctx, w, append(w.depth(), "+"+ref+":"+scratchRef)...)
}

// depth returns the options that fetch a commit without its history, or without its files.
func (w *Want) depth() []string {
	if w.NoFiles {
		return []string{"--depth=1", "--filter=tree:0"}
	}
	return []string{"--depth=1"}
}

// fetchInto makes a scratch repository, in the server's object format, and fetches into it. The
// arguments are options, then refspecs.
func (c *Client) fetchInto(ctx context.Context, w Want, args ...string) (*Repo, error) {
	r, err := c.bringAs(ctx, w, "sha1", args)
	if errors.Is(err, ErrFormat) {
		r, err = c.bringAs(ctx, w, "sha256", args)
	}
	return r, err
}

func (c *Client) bringAs(ctx context.Context, w Want, format string, args []string) (*Repo, error) {
	options, refspecs := split(args)
	var repo *Repo
	err := c.retry(ctx, func() error {
		r, err := c.init(ctx, format)
		if err != nil {
			return err
		}
		fetch := append([]string{"fetch", "--no-tags", "--no-write-fetch-head", "--progress"}, options...)
		fetch = append(append(fetch, "--", w.address(c.Dir)), refspecs...)
		if _, err := c.network(ctx, r.git, w, fetch...); err != nil {
			return errors.Join(err, r.Close())
		}
		repo = r
		return nil
	})
	return repo, err
}

// split divides arguments into options and the rest.
func split(args []string) (options, rest []string) {
	for i, a := range args {
		if a[0] != '-' {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

// init makes a bare scratch repository.
func (c *Client) init(ctx context.Context, format string) (*Repo, error) {
	dir, err := os.MkdirTemp(c.Scratch, "gitsource-")
	if err != nil {
		return nil, fmt.Errorf("making a scratch repository: %w", err)
	}
	if dir, err = filepath.Abs(dir); err == nil {
		g := git{command: cmp.Or(c.Command, "git"), dir: dir}
		_, err = g.local(ctx, "init", "--quiet", "--bare", "--template=", "--object-format="+format, dir)
		if err == nil {
			g.repository = dir
			return &Repo{git: g, scratch: dir}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("making a scratch repository: %w", err), os.RemoveAll(dir))
}
