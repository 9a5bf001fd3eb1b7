package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Git resolves git repositories: it pins a commit and the canonical tar of its tree.
type Git struct {
	Trees *Trees
	// Client returns a client that shows the progress of the named dependency, and a
	// function that ends the progress.
	Client func(name string) (c *gitsource.Client, done func())
	Kept   *Kept
	// Note prints a note about the named dependency.
	Note func(name, text string)
}

// Resolve implements [Resolver]. A locked commit stays as long as it matches the manifest;
// that takes no request. An update of a branch or tag that has not moved takes one request.
// Everything else takes a fetch, and a list of the tags.
func (r *Git) Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error) {
	old := r.Kept.find(ask.Name)
	if old != nil && (old.Git == nil || !r.holds(ask, old)) {
		old = nil
	}
	want := gitWant(ask)
	if old != nil && r.Kept.update(ask.Name) && ask.SHA == "" {
		client, done := r.Client(ask.Name)
		defer done()
		tip, err := client.Tip(ctx, want)
		if err != nil {
			return nil, err
		}
		if tip.Commit != old.Git.Commit {
			old = nil
		}
	}
	if old == nil {
		return r.fetch(ctx, ask, want)
	}
	if err := r.restore(ctx, ask, old); err != nil {
		return nil, err
	}
	d := newTree(ask)
	git := *old.Git
	d.Git, d.Digest, d.Size, d.Time = &git, old.Digest, old.Size, old.Time
	if err := r.Trees.describe(ctx, ask, d); err != nil {
		return nil, err
	}
	if len(d.GoRoots) == 0 {
		git.Versions = nil
	}
	if !slices.Equal(d.GoRoots, slices.Sorted(maps.Keys(git.Versions))) {
		return r.fetch(ctx, ask, gitsource.Want{URL: git.URL, SHA: git.Commit, Ref: git.Ref})
	}
	return d, nil
}

// holds reports whether a locked commit matches ask.
func (r *Git) holds(ask *Request, old *lock.Dependency) bool {
	ref := gitRef(&ask.Dependency)
	if len(old.Git.Object) == 0 {
		return false // of an older lock, which has no commit objects
	}
	return old.Git.URL == ask.Git && old.Git.Ref == ref && slices.Equal(old.Exclude, ask.Exclude) &&
		strings.HasPrefix(old.Git.Commit, ask.SHA)
}

func gitRef(d *manifest.Dependency) string {
	switch {
	case d.Branch != "":
		return "refs/heads/" + d.Branch
	case d.Tag != "":
		return "refs/tags/" + d.Tag
	}
	return ""
}

func gitWant(ask *Request) gitsource.Want {
	return gitsource.Want{URL: ask.Git, Branch: ask.Branch, Tag: ask.Tag, SHA: ask.SHA, Since: ask.Since}
}

