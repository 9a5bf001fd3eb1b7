package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
)

// file writes a file that a lock pins to a directory, and prints its name there.
func (f *fetcher) file(ctx context.Context, p paths) error {
	var entry lock.File
	if err := jsonfile.Read(p.entry, &entry); err != nil {
		return fmt.Errorf("reading lock entry: %w", err)
	}
	if err := entry.CheckSeal(); err != nil {
		return err
	}
	name, err := f.placeFile(ctx, &entry, p.out)
	if err != nil {
		return fill.InEntry(entry.Title(), err)
	}
	_, err = fmt.Fprintln(f.stdout, name)
	return err
}

// placeFile fetches a file into the store if the store lacks it, verifies it and
// places it in out. It returns its name in out.
func (f *fetcher) placeFile(ctx context.Context, entry *lock.File, out string) (string, error) {
	want, err := f.File(ctx, entry)
	if err != nil {
		return "", err
	}
	if err := f.Store.VerifyBlob(want); err != nil {
		return "", hint.With(err, "the file was changed after it was stored: delete it, and it is fetched again")
	}
	info, err := os.Stat(f.Store.BlobPath(want))
	if err != nil {
		return "", err
	}
	if info.Size() != entry.Size {
		return "", fmt.Errorf("size of %q: got %d bytes, want %d", f.Store.BlobPath(want), info.Size(), entry.Size)
	}
	name := localName(entry)
	return name, place(f.Store.BlobPath(want), filepath.Join(out, name))
}

// localName returns the name of a fetched file: the last part of its URL, with only
// characters that have no special meaning to Bazel or a file system.
func localName(entry *lock.File) string {
	name := entry.Name
	if u, err := url.Parse(entry.URL); err == nil && strings.Trim(u.Path, "/.") != "" {
		name = path.Base(u.Path)
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._+-", r):
			return r
		}
		return '_'
	}, name)
	name = name[max(0, len(name)-128):] // the end has the extension
	special := []string{"", "BUILD", "BUILD.bazel", "MODULE.bazel", "REPO.bazel", "WORKSPACE", "WORKSPACE.bazel"}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || slices.ContainsFunc(special, func(s string) bool { return strings.EqualFold(s, name) }) {
		name = "_" + name
	}
	return name
}

// place makes to a hard link to from, or a copy if it cannot be linked.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	return fileio.Copy(from, to)
}
