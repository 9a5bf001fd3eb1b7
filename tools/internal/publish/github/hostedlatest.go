package github

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// latest returns the repository's latest release; its ID is 0 if there is none. GitHub's
// answers may be outdated: after this destination has moved latest, it repeats a request that
// returns the previous one.
func (d *destination) latest(ctx context.Context) (*hosted, error) {
	var h hosted
	err := d.c.repeat(ctx, func() error {
		h = hosted{}
		_, err := d.c.call(ctx, http.MethodGet, d.path("releases/latest"), nil, &h)
		if err != nil && !hasStatus(err, http.StatusNotFound) {
			return about(err, d.repo, "reading the latest release")
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.moved != nil && h.latestGuard() == *d.moved {
			err := fmt.Errorf("got the latest release %q, want %q, which was just made the latest", h.Tag, d.cfg.Tag)
			return &requestError{hint.With(err, "GitHub's answers can be outdated: run again in a minute")}
		}
		return nil
	})
	return &h, err
}

// latestGuard identifies the latest release; it is empty if there is none.
func (h *hosted) latestGuard() string {
	if h.ID == 0 {
		return ""
	}
	return strconv.FormatInt(h.ID, 10)
}

// movedLatest records the latest release before this destination moved it.
func (d *destination) movedLatest(guard string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved = &guard
}

func (d *destination) planLatest(ctx context.Context) (publish.Item, error) {
	h, err := d.latest(ctx)
	if err != nil {
		return publish.Item{}, err
	}
	item, err := d.cfg.latestItem(d.latestURL(), h.Tag, d.tree.Lock.Time, d.timeOf(ctx))
	switch item.State {
	case publish.Behind:
		item.Guard = h.latestGuard()
	case publish.Equal:
		item.URL = item.Name
	}
	return item, err
}

// checkLatest returns the latest release if it is what the plan saw, or already the one to
// publish.
func (d *destination) checkLatest(ctx context.Context, guard string) (*hosted, error) {
	h, err := d.latest(ctx)
	if err == nil && h.Tag != d.cfg.Tag && h.latestGuard() != guard {
		err = fmt.Errorf("the latest release: got %q: %w", h.Tag, publish.ErrChanged)
	}
	return h, err
}

// revealLatest makes the published release the latest one, unless the request that published
// the draft already did.
func (d *destination) revealLatest(ctx context.Context, item publish.Item) (publish.Item, error) {
	h, err := d.checkLatest(ctx, item.Guard)
	if err == nil && h.Tag != d.cfg.Tag {
		h, err = d.makeLatest(ctx, item)
	}
	if err != nil {
		return item, about(err, d.repo, "making release %q the latest", d.cfg.Tag)
	}
	item.State, item.Found, item.Guard, item.Version, item.URL = publish.Equal, "", "", h.Tag, item.Name
	return item, nil
}

func (d *destination) makeLatest(ctx context.Context, item publish.Item) (*hosted, error) {
	h, err := d.lookUp(ctx, d.cfg.Tag)
	switch {
	case err != nil:
		return nil, err
	case h == nil || h.Draft:
		return nil, fmt.Errorf("no published release: %w", publish.ErrChanged)
	}
	err = d.c.repeat(ctx, func() error {
		change := struct {
			Latest string `json:"make_latest"`
		}{"true"}
		_, err := d.c.call(ctx, http.MethodPatch, d.path("releases/%d", h.ID), change, &hosted{})
		return err
	})
	if err != nil {
		return nil, err
	}
	d.movedLatest(item.Guard)
	return d.checkLatest(ctx, item.Guard)
}

// timeOf returns the time of a release's commit, from its lock or from the commit that GitHub
// tagged.
func (d *destination) timeOf(ctx context.Context) timeOf {
	return func(tag string) (time.Time, error) {
		h, err := d.lookUp(ctx, tag)
		if h == nil {
			return time.Time{}, err
		}
		l, err := d.lock(ctx, h.ID)
		if l == nil {
			return h.Created, err
		}
		return l.Time, nil
	}
}

// lock returns the lock among a release's assets, or nil.
func (d *destination) lock(ctx context.Context, id int64) (*lock.Lock, error) {
	there, err := d.list(ctx, id)
	if err != nil {
		return nil, err
	}
	a, ok := there[release.LockFile]
	if !ok || !a.finished() || a.Size > jsonfile.MaxSize {
		return nil, nil
	}
	var data []byte
	err = d.c.repeat(ctx, func() error {
		body, err := d.c.content(ctx, d.path("releases/assets/%d", a.ID))
		if err != nil {
			return err
		}
		defer body.Close()
		data, err = io.ReadAll(io.LimitReader(body, jsonfile.MaxSize))
		return err
	})
	if err != nil {
		return nil, about(err, d.repo, "downloading asset %q", a.Name)
	}
	l, err := lock.Parse(a.Name, data)
	if err != nil {
		return nil, nil // another file with that name
	}
	return l, nil
}

// verifyLatest verifies the item of latest.
func (d *destination) verifyLatest(ctx context.Context, item publish.Item) error {
	found, err := d.latest(ctx)
	if err == nil {
		err = verifyLatest(item, found.Tag, d.timeOf(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", item.Kind, item.Name, err)
	}
	return nil
}
