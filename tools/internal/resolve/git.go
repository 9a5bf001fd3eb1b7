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
	// Client returns a client whose progress is that of the named dependency, and
	// what ends that.
	Client func(name string) (c *gitsource.Client, done func())
	Kept   *Kept
	// Note tells a person something about the named dependency.
	Note func(name, text string)
}

// Resolve implements Resolver. A locked commit stays as long as it is what the
// manifest asks for; that costs no request. An update of a branch or tag that has not
// moved costs one, and everything else one fetch and a look at the tags.
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
	if err := r.bring(ctx, ask, old); err != nil {
		return nil, err
	}
	d := newTree(ask)
	git := *old.Git
	d.Git, d.Digest, d.Size, d.Time = &git, old.Digest, old.Size, old.Time
	if err := r.Trees.describe(ctx, ask, d); err != nil {
		return nil, err
	}
	if !slices.Equal(d.GoRoots, slices.Sorted(maps.Keys(git.Versions))) {
		return r.fetch(ctx, ask, gitsource.Want{URL: git.URL, SHA: git.Commit, Ref: git.Ref})
	}
	return d, nil
}

// holds reports whether a locked commit is what ask asks for.
func (r *Git) holds(ask *Request, old *lock.Dependency) bool {
	ref := gitRef(&ask.Dependency)
	if len(old.Git.Object) == 0 {
		return false // of a lock from before commits were in it
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

// fetch brings what the repository has now.
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

// stamp finds out which versions the go command gives to the modules of a commit. It
// looks for them among the tags of the commit first: the history is large.
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
		modules[root] = modfile.ModulePath(goMod) // the source's root need be none
	}
	g, done := r.Trees.Go()
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

// report says what of a tree a build will not see as its authors do.
func (r *Git) report(name string, tree *gitsource.Tree) {
	for _, s := range tree.Submodules {
		r.Note(name, fmt.Sprintf("submodule %q at %s is not fetched", s.Path, short(s.Commit)))
	}
	if n := len(tree.LFS); n > 0 {
		r.Note(name, fmt.Sprintf("%d Git LFS pointers stay pointers, the first is %q", n, tree.LFS[0]))
	}
	for _, paths := range tree.CaseCollisions {
		r.Note(name, fmt.Sprintf("paths equal but for case: %q", paths))
	}
}

// bring makes sure that the store has the tar of a locked commit.
func (r *Git) bring(ctx context.Context, ask *Request, old *lock.Dependency) error {
	client, done := r.Client(ask.Name)
	defer done()
	err := r.Trees.Store.Bring(ctx, digest.Digest(old.Digest), gitsource.Fetcher{
		Client:  client,
		Want:    gitsource.Want{URL: old.Git.URL, SHA: old.Git.Commit, Ref: old.Git.Ref},
		Exclude: old.Exclude,
	})
	return hint.With(err, "to pin what there is now: tools/bazel run //release:resolve -- --update %s", ask.Name)
}

// Behind says which locked branches and tags point to another commit by now, one
// line each in the lock's order. It asks each server once, all at the same time.
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
	return fmt.Sprintf("dependency %s: %s%s is at %s, locked is %s", d.Name, what, want.Branch+want.Tag, short(tip.Commit), short(d.Git.Commit)), nil
}
