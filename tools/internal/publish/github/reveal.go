package github

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// reveal publishes the draft, and makes it the latest release if latest is not nil. GitHub
// has no precondition for that, so reveal compares the plan with the state right before.
func (d *destination) reveal(ctx context.Context, item publish.Item, latest *publish.Item) (publish.Item, error) {
	var done *hosted
	err := d.c.repeat(ctx, func() error {
		f, err := d.find(ctx, d.cfg.Tag)
		if err != nil {
			return err
		}
		h := f.current()
		if err := d.checkDraft(f, item.Guard); err != nil {
			return err
		}
		if err := d.checkComplete(ctx, h); err != nil {
			return err
		}
		if err := d.checkFields(ctx, h); err != nil {
			return err
		}
		if !h.Draft {
			done = h // published by somebody else, or by a request whose answer was lost
			return nil
		}
		done, err = d.publish(ctx, h.ID, latest)
		return err
	})
	if err != nil {
		return item, about(err, d.repo, "publishing release %q", d.cfg.Tag)
	}
	d.completeRelease(&item, done)
	return item, nil
}

// checkDraft compares the existing draft with the plan, or with the draft that upload
// created.
func (d *destination) checkDraft(f *found, guard string) error {
	d.mu.Lock()
	if guard == "" {
		guard = d.guard
	}
	d.mu.Unlock()
	switch {
	case f.published != nil:
		return nil // its assets are compared
	case len(f.drafts) > 1:
		return fmt.Errorf("got %s: %w", f.several(), publish.ErrChanged)
	case len(f.drafts) == 0:
		return fmt.Errorf("no draft: %w", publish.ErrChanged)
	case guard != "" && f.drafts[0].guard() != guard:
		return fmt.Errorf("draft: got %s, want %s: %w", f.drafts[0].guard(), guard, publish.ErrChanged)
	}
	return nil
}

// checkComplete checks that a release has all assets and no others.
func (d *destination) checkComplete(ctx context.Context, h *hosted) error {
	there, err := d.list(ctx, h.ID)
	if err != nil {
		return err
	}
	items, err := d.planAssets(ctx, &found{drafts: []hosted{*h}}, there)
	if err != nil {
		return err
	}
	if diff := compareNames(items, there).String(); diff != "" {
		return fmt.Errorf("got release %d %s: %w", h.ID, diff, publish.ErrChanged)
	}
	return nil
}

// checkFields checks that the tag is not on another commit, and that a published release has
// the wanted fields.
func (d *destination) checkFields(ctx context.Context, h *hosted) error {
	t, err := d.c.tag(ctx, d.cfg.Owner, d.cfg.Repo, d.cfg.Tag)
	if err != nil {
		return err
	}
	want := d.want()
	switch {
	case elsewhere(t, &want):
		return fmt.Errorf("got %s, want commit %s: %w", t, want.Commit, publish.ErrChanged)
	case !h.Draft && h.other(t, &want) != "":
		return fmt.Errorf("got it published with %s: %w", h.other(t, &want), publish.ErrChanged)
	}
	return nil
}

// publish publishes a draft. It becomes the latest release only if latest is not nil:
// GitHub's default is that every release does.
func (d *destination) publish(ctx context.Context, id int64, latest *publish.Item) (*hosted, error) {
	change := d.request(false)
	change.Latest = fmt.Sprint(latest != nil)
	if latest != nil {
		if _, err := d.checkLatest(ctx, latest.Guard); err != nil {
			return nil, err
		}
	}
	var h hosted
	_, err := d.c.call(ctx, http.MethodPatch, d.path("releases/%d", id), change, &h)
	switch {
	case hasStatus(err, http.StatusUnprocessableEntity):
		return nil, &requestError{err} // it may have been replaced
	case err != nil:
		return nil, err
	case h.ID != id || h.Draft || h.Tag != d.cfg.Tag:
		return nil, fmt.Errorf("got release %d of tag %q, draft %v, want release %d of tag %q", h.ID, h.Tag, h.Draft, id, d.cfg.Tag)
	}
	if latest != nil {
		d.movedLatest(latest.Guard)
	}
	return &h, nil
}
