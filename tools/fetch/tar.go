package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/sourcetar"
)

// unpackTar unpacks the canonical tar of a source that is kept as one. Where the
// store has none, it is made again from where the source is.
func (f *fetcher) unpackTar(ctx context.Context, dep *lock.Dependency, base, to string) error {
	want, err := digest.Parse(dep.Digest)
	if err != nil {
		return err
	}
	name := f.store.BlobPath(want)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := f.makeTar(ctx, dep, base, want); err != nil {
			return err
		}
	}
	got, _, err := digest.FromFile(name)
	if err != nil {
		return err
	}
	if got != want {
		err := fmt.Errorf("digest of %q: got %s, want %s", name, got, want)
		return cli.WithHint(err, "the file was altered since it was stored: delete it to have it made again")
	}
	tar, err := os.Open(name)
	if err != nil {
		return err
	}
	defer tar.Close()
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	return sourcetar.Extract(tar, to)
}

// makeTar brings a source's canonical tar into the store.
func (f *fetcher) makeTar(ctx context.Context, dep *lock.Dependency, base string, want digest.Digest) error {
	if dep.Git != nil {
		got, err := f.packCommit(ctx, dep, base)
		if err == nil && got != want {
			err = fmt.Errorf("digest of %q: got %s, want %s", dep.Git.URL+"@"+dep.Git.Commit, got, want)
			err = cli.WithHint(err, "the lock was made by another version of these tools, or altered: run tools/bazel run //tools/resolve")
		}
		return err
	}
	dir := dep.Local.Path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(base, dir)
	}
	got, err := f.store.PutTree(dir)
	if err == nil && got.Digest != want {
		err = fmt.Errorf("digest of %q: got %s, want %s", dir, got.Digest, want)
		err = cli.WithHint(err, "the folder changed since it was pinned: run tools/bazel run //tools/resolve")
	}
	return err
}

// packCommit fetches a commit and keeps its canonical tar.
func (f *fetcher) packCommit(_ context.Context, dep *lock.Dependency, _ string) (digest.Digest, error) {
	return "", fmt.Errorf("fetching %q: this version has no git client", dep.Git.URL)
}