// fetch fetches the current commit.
func (r *Git) fetch(ctx context.Context, ask *Request, want gitsource.Want) (*lock.Dependency, error) {
	client, done := r.Client(ask.Name)
	defer done()
	repo, err := client.Fetch(ctx, want)
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	d := newTree(ask)
	d.Git = &lock.Git{URL: ask.Git, Ref: gitRef(&ask.Dependency), Commit: repo.Commit}
	if d.Time, err = repo.Time(ctx); err != nil {
		return nil, err
	}
	if d.Git.Object, err = repo.Object(ctx, "commit", repo.Commit); err != nil {
		return nil, err
	}
	tree, err := r.Trees.put(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	for _, s := range tree.Submodules {
		d.Git.Submodules = append(d.Git.Submodules, lock.Submodule{Path: s.Path, Commit: s.Commit})
	}
	d.Git.LFS = tree.LFS
	r.report(ask.Name, tree)
	if err := r.Trees.describe(ctx, ask, d); err != nil {
		return nil, err
	}
	return d, r.stamp(ctx, client, want, repo, d)
}

// stamp finds out which versions the go command gives to the modules of a commit. It tries
// the commit's own tags first, because the history is large.
func (r *Git) stamp(ctx context.Context, client *gitsource.Client, want gitsource.Want, repo *gitsource.Repo, d *lock.Dependency) error {
	if len(d.GoRoots) == 0 {
		return nil
	}
	modules := map[string]string{}
	for _, root := range append([]string{"."}, d.GoRoots...) {
		goMod, err := repo.Object(ctx, "blob", repo.Commit+":"+path.Join(root, "go.mod"))
		if err != nil && root != "." {
			return err
		}
		modules[root] = modfile.ModulePath(goMod) // the source's root directory may have no module
	}
	g, done := r.Trees.Go(d.Name)
	defer done()
	dir := filepath.Join(filepath.Dir(g.Cache), "clone")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := repo.Worktree(ctx, dir); err != nil {
		return err
	}
	d.Git.Versions = map[string]string{}
	for _, tag := range []func(context.Context, gitsource.Want, *gitsource.Repo) error{client.TagCommit, client.TagHistory} {
		if err := tag(ctx, want, repo); err != nil {
			return err
		}
		pseudo := false
		for _, root := range d.GoRoots {
			version, err := g.Stamp(ctx, dir, root, modules)
			if err != nil {
				return err
			}
			d.Git.Versions[root] = version
			pseudo = pseudo || module.IsPseudoVersion(version)
		}
		if !pseudo {
			break
		}
	}
	return nil
}

// report notes what in a tree differs from a checkout.
func (r *Git) report(name string, tree *gitsource.Tree) {
	for _, s := range tree.Submodules {
		r.Note(name, fmt.Sprintf("submodule %q at %s is not fetched", s.Path, short(s.Commit)))
	}
	if n := len(tree.LFS); n > 0 {
		r.Note(name, fmt.Sprintf("%d Git LFS files are not fetched, only their pointers: the first is %q", n, tree.LFS[0]))
	}
	for _, paths := range tree.CaseCollisions {
		r.Note(name, fmt.Sprintf("paths that differ only in case: %q", paths))
	}
}

// restore fetches the tar of a locked commit if the store lacks it.
func (r *Git) restore(ctx context.Context, ask *Request, old *lock.Dependency) error {
	client, done := r.Client(ask.Name)
	defer done()
	err := r.Trees.Store.Bring(ctx, digest.Digest(old.Digest), gitsource.Fetcher{
		Client:  client,
		Want:    gitsource.Want{URL: old.Git.URL, SHA: old.Git.Commit, Ref: old.Git.Ref},
		Exclude: old.Exclude,
	})
	return hint.With(err, "to pin the current commit, run tools/bazel run //release:resolve -- --update %s", ask.Name)
}

// Behind returns a line for each locked branch or tag that now points to another commit, in
// the lock's order. It sends one request for each repository, all at the same time.
func (r *Git) Behind(ctx context.Context, l *lock.Lock) ([]string, error) {
	lines := make([]string, len(l.Dependencies))
	errs := parallel.Do(len(l.Dependencies), atOnce, func(i int) (err error) {
		if d := &l.Dependencies[i]; d.Git != nil && d.Git.Ref != "" {
			lines[i], err = r.behind(ctx, d)
		}
		return err
	})
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" }), cmp.Or(ctx.Err(), errors.Join(errs...))
}

func (r *Git) behind(ctx context.Context, d *lock.Dependency) (string, error) {
	want := gitsource.Want{URL: d.Git.URL}
	var isBranch bool
	what := "tag "
	if want.Branch, isBranch = strings.CutPrefix(d.Git.Ref, "refs/heads/"); isBranch {
		what = "branch "
	} else {
		want.Branch, want.Tag = "", strings.TrimPrefix(d.Git.Ref, "refs/tags/")
	}
	client, done := r.Client(d.Name)
	defer done()
	tip, err := client.Tip(ctx, want)
	if err != nil {
		return "", named(d.Name, err)
	}
	if tip.Commit == d.Git.Commit {
		return "", nil
	}
	return fmt.Sprintf("dependency %s: %s%s is at %s, the lock has %s", d.Name, what, want.Branch+want.Tag, short(tip.Commit), short(d.Git.Commit)), nil
}
