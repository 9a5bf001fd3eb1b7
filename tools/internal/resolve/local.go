package resolve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// Directories resolves directories on this machine. In a git repository it pins HEAD,
// otherwise the directory's content.
type Directories struct {
	Trees *Trees
	Base  string // the manifest's directory
	// Time replaces the commit time for directories that are not in a repository.
	Time time.Time
	// AllowDirty pins a repository's directory as it is if it differs from HEAD.
	AllowDirty bool
	Note       func(name, text string)
}

// Resolve implements [Resolver].
func (r *Directories) Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error) {
	dir := ask.LocalPath
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(r.Base, filepath.FromSlash(dir))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("localpath: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("localpath: %q is not a directory", dir)
	}
	d := newTree(ask)
	d.Local = &lock.Local{Path: filepath.ToSlash(ask.LocalPath)}
	repo, err := gitsource.OpenLocal(ctx, "", dir)
	switch {
	case errors.Is(err, gitsource.ErrNotRepository):
		err = r.content(d, dir)
	case err == nil:
		defer repo.Close()
		err = r.head(ctx, d, repo, dir)
	}
	if err != nil {
		return nil, err
	}
	return d, r.Trees.describe(ctx, ask, d)
}

// content pins the content of a directory that is not in a repository.
func (r *Directories) content(d *lock.Dependency, dir string) error {
	d.Time, d.Why = r.Time, "content of localpath"
	return r.pack(d, func(w io.Writer) (sourcetar.Result, error) {
		return sourcetar.WriteFolder(w, dir, sourcetar.Options{Exclude: d.Exclude})
	})
}

// head pins a repository's HEAD or, if AllowDirty is set and they differ, its directory.
func (r *Directories) head(ctx context.Context, d *lock.Dependency, repo *gitsource.Repo, dir string) error {
	var err error
	if d.Time, err = repo.Time(ctx); err != nil {
		return err
	}
	d.Local.Commit, d.Why = repo.Commit, "HEAD of localpath"
	changed, err := repo.Dirty(ctx)
	if err != nil {
		return err
	}
	if len(changed) == 0 {
		_, err := r.Trees.put(ctx, repo, d)
		return err
	}
	if !r.AllowDirty {
		err := fmt.Errorf("localpath: %q has uncommitted changes: %s", dir, some(changed))
		return hint.With(err, "commit or stash them, or pass --allow-dirty to pin the directory as it is: such a release is never published")
	}
	d.Local.Dirty, d.Why = true, "content of localpath, which differs from HEAD"
	r.Note(d.Name, fmt.Sprintf("%q has uncommitted changes, which are pinned too: %s", dir, some(changed)))
	names, err := repo.WorktreeFiles(ctx)
	if err != nil {
		return err
	}
	return r.pack(d, func(w io.Writer) (sourcetar.Result, error) {
		return sourcetar.WriteFiles(w, dir, names, sourcetar.Options{Exclude: d.Exclude})
	})
}

// pack adds the tar that write writes to the store.
func (r *Directories) pack(d *lock.Dependency, write func(io.Writer) (sourcetar.Result, error)) error {
	sum, err := r.Trees.Store.PutStream(func(w io.Writer) error {
		result, err := write(w)
		d.Size = result.Size
		return err
	})
	d.Digest = string(sum)
	return err
}

// some lists paths, but only the first of many.
func some(paths []string) string {
	const most = 3
	var quoted []string
	for _, p := range paths[:min(len(paths), most)] {
		quoted = append(quoted, strconv.Quote(p))
	}
	text := strings.Join(quoted, ", ")
	if more := len(paths) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func equalJSON(a, b any) bool {
	x, errA := jsonfile.Marshal(a)
	y, errB := jsonfile.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
