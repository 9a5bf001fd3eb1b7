package resolve

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/resolve"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/toolchain"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

// session has the resolvers, with the store, the pinned go command and the user's git.
type session struct {
	args resolve.Args
	git  *resolve.Git
	done func() // removes temporary files
}

func (o *options) session(m *manifest.Manifest, old *lock.Lock, board *progress.Board) (*session, error) {
	dir := o.store
	if dir == "" {
		var err error
		if dir, err = store.DefaultDir(os.Getenv); err != nil {
			return nil, err
		}
	}
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	pins, err := toolchain.Lock(o.root)
	if err != nil {
		return nil, err
	}
	directoryTime, err := sourceDateEpoch(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return nil, err
	}
	targets, err := platform.Targets(slices.Concat(m.Platforms, m.Architectures)...)
	if err != nil {
		return nil, err
	}
	product := cmp.Or(m.Product, filepath.Base(filepath.Dir(o.manifest)))
	uses, err := resolve.ReadUses(filepath.Join(o.root, "release", product), product)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "resolve-*")
	if err != nil {
		return nil, err
	}
	var n atomic.Int64
	newGo := func(name string) (*gomod.Go, func()) {
		dir := filepath.Join(scratch, strconv.FormatInt(n.Add(1), 10))
		steps := board.Steps(name)
		return &gomod.Go{
				Command: o.goCmd, Store: s, Cache: filepath.Join(dir, "modcache"), Platforms: targets,
				OwnSums: m.RefuseMissingSums, Progress: steps.Update, Log: board.Linef,
			}, func() {
				steps.Done()
				os.RemoveAll(dir)
			}
	}
	base := filepath.Dir(o.manifest)
	kept := &resolve.Kept{Lock: old, SameBuild: old != nil && reflect.DeepEqual(old.Toolchain, pins) && sameTargets(old, targets), OwnSums: m.RefuseMissingSums, Update: o.update.has}
	modules := &resolve.Modules{Go: newGo, Store: s, Kept: kept}
	trees := &resolve.Trees{Go: newGo, Store: s, Kept: kept}
	note := func(name, text string) { board.Linef("note: %s: %s", name, text) }
	client := func(name string) (*gitsource.Client, func()) {
		task := board.Task(name)
		return &gitsource.Client{
			Dir: base, Scratch: scratch,
			Progress: func(p gitsource.Progress) { task.Update(p.Bytes, 0) },
			Log:      func(line string) { note(name, line) },
		}, task.Done
	}
	git := &resolve.Git{Trees: trees, Client: client, Kept: kept, Note: note}
	directories := &resolve.Directories{Trees: trees, Base: base, Time: directoryTime, AllowDirty: o.allowDirty, Note: note}
	files := &resolve.Files{Store: s, Kept: kept, Get: func(ctx context.Context, url string) (io.ReadCloser, error) {
		return download.Get(ctx, download.Args{URL: url})
	}}
	images := &resolve.Images{Kept: kept, Args: baseimage.Args{
		Dir: base, Store: s, Keychain: authn.DefaultKeychain, Progress: board.Linef,
	}}
	return &session{
		args: resolve.Args{
			Manifest:  m,
			Product:   product,
			Uses:      uses,
			Toolchain: pins,
			Progress:  board.Linef,
			Resolvers: resolve.Resolvers{
				Module: modules, Local: directories, Git: git, Files: files.Resolve, Images: images.Resolve,
				Open: func(d *lock.Dependency) (*resolve.Source, error) {
					if d.Module != nil {
						return modules.Open(d)
					}
					return trees.Open(d)
				},
			},
		},
		git:  git,
		done: func() { os.RemoveAll(scratch) },
	}, nil
}

// sameTargets reports whether a lock was resolved for the same platforms.
func sameTargets(l *lock.Lock, targets []platform.Platform) bool {
	old, err := platform.Targets(slices.Concat(l.Platforms, l.Architectures)...)
	return err == nil && slices.Equal(old, targets)
}

// sourceDateEpoch parses SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/). Unset, it is the
// earliest time that a zip archive can hold.
func sourceDateEpoch(s string) (time.Time, error) {
	if s == "" {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("parsing SOURCE_DATE_EPOCH %q: want seconds since 1970", s)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
