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

// What the kinds of items are called.
const (
	kindAsset   = "asset"
	kindRelease = "release"
	kindObject  = "object"
	kindTag     = "git tag"
	kindAlias   = "alias" // latest
)

// errNoTree is the error of a destination that was made to verify only.
var errNoTree = errors.New("planning without a release: it was opened to be verified only")

// Plan is that of publish.Destination.
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

// complete sets what an asset that is there is called. A draft's has no URL that
// would last: it gets the one that it is going to have.
func (d *destination) complete(item *publish.Item, a asset, published bool) {
	item.State, item.Found, item.Version, item.URL = publish.Equal, "", strconv.FormatInt(a.ID, 10), item.Name
	if published && a.URL != "" {
		item.URL = a.URL
	}
}

// differences are how the assets that are there differ from those that are to be.
type differences struct {
	missing []string // or other ones
	strange []string // too many
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

// String is for people, and empty if there are none.
func (d differences) String() string {
	var parts []string
	if len(d.missing) > 0 {
		parts = append(parts, "without this "+strings.Join(d.missing, ", "))
	}
	if len(d.strange) > 0 {
		parts = append(parts, "with also "+strings.Join(d.strange, ", "))
	}
	return strings.Join(parts, " and ")
}

// planRelease plans what publishes the draft.
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

// want returns the release that is to be. Where it names no commit, any will do.
func (d *destination) want() record {
	r := d.cfg.record(d.assets)
	if !isCommit(r.Commit) {
		r.Commit = ""
	}
	return r
}

// elsewhere reports whether a tag is there, and not on the commit of the release
// that is to be.
func elsewhere(t tagged, want *record) bool {
	return t.object != "" && want.Commit != "" && t.commit != want.Commit
}

// record returns what a release is, but for its assets. People see its tag's commit;
// its target counts only while the tag is not there, or cannot be seen yet.
func (h *hosted) record(t tagged) record {
	r := record{Tag: h.Tag, Title: h.Title, Notes: h.Notes, Prerelease: h.Prerelease, Commit: t.commit}
	if t.object == "" && isCommit(h.Commit) {
		r.Commit = h.Commit
	}
	return r
}

// other is that of the release's record.
func (h *hosted) other(t tagged, want *record) string {
	r := h.record(t)
	if want.Commit == "" {
		r.Commit = ""
	}
	return r.other(want)
}

// describe says what a draft is, and that it is to become another one.
func (d *destination) describe(h *hosted) string {
	s := fmt.Sprintf("draft %d", h.ID)
	if h.Title != d.cfg.Title || h.Notes != d.cfg.Notes || h.Prerelease != d.cfg.Prerelease {
		s += " with another title or other notes"
	}
	return s
}

// isCommit says that s is no branch's name.
func isCommit(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func (d *destination) completeRelease(item *publish.Item, h *hosted) {
	item.State, item.Found, item.Guard = publish.Equal, "", ""
	item.Version, item.URL = strconv.FormatInt(h.ID, 10), cmp.Or(h.URL, item.Name)
}
