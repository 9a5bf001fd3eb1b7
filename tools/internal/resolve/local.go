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

// Directories resolves directories of this machine: of a git repository it pins HEAD, of
// any other directory the content.
type Folders struct {
	Trees *Trees
	Base  string // the manifest's directory
	// Time stands for the commit time that a directory has not.
	Time time.Time
	// AllowDirty has what is in a repository's directory pinned where that is not HEAD.
	AllowDirty bool
	Note       func(name, text string)
}

// Resolve implements Resolver.
func (r *Folders) Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error) {
	dir := ask.LocalPath
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(r.Base, filepath.FromSlash(dir))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("localpath: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("localpath: %q is no directory", dir)
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

// content pins what is in a plain directory.
func (r *Folders) content(d *lock.Dependency, dir string) error {
	d.Time, d.Why = r.Time, "content of localpath"
	return r.pack(d, func(w io.Writer) (sourcetar.Result, error) {
		return sourcetar.WriteFolder(w, dir, sourcetar.Options{Exclude: d.Exclude})
	})
}

// head pins a repository's HEAD, or what is in its directory where that differs and may.
func (r *Folders) head(ctx context.Context, d *lock.Dependency, repo *gitsource.Repo, dir string) error {
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
		err := fmt.Errorf("localpath: %q is not what was committed: %s", dir, some(changed))
		return hint.With(err, "commit, or stash; with --allow-dirty the directory is pinned as it is, and such a release is never published")
	}
	d.Local.Dirty, d.Why = true, "content of localpath, which is not HEAD"
	r.Note(d.Name, fmt.Sprintf("pinned as it is in %q, which is not what was committed: %s", dir, some(changed)))
	names, err := repo.WorktreeFiles(ctx)
	if err != nil {
		return err
	}
	return r.pack(d, func(w io.Writer) (sourcetar.Result, error) {
		return sourcetar.WriteFiles(w, dir, names, sourcetar.Options{Exclude: d.Exclude})
	})
}

// pack keeps the tar that write writes.
func (r *Folders) pack(d *lock.Dependency, write func(io.Writer) (sourcetar.Result, error)) error {
	sum, err := r.Trees.Store.PutStream(func(w io.Writer) error {
		result, err := write(w)
		d.Size = result.Size
		return err
	})
	d.Digest = string(sum)
	return err
}

// some names the first of many paths.
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
