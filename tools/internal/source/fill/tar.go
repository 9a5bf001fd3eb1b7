package fill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Tar makes the canonical tar of a source that is not a module from its origin, if the store
// lacks it, and returns its digest.
func (f *Filler) Tar(ctx context.Context, dep *lock.Dependency) (digest.Digest, error) {
	want, err := digest.Parse(dep.Digest)
	if err != nil {
		return "", err
	}
	var from store.Fetcher = directory{dep: dep, base: f.Dir}
	advice := "the directory changed after it was pinned: run tools/bazel run //release:resolve"
	if dep.Git != nil {
		from = gitsource.Fetcher{
			Client:  &gitsource.Client{Dir: f.Dir},
			Want:    gitsource.Want{URL: dep.Git.URL, SHA: dep.Git.Commit, Ref: dep.Git.Ref},
			Exclude: dep.Exclude,
		}
		advice = "the lock names another commit, or was changed: run tools/bazel run //release:resolve"
	}
	return want, hint.With(f.Store.Bring(ctx, want, from), "%s", advice)
}

// directory makes the canonical tar of a directory on this machine. It is a store.Fetcher.
type directory struct {
	dep  *lock.Dependency
	base string // the manifest's directory
}

// Fetch implements [store.Fetcher].
func (f directory) Fetch(ctx context.Context) (io.ReadCloser, error) {
	dir := f.dep.Local.Path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(f.base, filepath.FromSlash(dir))
	}
	options := sourcetar.Options{Exclude: f.dep.Exclude}
	if f.dep.Local.Commit == "" {
		return pipe(func(w io.Writer) error {
			_, err := sourcetar.WriteFolder(w, dir, options)
			return err
		}), nil
	}
	repo, err := gitsource.OpenLocal(ctx, "", dir)
	if err != nil {
		return nil, err
	}
	if !f.dep.Local.Dirty {
		repo.Commit = f.dep.Local.Commit
		return repo.Tar(ctx, f.dep.Exclude), nil
	}
	names, err := repo.WorktreeFiles(ctx)
	if err := errors.Join(err, repo.Close()); err != nil {
		return nil, fmt.Errorf("listing the files in %q: %w", dir, err)
	}
	return pipe(func(w io.Writer) error {
		_, err := sourcetar.WriteFiles(w, dir, names, options)
		return err
	}), nil
}

// pipe returns a stream of what write writes.
func pipe(write func(io.Writer) error) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(write(pw)) }()
	return pr
}
