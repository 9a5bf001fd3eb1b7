package github

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Apply implements [publish.Destination]. Processes that publish to one directory at the same
// time write one after the other.
func (d *directory) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if d.tree == nil {
		return errNoTree
	}
	if report == nil {
		report = func(publish.Progress) {}
	}
	if len(items) == 0 {
		return ctx.Err()
	}
	apply := d.upload
	if phase == publish.Reveal {
		apply = d.reveal
	}
	if err := apply(ctx, items); err != nil {
		return fmt.Errorf("writing GitHub release %q to %q: %w", d.cfg.Tag, d.dir, err)
	}
	for _, item := range items {
		d.complete(&item)
		report(publish.Progress{Done: &item})
	}
	return nil
}

// locked calls f while no other process writes to the directory.
func (d *directory) locked(f func() error) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	unlock, err := filelock.Lock(filepath.Join(d.dir, lockFile))
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// upload adds assets to the draft, after a check that none was altered.
func (d *directory) upload(ctx context.Context, items []publish.Item) error {
	err := parallel.DoAll(ctx, len(items), d.cfg.Jobs, func(ctx context.Context, i int) error {
		return d.check(ctx, items[i].Path)
	})
	if err != nil {
		return err
	}
	return d.locked(func() error { return d.addAssets(items) })
}

func (d *directory) addAssets(items []publish.Item) error {
	r, err := d.read(d.file(d.cfg.Tag))
	if err != nil {
		return err
	}
	if r == nil {
		draft := d.want
		draft.Draft, draft.Assets = true, nil
		r, d.guard = &draft, draft.guard()
	}
	there, changed := r.byName(), false
	for i := range d.assets {
		a := d.assets[i].record()
		was, ok := there[a.Name]
		switch {
		case r.Tag != d.cfg.Tag:
			return fmt.Errorf("got release %q: %w", r.Tag, publish.ErrChanged)
		case was == a, !slices.ContainsFunc(items, func(item publish.Item) bool { return item.Path == d.assets[i].Path }):
			continue
		case ok || !r.Draft:
			return fmt.Errorf("asset %q: got %q in a release with draft %v, want %s: %w", a.Name, was.Digest, r.Draft, a.Digest, publish.ErrChanged)
		}
		r.Assets, changed = append(r.Assets, a), true
	}
	slices.SortFunc(r.Assets, func(a, b recordAsset) int { return strings.Compare(a.Name, b.Name) })
	if !changed {
		return nil
	}
	return jsonfile.Write(d.file(d.cfg.Tag), r)
}

// check checks that a file is what the release says.
func (d *directory) check(ctx context.Context, path string) error {
	err := d.tree.CheckFile(ctx, path)
	if err != nil && ctx.Err() == nil {
		err = hint.With(err, "build the release again: tools/bazel build //release:all")
	}
	return err
}

// reveal publishes the draft and makes it the latest release, as the items say.
func (d *directory) reveal(ctx context.Context, items []publish.Item) error {
	return d.locked(func() error {
		found, err := d.latest()
		if err != nil {
			return err
		}
		for _, item := range items { // before anything is written
			if item.Kind == kindAlias && found != item.Guard && found != d.cfg.Tag {
				return fmt.Errorf("latest: got %q, want %q: %w", found, item.Guard, publish.ErrChanged)
			}
		}
		for _, item := range items {
			switch {
			case item.Kind == kindRelease:
				err = d.revealRelease(ctx, item)
			case found != d.cfg.Tag:
				err = d.revealLatest()
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *directory) revealRelease(ctx context.Context, item publish.Item) error {
	r, err := d.read(d.file(d.cfg.Tag))
	if err != nil {
		return err
	}
	_, diff := d.planAssets(r)
	state := d.planRelease(r, diff)
	switch want := cmp.Or(item.Guard, d.guard); {
	case state.State == publish.Equal:
		return nil
	case r == nil:
		return fmt.Errorf("no draft: %w", publish.ErrChanged)
	case state.State == publish.Conflict || diff.String() != "":
		return fmt.Errorf("got %s %s: %w", cmp.Or(state.Found, "draft"), diff, publish.ErrChanged)
	case want != "" && r.guard() != want:
		return fmt.Errorf("got %s, want %s: %w", r.guard(), want, publish.ErrChanged)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return jsonfile.Write(d.file(d.cfg.Tag), &d.want)
}

// revealLatest points latest to the release, which must be published.
func (d *directory) revealLatest() error {
	r, err := d.read(d.file(d.cfg.Tag))
	switch {
	case err != nil:
		return err
	case r == nil || r.Draft:
		return fmt.Errorf("latest: no published release %q: %w", d.cfg.Tag, publish.ErrChanged)
	}
	return fileio.WriteFile(filepath.Join(d.dir, latestFile), []byte(d.cfg.Tag), 0o644)
}
