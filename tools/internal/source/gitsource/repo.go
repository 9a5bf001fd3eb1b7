package gitsource

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Repo is a repository on this machine, at one commit.
type Repo struct {
	Commit string // the whole name
	// Ref is the branch or tag that was asked for, such as refs/heads/master, or HEAD's
	// branch; empty if there is none.
	Ref string

	git
	scratch  string // deleted by Close
	worktree string // empty if there is none
}

// OpenLocal opens the repository at HEAD that is dir, or whose worktree's root directory is
// dir. An empty git command means "git". The error wraps ErrNotRepository if dir is not a
// repository, or a broken one.
func OpenLocal(ctx context.Context, command, dir string) (*Repo, error) {
	r, err := openLocal(ctx, command, dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository %q: %w", dir, err)
	}
	return r, nil
}

func openLocal(ctx context.Context, command, dir string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return nil, cmp.Or(err, ErrNotRepository)
	}
	r := &Repo{git: git{command: cmp.Or(command, "git"), dir: abs}}
	// It says which repositories of other users to trust. If it cannot be read, git refuses
	// those; nothing else here needs it.
	r.access, _ = environ.GitAccess(ctx, r.command)
	out, err := r.local(ctx, "rev-parse", "--is-bare-repository", "--absolute-git-dir")
	if err != nil {
		var e *gitError
		if errors.As(err, &e) && (e.kind == nil || e.kind == ErrNoRepository) {
			return nil, fmt.Errorf("%w: %w", ErrNotRepository, err)
		}
		return nil, err
	}
	bare, gitDir, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if bare == "true" {
		r.repository = gitDir
	} else {
		r.worktree = abs
	}
	if r.Commit, err = r.resolve(ctx, "HEAD"+peeledCommit); err != nil {
		return nil, hint.With(fmt.Errorf("HEAD is not a commit: %w", err), "commit something first")
	}
	if out, err := r.local(ctx, "symbolic-ref", "--quiet", "HEAD"); err == nil {
		r.Ref = strings.TrimSuffix(string(out), "\n")
	}
	return r, nil
}

// Close deletes a repository that Fetch made. One that OpenLocal opened stays.
func (r *Repo) Close() error {
	if r.scratch == "" {
		return nil
	}
	return os.RemoveAll(r.scratch)
}

// resolve returns the full name of a revision.
func (r *Repo) resolve(ctx context.Context, revision string) (string, error) {
	out, err := r.local(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Time returns the committer's time of the commit, in UTC.
func (r *Repo) Time(ctx context.Context) (time.Time, error) {
	out, err := r.local(ctx, "cat-file", "commit", r.Commit)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading commit %s: %w", r.Commit, err)
	}
	header, _, _ := bytes.Cut(out, []byte("\n\n"))
	for line := range bytes.Lines(header) {
		line, ok := bytes.CutPrefix(line, []byte("committer "))
		if !ok {
			continue
		}
		// NAME <EMAIL> SECONDS ZONE
		fields := strings.Fields(string(line[bytes.LastIndexByte(line, '>')+1:]))
		if len(fields) > 0 {
			// JSON cannot hold a time after the year 9999.
			if s, err := strconv.ParseInt(fields[0], 10, 64); err == nil && 0 <= s && s < 253402300800 {
				return time.Unix(s, 0).UTC(), nil
			}
		}
		break
	}
	return time.Time{}, fmt.Errorf("reading commit %s: it has no time", r.Commit)
}

// Dirty returns the paths that differ from the commit, sorted: changed, staged, or untracked
// and not ignored. A bare repository has none.
func (r *Repo) Dirty(ctx context.Context) ([]string, error) {
	if r.worktree == "" {
		return nil, nil
	}
	out, err := r.local(ctx, "status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none", "--no-renames")
	if err != nil {
		return nil, fmt.Errorf("comparing %q with its commit: %w", r.worktree, err)
	}
	var paths []string
	for _, entry := range fields(out) {
		if len(entry) > 3 {
			paths = append(paths, entry[3:])
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// WorktreeFiles returns the paths in the worktree, tracked or untracked but not ignored,
// sorted. Deleted files, and submodules as directories, are among them:
// sourcetar.WriteFiles leaves both out.
func (r *Repo) WorktreeFiles(ctx context.Context) ([]string, error) {
	if r.worktree == "" {
		return nil, errors.New("a bare repository has no worktree")
	}
	out, err := r.local(ctx, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", r.worktree, err)
	}
	var paths []string
	for _, path := range fields(out) {
		if !strings.HasSuffix(path, "/") { // a nested repository
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// fields splits a list of strings that end in zero bytes.
func fields(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
