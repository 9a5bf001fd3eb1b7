package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// unpackTar unpacks the canonical tar of a source that is kept as one.
func (f *fetcher) unpackTar(ctx context.Context, dep *lock.Dependency, base, to string) error {
	want, err := f.bringTar(ctx, dep, base)
	if err != nil {
		return err
	}
	if err := f.store.VerifyBlob(want); err != nil {
		return cli.WithHint(err, "the file was altered since it was stored: delete it to have it made again")
	}
	tar, err := os.Open(f.store.BlobPath(want))
	if err != nil {
		return err
	}
	defer tar.Close()
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	return sourcetar.Extract(tar, to)
}

// bringTar makes sure that the store has a source's canonical tar: where it has
// none, it is made again from where the source is.
func (f *fetcher) bringTar(ctx context.Context, dep *lock.Dependency, base string) (digest.Digest, error) {
	want, err := digest.Parse(dep.Digest)
	if err != nil {
		return "", err
	}
	var from store.Fetcher = folder{dep: dep, base: base}
	hint := "the folder changed since it was pinned: run tools/bazel run //tools/resolve"
	if dep.Git != nil {
		from = gitsource.Fetcher{
			Client:  &gitsource.Client{Dir: base},
			Want:    gitsource.Want{URL: dep.Git.URL, SHA: dep.Git.Commit, Ref: dep.Git.Ref},
			Exclude: dep.Exclude,
		}
		hint = "the lock names another commit, or was altered: run tools/bazel run //tools/resolve"
	}
	return want, cli.WithHint(f.store.Bring(ctx, want, from), "%s", hint)
}

// folder makes the canonical tar of a folder of this machine. It is a store.Fetcher.
type folder struct {
	dep  *lock.Dependency
	base string // the manifest's folder
}

// Fetch implements store.Fetcher.
func (f folder) Fetch(ctx context.Context) (io.ReadCloser, error) {
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

// pipe returns what write writes, as a stream.
func pipe(write func(io.Writer) error) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(write(pw)) }()
	return pr
}
