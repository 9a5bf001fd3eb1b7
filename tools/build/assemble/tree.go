package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// writeTree writes the directory of a release: a copy of every file; release.json; and
// SHA256SUMS, sorted by path, in the format of sha256sum(1).
func writeTree(ctx context.Context, v cli.Values) error {
	entries, err := release.ReadEntries(v.Get("entries"))
	if err != nil {
		return err
	}
	files, err := expand(entries)
	if err != nil {
		return err
	}
	sums := make([]digest.Digest, len(files))
	err = parallel.DoAll(ctx, len(files), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		sums[i], err = copyTo(ctx, files[i], v.Get("out"))
		return err
	})
	if err != nil {
		return err
	}
	document, err := describe(entries, files, sums, v.Get("out"))
	if err != nil {
		return err
	}
	if err := fileio.WriteFile(filepath.Join(v.Get("out"), release.DocumentFile), document, 0o644); err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(files, release.DocumentFile, func(f release.Entry, p string) int { return strings.Compare(f.Path, p) })
	files = slices.Insert(files, at, release.Entry{Path: release.DocumentFile})
	sums = slices.Insert(sums, at, digest.FromBytes(document))
	var b bytes.Buffer
	for i, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", sums[i].Hex(), f.Path)
	}
	return fileio.WriteFile(filepath.Join(v.Get("out"), release.Checksums), b.Bytes(), 0o644)
}

// check returns an error if two files have the same path, or if SHA256SUMS cannot hold
// a path. The files are sorted by path.
func check(files []release.Entry) error {
	if len(files) == 0 {
		return errors.New("the release has no files")
	}
	byPath := map[string]release.Entry{
		release.Checksums:    {Source: "the list of checksums"},
		release.DocumentFile: {Source: "the list of artifacts"},
	}
	for _, f := range files {
		if strings.ContainsAny(f.Path, "\r\n\\") {
			return fmt.Errorf("path %q cannot be written in a checksum file", f.Path)
		}
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return fmt.Errorf("path %q is not below the release", f.Path)
		}
		if other, ok := byPath[f.Path]; ok {
			return fmt.Errorf("duplicate path %q in the release: from %q and %q", f.Path, other.Source, f.Source)
		}
		byPath[f.Path] = f
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if other, ok := byPath[dir]; ok {
				return fmt.Errorf("path %q is a file, from %q, and the directory of %q", dir, other.Source, f.Path)
			}
		}
	}
	return nil
}

// copyTo copies a file into a release's directory and returns the digest of what it
// read. It shares blocks where the file system can.
func copyTo(ctx context.Context, e release.Entry, dir string) (digest.Digest, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	to := filepath.Join(dir, filepath.FromSlash(e.Path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	in, err := os.Open(e.Source)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("copying %q: %w", e.Source, err)
	}
	sum, size, err := digest.FromFile(to)
	if err == nil && size != n {
		err = fmt.Errorf("copying %q: got %d bytes, want %d", e.Source, size, n)
	}
	return sum, err
}

// expand replaces directories by their files, sorts by path and checks the paths.
func expand(entries []release.Entry) ([]release.Entry, error) {
	var files []release.Entry
	for _, e := range entries {
		if err := e.Walk(func(f release.Entry) { files = append(files, f) }); err != nil {
			return nil, fmt.Errorf("reading %q: %w", e.Source, err)
		}
	}
	slices.SortFunc(files, func(a, b release.Entry) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Source, b.Source))
	})
	return files, check(files)
}
