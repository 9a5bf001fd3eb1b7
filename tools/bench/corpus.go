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
	Path string // relative to the corpus directory, with slashes
	Mode fs.FileMode
	Size int64
}

// makeCorpus copies Go's programs, tools and sources, which every machine with Go has, to dir,
// until it has about size bytes: whole copies first, then a part of one. A copy begins some
// 200 MB after the one before, far beyond the 32 KiB window of DEFLATE, so that no contender
// profits from the repetition. (A compressor with a larger window, such as zstd or xz, would
// need another corpus.)
func makeCorpus(ctx context.Context, dir string, size int64) (files []corpusFile, total int64, err error) {
	goroot, err := runIn(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return nil, 0, err
	}
	for n := 1; total < size; n++ {
		before := total
		for _, sub := range []string{"bin", "pkg/tool", "src"} {
			err := filepath.WalkDir(filepath.Join(goroot, filepath.FromSlash(sub)), func(name string, d fs.DirEntry, err error) error {
				if err := errors.Join(err, ctx.Err()); err != nil || !d.Type().IsRegular() {
					return err
				}
				if total >= size {
					return filepath.SkipAll
				}
				rel, err := filepath.Rel(goroot, name)
				if err != nil {
					return err
				}
				f := corpusFile{Path: "copy" + strconv.Itoa(n) + "/" + filepath.ToSlash(rel), Mode: 0o644}
				if sub != "src" {
					f.Mode = 0o755
				}
				if f.Size, err = copyFile(filepath.Join(dir, filepath.FromSlash(f.Path)), name, f.Mode); err != nil {
					return err
				}
				total, files = total+f.Size, append(files, f)
				return nil
			})
			if err != nil {
				return nil, 0, fmt.Errorf("copying %s of %q: %w", sub, goroot, err)
			}
		}
		if total == before {
			return nil, 0, fmt.Errorf("copying %q: found no files", goroot)
		}
	}
	return files, total, nil
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

const compressCommand = "github.com/jasonwzm/release-builder/tools/bench/compress"

// goBuild builds a command of this module as dir/name.
func goBuild(ctx context.Context, dir, pkg string) (string, error) {
	out := filepath.Join(dir, filepath.Base(pkg)+".exe")
	_, err := runIn(ctx, "", "go", "build", "-trimpath", "-o", out, pkg)
	return out, err
}

// A compressor compresses files in a process of its own, as the commands that pack do.
type compressor struct {
	command, format string
	names           string // file
}

// newCompressor builds the command. The files are compressed in the order of names.
func newCompressor(ctx context.Context, dir, format string, names []string) (compressor, error) {
	c := compressor{format: format, names: filepath.Join(dir, "names.txt")}
	if err := os.WriteFile(c.names, []byte(strings.Join(names, "\n")), 0o600); err != nil {
		return c, err
	}
	var err error
	c.command, err = goBuild(ctx, dir, compressCommand)
	return c, err
}

func (c compressor) run(ctx context.Context) error {
	out := c.names + "." + c.format
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	names, err := os.Open(c.names)
	if err != nil {
		return err
	}
	defer names.Close()
	cmd := environ.Command(ctx, environ.User(), c.command, c.format, out)
	cmd.Stdin = names
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(string(said)))
	}
	return nil
}

// runIn runs a command in a directory and returns its output.
func runIn(ctx context.Context, dir string, command ...string) (string, error) {
	cmd := environ.Command(ctx, environ.User(), command[0], command[1:]...)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %q: %w\n%s", command, err, tail(stdout.String()+stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// tail returns the last lines of a command's output.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
