package release

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// Dir is a release in a directory. Its files may be symbolic links, as in Bazel's output.
type Dir string

// Open implements [Source].
func (d Dir) Open(_ context.Context, path string) (io.ReadCloser, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, fmt.Errorf("path %q is not below the release", path)
	}
	return fileio.OpenRegular(filepath.Join(string(d), filepath.FromSlash(path)))
}

// Sizes implements [Source].
func (d Dir) Sizes(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	return sizes, d.walk(ctx, ".", sizes)
}

// walk follows links to directories. filepath.WalkDir does not.
func (d Dir) walk(ctx context.Context, path string, sizes map[string]int64) error {
	entries, err := os.ReadDir(filepath.Join(string(d), path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		child := filepath.Join(path, e.Name())
		info, err := os.Stat(filepath.Join(string(d), child))
		switch {
		case err != nil:
			return err
		case info.IsDir():
			err = d.walk(ctx, child, sizes)
		case info.Mode().IsRegular():
			sizes[filepath.ToSlash(child)] = info.Size()
		default:
			err = fmt.Errorf("%q: got mode %v, want a file", child, info.Mode()&fs.ModeType)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Location implements [Source]. No service can reach this machine's files.
func (Dir) Location(string) string { return "" }
