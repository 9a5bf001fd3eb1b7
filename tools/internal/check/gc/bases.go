package gc

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// workspaceFile is the file of an output base with the path of its workspace.
const workspaceFile = "DO_NOT_BUILD_HERE"

// Workspaces returns the existing workspaces of the output bases in a directory, sorted.
func Workspaces(outputBases string) ([]string, error) {
	root, err := os.OpenRoot(outputBases)
	if errors.Is(err, fs.ErrNotExist) || outputBases == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, err := fs.ReadDir(root.FS(), ".")
	var list []string
	for _, d := range names {
		if workspace, ok := workspaceOf(root, d.Name()); ok && isThere(workspace) {
			list = append(list, workspace)
		}
	}
	slices.Sort(list)
	return list, err
}

// workspaceOf returns the workspace of an output base, or "". Bazel names the base after
// the MD5 digest of the workspace's path.
func workspaceOf(root *os.Root, base string) (string, bool) {
	if info, err := root.Lstat(path.Join(base, workspaceFile)); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<16 {
		return "", false
	}
	data, err := root.ReadFile(path.Join(base, workspaceFile))
	sum := md5.Sum(data)
	return string(data), err == nil && hex.EncodeToString(sum[:]) == base
}

// IsOutputBase reports whether a directory is an output base that Bazel named.
func IsOutputBase(dir string) bool {
	root, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return false
	}
	defer root.Close()
	_, ok := workspaceOf(root, filepath.Base(dir))
	return ok
}

// isThere reports whether a directory exists, or cannot be shown not to exist.
func isThere(dir string) bool {
	_, err := os.Stat(dir)
	return !errors.Is(err, fs.ErrNotExist)
}

// lookAtOutputBases decides about Bazel's output bases: those whose workspace is gone are
// removed.
func lookAtOutputBases(ctx context.Context, a *Args, l *looker) error {
	for _, d := range l.list(".") {
		name := d.Name()
		if !d.IsDir() || name == trash {
			continue
		}
		e, err := l.tree(ctx, name)
		if err != nil {
			return err
		}
		workspace, ok := workspaceOf(l.root, name)
		switch {
		case !ok:
			l.stays(e, "is Bazel's own, or its workspace is not known")
		case isThere(workspace):
			l.stays(e, "its workspace exists")
		case a.served(filepath.Join(a.OutputBases, name)):
			l.stays(e, "its workspace is gone, but its Bazel server still runs: it ends by itself, or kill it")
		default:
			l.goes(e, "its workspace "+workspace+" is gone")
		}
	}
	return nil
}

// served reports whether a Bazel server uses this output base or, if base ends in a slash,
// one below it.
func (a *Args) served(base string) bool {
	for _, args := range a.Processes {
		for _, arg := range args {
			value, ok := strings.CutPrefix(arg, "--output_base=")
			if ok && (value == base || strings.HasSuffix(base, "/") && strings.HasPrefix(value, base) || sameFile(value, base)) {
				return true
			}
		}
	}
	return false
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// Processes returns the command lines of the machine's processes, as far as proc, such as
// /proc, has them.
func Processes(proc string) [][]string {
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "cmdline"))
	if err != nil {
		return nil
	}
	var all [][]string
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil && len(data) > 0 {
			all = append(all, strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"))
		}
	}
	return all
}
