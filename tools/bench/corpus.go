package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// A corpusFile is a file of the corpus.
type corpusFile struct {
	Path string // below the corpus directory, with slashes
	Mode fs.FileMode
	Size int64
}

// corpusArgs say what makeCorpus makes.
type corpusArgs struct {
	Dir    string // where to; must not exist
	GOROOT string // where from
	Bytes  int64  // about how many, in sum
}

// makeCorpus copies Go's programs, tools and sources, which every machine with Go
// has, until the size is reached: whole copies of all of it, then a part. A copy
// begins some 200 MB after the one before, which is far beyond the 32 KiB window
// of DEFLATE, so that repetition helps no contender. (One with a larger window,
// such as zstd or xz, would need another corpus.)
func makeCorpus(ctx context.Context, args corpusArgs) ([]corpusFile, error) {
	var files []corpusFile
	var total int64
	for n := 1; total < args.Bytes; n++ {
		before := total
		copyName := "copy" + strconv.Itoa(n)
		for _, sub := range []string{"bin", "pkg/tool", "src"} {
			root := filepath.Join(args.GOROOT, filepath.FromSlash(sub))
			err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
				if err := errors.Join(err, ctx.Err()); err != nil || !d.Type().IsRegular() {
					return err
				}
				if total >= args.Bytes {
					return filepath.SkipAll
				}
				rel, err := filepath.Rel(args.GOROOT, name)
				if err != nil {
					return err
				}
				f := corpusFile{Path: copyName + "/" + filepath.ToSlash(rel), Mode: 0o644}
				if sub != "src" {
					f.Mode = 0o755
				}
				if f.Size, err = copyFile(filepath.Join(args.Dir, filepath.FromSlash(f.Path)), name, f.Mode); err != nil {
					return err
				}
				total += f.Size
				files = append(files, f)
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("copying %q: %w", root, err)
			}
		}
		if total == before {
			return nil, fmt.Errorf("copying %q: found no files", args.GOROOT)
		}
	}
	return files, nil
}

func copyFile(to, from string, mode fs.FileMode) (n int64, err error) {
	src, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(dst, src)
	return n, errors.Join(err, dst.Close())
}

// goroot returns where the go command's own files are.
func goroot(ctx context.Context) (string, error) {
	out, err := environ.Command(ctx, environ.User(), "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("running go env GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// goBuild builds a command of this module as dir/name.
func goBuild(ctx context.Context, dir, pkg string) (string, error) {
	out := filepath.Join(dir, filepath.Base(pkg)+".exe")
	cmd := environ.Command(ctx, environ.User(), "go", "build", "-trimpath", "-o", out, pkg)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %q: %w\n%s", pkg, err, text)
	}
	return out, nil
}
