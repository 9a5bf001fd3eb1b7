package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// The kinds of items.
const (
	kindAsset   = "asset"
	kindRelease = "release"
	kindObject  = "object"
	kindTag     = "git tag"
	kindAlias   = "alias" // latest
)

// errNoTree is the error of a destination that can only verify.
var errNoTree = errors.New("planning: no release: this destination can only verify")

// Plan implements [publish.Destination].
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if d.tree == nil {
		return nil, errNoTree
	}
	f, err := d.find(ctx, d.cfg.Tag)
	if err != nil {
		return nil, err
	}
	there := map[string]asset{}
	if current := f.current(); current != nil {
		if there, err = d.list(ctx, current.ID); err != nil {
			return nil, err
		}
	}
	items, err := d.planAssets(ctx, f, there)
	if err != nil {
		return nil, err
	}
	last, err := d.planRelease(ctx, f, compareNames(items, there))
	if err != nil {
		return nil, err
	}
	latest, err := d.planLatest(ctx)
	return append(items, last, latest), err
}

func (d *destination) planAssets(ctx context.Context, f *found, there map[string]asset) ([]publish.Item, error) {
	items := make([]publish.Item, len(d.assets))
	err := parallel.DoAll(ctx, len(items), d.cfg.Jobs, func(ctx context.Context, i int) error {
		want := d.assets[i]
		item := publish.Item{
			Phase: publish.Upload, Kind: kindAsset, Name: d.assetURL(d.cfg.Tag, want.name), Path: want.Path,
			Digest: string(want.Digest), Size: want.Size, State: publish.Absent,
		}
		if a, ok := there[want.name]; ok {
			var err error
			if item.State, item.Found, err = d.compare(ctx, a, want.File); err != nil {
				return err
			}
			if item.State == publish.Equal {
				d.complete(&item, a, f.published != nil)
			}
		}
		if f.published != nil && item.State == publish.Absent {
			item.State, item.Found = publish.Conflict, "a published release without it"
		}
		items[i] = item
		return nil
	})
	return items, err
}

// complete sets an existing asset's version and URL. A draft's URL is temporary, so it sets
// the one after publication.
func (d *destination) complete(item *publish.Item, a asset, published bool) {
	item.State, item.Found, item.Version, item.URL = publish.Equal, "", strconv.FormatInt(a.ID, 10), item.Name
	if published && a.URL != "" {
		item.URL = a.URL
	}
}

// differences are the differences between existing and wanted assets.
type differences struct {
	missing []string // or different
	strange []string // not wanted
}

func compareNames(items []publish.Item, there map[string]asset) differences {
	var d differences
	wanted := map[string]bool{}
	for _, item := range items {
		name := path.Base(item.Name)
		wanted[name] = true
		if item.State != publish.Equal {
			d.missing = append(d.missing, name)
		}
	}
	for name := range there {
		if !wanted[name] {
			d.strange = append(d.strange, name)
		}
	}
	slices.Sort(d.strange)
	return d
}

// String describes the differences for people; empty if there are none.
func (d differences) String() string {
	var parts []string
	if len(d.missing) > 0 {
		parts = append(parts, "without the release's "+strings.Join(d.missing, ", "))
	}
	if len(d.strange) > 0 {
		parts = append(parts, "with extra "+strings.Join(d.strange, ", "))
	}
	return strings.Join(parts, " and ")
}

// planRelease returns the item that publishes the draft.
func (d *destination) planRelease(ctx context.Context, f *found, diff differences) (publish.Item, error) {
	item := publish.Item{Phase: publish.Reveal, Kind: kindRelease, Name: d.releaseURL(d.cfg.Tag), State: publish.Absent}
	t, err := d.c.tag(ctx, d.cfg.Owner, d.cfg.Repo, d.cfg.Tag)
	if err != nil {
		return item, err
	}
	want := d.want()
	item.Digest = string(want.sum())
	switch {
	case f.published != nil && diff.String() != "":
		item.State, item.Found = publish.Conflict, "published "+diff.String()
	case elsewhere(t, &want):
		item.State, item.Found = publish.Conflict, t.String()
	case f.published != nil && f.published.other(t, &want) != "":
		item.State, item.Found = publish.Conflict, "published with "+f.published.other(t, &want)
	case f.published != nil:
		d.completeRelease(&item, f.published)
	case len(f.drafts) > 1:
		item.State, item.Found = publish.Conflict, f.several()
	case len(f.drafts) == 1 && len(diff.strange) > 0:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("draft %d %s", f.drafts[0].ID, differences{strange: diff.strange})
	case len(f.drafts) == 1:
		item.State, item.Found, item.Guard = publish.Behind, d.describe(&f.drafts[0]), f.drafts[0].guard()
	}
	if t.object == "" && isCommit(d.cfg.Commit) {
		return item, d.c.checkCommit(ctx, d.cfg.Owner, d.cfg.Repo, d.cfg.Commit)
	}
	return item, nil
}

// want returns the wanted release. Without a commit, any will do.
func (d *destination) want() record {
	r := d.cfg.record(d.assets)
	if !isCommit(r.Commit) {
		r.Commit = ""
	}
	return r
}

// elsewhere reports whether a tag exists on another commit than the wanted release's.
func elsewhere(t tagged, want *record) bool {
	return t.object != "" && want.Commit != "" && t.commit != want.Commit
}

// record returns the release without its assets. The commit is the tag's; the release's
// target counts only if the tag does not exist or is not visible yet.
func (h *hosted) record(t tagged) record {
	r := record{Tag: h.Tag, Title: h.Title, Notes: h.Notes, Prerelease: h.Prerelease, Commit: t.commit}
	if t.object == "" && isCommit(h.Commit) {
		r.Commit = h.Commit
	}
	return r
}

// other is other of the release's record.
func (h *hosted) other(t tagged, want *record) string {
	r := h.record(t)
	if want.Commit == "" {
		r.Commit = ""
	}
	return r.other(want)
}

// describe describes a draft, and whether it has to be changed.
func (d *destination) describe(h *hosted) string {
	s := fmt.Sprintf("draft %d", h.ID)
	if h.Title != d.cfg.Title || h.Notes != d.cfg.Notes || h.Prerelease != d.cfg.Prerelease {
		s += " with another title or other notes"
	}
	return s
}

// isCommit reports whether s is a commit and not a branch.
func isCommit(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func (d *destination) completeRelease(item *publish.Item, h *hosted) {
	item.State, item.Found, item.Guard = publish.Equal, "", ""
	item.Version, item.URL = strconv.FormatInt(h.ID, 10), cmp.Or(h.URL, item.Name)
}
