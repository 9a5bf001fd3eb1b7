package main

import (
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

// unpackLocal unpacks a local source's canonical tar. Where the store has none,
// the folder itself is packed again.
func (f *fetcher) unpackLocal(dep *lock.Dependency, base, out string) error {
	want, err := digest.Parse(dep.Digest)
	if err != nil {
		return fmt.Errorf("lock entry %q: %w", dep.Name, err)
	}
	if _, err := os.Stat(f.store.BlobPath(want)); errors.Is(err, fs.ErrNotExist) {
		if err := f.packLocal(dep, base, want); err != nil {
			return fmt.Errorf("lock entry %q: %w", dep.Name, err)
		}
	}
	got, _, err := digest.FromFile(f.store.BlobPath(want))
	if err != nil {
		return fmt.Errorf("lock entry %q: %w", dep.Name, err)
	}
	if got != want {
		err := fmt.Errorf("lock entry %q: digest of %q: got %s, want %s", dep.Name, f.store.BlobPath(want), got, want)
		return cli.WithHint(err, "the file was altered since it was stored: delete it to have it made again")
	}
	tar, err := os.Open(f.store.BlobPath(want))
	if err != nil {
		return err
	}
	defer tar.Close()
	return sourcetar.Extract(tar, out)
}

func (f *fetcher) packLocal(dep *lock.Dependency, base string, want digest.Digest) error {
	dir := dep.Local.Path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(base, dir)
	}
	got, err := f.store.PutTree(dir)
	if err != nil {
		return err
	}
	if got.Digest != want {
		err := fmt.Errorf("digest of folder %q: got %s, want %s", dir, got.Digest, want)
		return cli.WithHint(err, "the folder changed since it was pinned: run tools/bazel run //tools/resolve")
	}
	return nil
}
