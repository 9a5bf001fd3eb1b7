package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Verify implements [publish.Destination]. Assets may be in a draft; a release must be
// published.
func (d *destination) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	byTag := map[string][]publish.Item{}
	var errs []error
	for _, item := range items {
		if item.Kind == kindAlias && item.Name == d.latestURL() {
			errs = append(errs, d.verifyLatest(ctx, item))
			continue
		}
		tag, err := d.tagOf(item.Name)
		if err != nil {
			return err
		}
		byTag[tag] = append(byTag[tag], item)
	}
	for tag, items := range byTag {
		errs = append(errs, d.verifyTag(ctx, tag, items, deep))
	}
	return publish.JoinSorted(errs)
}

// tagOf returns the tag in an item's name.
func (d *destination) tagOf(name string) (string, error) {
	rest, ok := strings.CutPrefix(name, d.c.web+"/"+d.repo+"/releases/")
	kind, rest, _ := strings.Cut(rest, "/")
	tag, file, _ := strings.Cut(rest, "/")
	tag, err := url.PathUnescape(tag)
	if !ok || err != nil || tag == "" || kind != "tag" && kind != "download" || (kind == "download") != (file != "") {
		return "", fmt.Errorf("item %q: want one below %s", name, d.c.web+"/"+d.repo+"/releases/")
	}
	return tag, nil
}

func (d *destination) verifyTag(ctx context.Context, tag string, items []publish.Item, deep bool) error {
	h, err := d.lookUp(ctx, tag)
	if err != nil {
		return err
	}
	there := map[string]asset{}
	if h != nil {
		if there, err = d.list(ctx, h.ID); err != nil {
			return err
		}
	}
	errs := parallel.Do(len(items), d.cfg.Jobs, func(i int) error {
		item := items[i]
		var err error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case h == nil:
			err = errors.New("got no release, want one")
		case item.Kind == kindRelease:
			err = d.verifyRelease(ctx, item, h, withDigests(there, items))
		default:
			err = d.verifyAsset(ctx, item, there, deep)
		}
		if err != nil {
			err = fmt.Errorf("%s %q: %w", item.Kind, item.Name, err)
		}
		return err
	})
	return publish.JoinSorted(errs)
}

// lookUp returns the published release of a tag, otherwise its draft, otherwise nil.
func (d *destination) lookUp(ctx context.Context, tag string) (*hosted, error) {
	var h hosted
	_, err := d.c.call(ctx, http.MethodGet, d.path("releases/tags/%s", url.PathEscape(tag)), nil, &h)
	switch {
	case err == nil:
		return &h, nil
	case !hasStatus(err, http.StatusNotFound):
		return nil, about(err, d.repo, "reading release %q", tag)
	}
	f, err := d.find(ctx, tag)
	if err != nil {
		return nil, err
	}
	return f.current(), nil
}

// withDigests returns the existing assets. If the server has no digests, they get those of
// the items, which are compared one by one.
func withDigests(there map[string]asset, items []publish.Item) map[string]asset {
	all := maps.Clone(there)
	for _, item := range items {
		name := path.Base(item.Name)
		if a, ok := all[name]; ok && item.Kind == kindAsset && a.Digest == "" {
			a.Digest = digest.Digest(item.Digest)
			all[name] = a
		}
	}
	return all
}

// verifyRelease checks that a release is published and has the same fields and the same set
// of assets.
func (d *destination) verifyRelease(ctx context.Context, item publish.Item, h *hosted, there map[string]asset) error {
	if h.Draft {
		return errors.New("got a draft, want a published release")
	}
	t, err := d.c.tag(ctx, d.cfg.Owner, d.cfg.Repo, h.Tag)
	if err != nil {
		return err
	}
	got := h.record(t)
	for name, a := range there {
		if !a.finished() {
			return fmt.Errorf("asset %q: got state %q, want uploaded", name, a.State)
		}
		got.Assets = append(got.Assets, recordAsset{name, a.Size, a.Digest, a.Type})
	}
	slices.SortFunc(got.Assets, func(a, b recordAsset) int { return strings.Compare(a.Name, b.Name) })
	anywhere := got
	if anywhere.Commit = ""; string(anywhere.sum()) == item.Digest {
		return nil // published without a commit
	}
	return got.verify(item.Digest)
}

func (d *destination) verifyAsset(ctx context.Context, item publish.Item, there map[string]asset, deep bool) error {
	a, ok := there[path.Base(item.Name)]
	switch {
	case !ok:
		return errors.New("got none, want one")
	case !a.finished():
		return fmt.Errorf("got state %q, want uploaded", a.State)
	case a.Size != item.Size:
		return fmt.Errorf("got %d bytes, want %d", a.Size, item.Size)
	case a.Type != mediaType(a.Name):
		return fmt.Errorf("content type: got %q, want %q", a.Type, mediaType(a.Name))
	case a.Digest == "" && !deep:
		return nil // the server has no digests: only compare the size
	}
	got, err := d.sum(ctx, a, deep)
	if err == nil && string(got) != item.Digest {
		err = fmt.Errorf("sha256: got %s, want %s", cmp.Or(string(got), "none"), item.Digest)
	}
	return err
}

// sum returns the digest of an asset's content: from the server, unless it has none or deep
// is true; otherwise from the content, which is read once.
func (d *destination) sum(ctx context.Context, a asset, deep bool) (digest.Digest, error) {
	if a.Digest != "" && !deep {
		return a.Digest, nil
	}
	d.mu.Lock()
	sum, ok := d.sums[a.ID]
	d.mu.Unlock()
	if ok && !deep {
		return sum, nil
	}
	err := d.c.repeat(ctx, func() (err error) {
		sum, err = d.download(ctx, a)
		return err
	})
	if err != nil {
		return "", about(err, d.repo, "downloading asset %q", a.Name)
	}
	d.mu.Lock()
	d.sums[a.ID] = sum
	d.mu.Unlock()
	return sum, nil
}

// download reads an asset and hashes it.
func (d *destination) download(ctx context.Context, a asset) (digest.Digest, error) {
	body, err := d.c.content(ctx, d.path("releases/assets/%d", a.ID))
	if err != nil {
		return "", err
	}
	defer body.Close()
	sum, n, err := digest.FromReader(io.LimitReader(body, a.Size+1))
	if err == nil && n > a.Size {
		err = fmt.Errorf("got more than the %d bytes listed", a.Size)
	}
	return sum, err
}

// maxSignature limits the size of a signature that is read, in bytes.
const maxSignature = 64 << 20

// Signatures implements [publish.Keeper].
func (d *destination) Signatures(ctx context.Context, version string, i publish.Item) ([][]byte, error) {
	name := path.Base(i.Path)
	if name != i.Path {
		return nil, nil // not an asset
	}
	h, err := d.lookUp(ctx, cmp.Or(d.cfg.Tag, version))
	if err != nil || h == nil {
		return nil, err
	}
	there, err := d.list(ctx, h.ID)
	if err != nil {
		return nil, err
	}
	a, ok := there[name]
	if !ok || !a.finished() || a.Size > maxSignature {
		return nil, nil
	}
	var data []byte
	err = d.c.repeat(ctx, func() error {
		body, err := d.c.content(ctx, d.path("releases/assets/%d", a.ID))
		if err != nil {
			return err
		}
		defer body.Close()
		data, err = io.ReadAll(io.LimitReader(body, maxSignature))
		return err
	})
	if err != nil {
		return nil, about(err, d.repo, "downloading asset %q", a.Name)
	}
	return [][]byte{data}, nil
}
