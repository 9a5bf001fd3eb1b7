package reproduce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// Clone makes the world's Dir a clone of the workspace: its HEAD, with the uncommitted
// changes to tracked files. It returns the names of the changed files. Untracked files are
// not in the clone.
func Clone(ctx context.Context, workspace string, w *World) (changed []string, err error) {
	head, err := git(ctx, workspace, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(w.Dir), 0o755); err != nil {
		return nil, err
	}
	// Without hard links: nothing in the clone may change the workspace.
	if err := gitIn(ctx, w, filepath.Dir(w.Dir), nil, "clone", "--quiet", "--no-hardlinks", "--no-checkout", workspace, w.Dir); err != nil {
		return nil, err
	}
	if err := gitIn(ctx, w, w.Dir, nil, "checkout", "--quiet", "--detach", strings.TrimSpace(string(head))); err != nil {
		return nil, err
	}
	names, err := git(ctx, workspace, "diff", "--name-only", "-z", "HEAD")
	if err != nil {
		return nil, err
	}
	if changed = strings.FieldsFunc(string(names), func(r rune) bool { return r == 0 }); len(changed) > 0 {
		patch, err := git(ctx, workspace, "diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD")
		if err != nil {
			return nil, err
		}
		if err := gitIn(ctx, w, w.Dir, patch, "apply", "--whitespace=nowarn"); err != nil {
			return nil, err
		}
	}
	if w.Reorder {
		err = reorder(w.Dir)
	}
	return changed, err
}

// copySettings copies the developer's settings, which say where another machine is.
func copySettings(workspace, dir string) error {
	data, err := os.ReadFile(filepath.Join(workspace, "user.bazelrc"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the environment says it
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "user.bazelrc"), data, 0o600) // it may have credentials
}

// git runs a git command in a directory.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	access, err := environ.GitAccess(ctx, "git") // safe.directory: which checkouts of other users to trust
	if err != nil {
		return nil, err
	}
	return runGit(environ.Command(ctx, environ.Git(access...), "git", args...), dir, nil, args)
}

// gitIn runs a git command in the world, so that the files get its umask.
func gitIn(ctx context.Context, w *World, dir string, input []byte, args ...string) error {
	access, err := environ.GitAccess(ctx, "git")
	if err != nil {
		return err
	}
	cmd, err := w.Command(ctx, "git", args...)
	if err != nil {
		return err
	}
	cmd.Env = environ.Git(append(access, "HOME="+w.Home)...)
	_, err = runGit(cmd, dir, input, args)
	return err
}

func runGit(cmd *exec.Cmd, dir string, input []byte, args []string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	out, err := cmd.Output()
	if err != nil {
		if text := environ.Said(stderr.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return nil, fmt.Errorf("running git %s in %q: %w", args[0], dir, err)
	}
	return out, nil
}

// reorder creates the entries of each directory below dir, except .git, again in reverse
// order of their names. A file system that lists by creation then lists them differently.
func reorder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != ".git" {
			if err := reorder(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	temp := dir + ".reordered"
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	slices.Reverse(entries)
	for _, e := range entries {
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(temp, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(dir), os.Rename(temp, dir), os.Chmod(dir, info.Mode().Perm()))
}

// copyRelease copies the files of a directory to another. It follows links, so the copy has
// only files and directories.
func copyRelease(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		info, err := os.Stat(source)
		switch {
		case err != nil:
			return err
		case info.IsDir():
			err = copyRelease(source, target)
		case info.Mode().IsRegular():
			err = fileio.Copy(source, target)
		default:
			err = fmt.Errorf("copying %q: got %s, want a file", source, info.Mode()&fs.ModeType)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
