package github

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// releaseRequest creates or changes a release
// (https://docs.github.com/en/rest/releases/releases#create-a-release).
type releaseRequest struct {
	Tag        string `json:"tag_name"`
	Commit     string `json:"target_commitish,omitempty"`
	Title      string `json:"name"`
	Notes      string `json:"body"`
	Draft      bool   `json:"draft"`
	Prerelease bool   `json:"prerelease"`
	Latest     string `json:"make_latest,omitempty"`
}

func (d *destination) request(draft bool) releaseRequest {
	return releaseRequest{
		Tag: d.cfg.Tag, Commit: d.cfg.Commit, Title: d.cfg.Title, Notes: d.cfg.Notes, Draft: draft, Prerelease: d.cfg.Prerelease,
	}
}

// Apply implements [publish.Destination].
func (d *destination) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	switch {
	case d.tree == nil:
		return errNoTree
	case len(items) == 0:
		return nil
	case phase == publish.Upload:
		return d.upload(ctx, items, report)
	}
	return d.revealAll(ctx, items, report)
}

// revealAll reveals the items in order.
func (d *destination) revealAll(ctx context.Context, items []publish.Item, report publish.Report) error {
	var latest *publish.Item
	for i := range items {
		if items[i].Kind == kindAlias {
			latest = &items[i]
		}
	}
	for _, item := range items {
		var err error
		if item.Kind == kindAlias {
			item, err = d.revealLatest(ctx, item)
		} else {
			item, err = d.reveal(ctx, item, latest)
		}
		if err != nil {
			return err
		}
		report(publish.Progress{Done: &item})
	}
	return nil
}

// upload sends assets to the draft, which it creates if needed, and compares the result.
func (d *destination) upload(ctx context.Context, items []publish.Item, report publish.Report) error {
	h, err := d.ensureDraft(ctx)
	if err != nil {
		return err
	}
	there, err := d.list(ctx, h.ID)
	if err != nil {
		return err
	}
	u := &uploader{d: d, release: h, report: report}
	if h.Draft {
		if u.url, err = d.c.trustUploads(h.UploadURL); err != nil {
			return about(err, d.repo, "uploading to release %d", h.ID)
		}
	}
	err = parallel.DoAll(ctx, len(items), d.cfg.Jobs, func(ctx context.Context, i int) error {
		a, ok := there[path.Base(items[i].Name)]
		return u.put(ctx, items[i], a, ok)
	})
	if err != nil {
		return err
	}
	return d.readBack(ctx, h.ID, items)
}

// readBack lists the assets again and compares them.
func (d *destination) readBack(ctx context.Context, id int64, items []publish.Item) error {
	there, err := d.list(ctx, id)
	if err != nil {
		return err
	}
	for _, item := range items {
		want, _ := d.tree.Find(item.Path)
		a, ok := there[path.Base(item.Name)]
		if !ok {
			return fmt.Errorf("asset %q: it was sent, but the server does not have it", item.Name)
		}
		state, got, err := d.compare(ctx, a, want)
		if err != nil {
			return err
		}
		if state != publish.Equal {
			return fmt.Errorf("asset %q: it was sent, but the server has %s, want %s", item.Name, cmp.Or(got, a.State), want.Digest)
		}
	}
	return nil
}

// ensureDraft returns the release of the tag: a draft, or one that somebody has published
// since the plan.
func (d *destination) ensureDraft(ctx context.Context) (*hosted, error) {
	var h *hosted
	err := d.c.repeat(ctx, func() error {
		f, err := d.find(ctx, d.cfg.Tag)
		switch {
		case err != nil:
			return err
		case f.published == nil && len(f.drafts) > 1:
			return about(fmt.Errorf("%s: %w", f.several(), publish.ErrChanged), d.repo, "uploading to release %q", d.cfg.Tag)
		case f.current() != nil:
			h = f.current()
			return nil
		}
		h = &hosted{}
		if _, err := d.c.call(ctx, http.MethodPost, d.path("releases"), d.request(true), h); err != nil {
			return about(err, d.repo, "creating the draft of release %q", d.cfg.Tag)
		}
		d.mu.Lock()
		d.draft, d.guard = h.ID, h.guard()
		d.mu.Unlock()
		h, err = d.oldest(ctx, h)
		return err
	})
	return h, err
}

// oldest returns the oldest draft of the tag. Another run may have made one at the same time as
// this run made h; then it deletes h, which has nothing in it yet.
func (d *destination) oldest(ctx context.Context, h *hosted) (*hosted, error) {
	f, err := d.find(ctx, d.cfg.Tag)
	if err != nil || f.published != nil || len(f.drafts) == 0 || f.drafts[0].ID == h.ID {
		return h, err
	}
	if _, err := d.c.call(ctx, http.MethodDelete, d.path("releases/%d", h.ID), nil, nil); err != nil && !hasStatus(err, http.StatusNotFound) {
		return h, about(err, d.repo, "deleting draft %d, which another run has made too", h.ID)
	}
	first := &f.drafts[0]
	d.mu.Lock()
	d.draft, d.guard = first.ID, first.guard()
	d.mu.Unlock()
	return first, nil
}

// An uploader sends assets to one release.
type uploader struct {
	d       *destination
	release *hosted
	url     *url.URL
	report  publish.Report
}

// put uploads an asset. If ok is true, there is the existing one.
func (u *uploader) put(ctx context.Context, item publish.Item, there asset, ok bool) error {
	want, _ := u.d.tree.Find(item.Path)
	first := true
	err := u.d.c.repeat(ctx, func() (err error) {
		if !first {
			all, err := u.d.list(ctx, u.release.ID)
			if err != nil {
				return err
			}
			there, ok = all[path.Base(item.Name)]
		}
		first = false
		if !there.finished() && u.url != nil {
			if ok {
				err = u.removeUnfinished(ctx, there.ID)
			}
			if err == nil {
				there, err = u.send(ctx, item, want)
			}
			if err != nil {
				return err
			}
		}
		return u.settle(ctx, item, want, there)
	})
	if err != nil {
		return about(err, u.d.repo, "uploading asset %q", path.Base(item.Name))
	}
	return nil
}

// settle checks an existing asset.
func (u *uploader) settle(ctx context.Context, item publish.Item, want release.File, there asset) error {
	state, got, err := u.d.compare(ctx, there, want)
	switch {
	case err != nil:
		return err
	case state == publish.Equal:
		u.d.complete(&item, there, false)
		u.report(publish.Progress{Done: &item})
		return nil
	case state == publish.Conflict:
		return fmt.Errorf("got %s, want %s: %w", got, want.Digest, publish.ErrChanged)
	case u.url == nil:
		return fmt.Errorf("the release was published without it: %w", publish.ErrChanged)
	}
	return &requestError{fmt.Errorf("got state %q, want uploaded", there.State)} // try again
}

// removeUnfinished removes an interrupted upload. If it has been finished since, it stays,
// and sending finds the name taken.
func (u *uploader) removeUnfinished(ctx context.Context, id int64) error {
	var a asset
	_, err := u.d.c.call(ctx, http.MethodGet, u.d.path("releases/assets/%d", id), nil, &a)
	if err == nil && !a.finished() {
		_, err = u.d.c.call(ctx, http.MethodDelete, u.d.path("releases/assets/%d", id), nil, nil)
	}
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// send makes one attempt to upload a file and returns the asset.
func (u *uploader) send(ctx context.Context, item publish.Item, want release.File) (asset, error) {
	var a asset
	s := &sending{report: u.report, open: func() (io.ReadCloser, error) { return u.d.tree.Open(ctx, item.Path) }}
	body, err := s.next()
	if err != nil {
		return a, err
	}
	name := path.Base(item.Name)
	to := *u.url
	to.RawQuery = url.Values{"name": {name}}.Encode()
	req, err := u.d.c.newUpload(to.String(), body, want.Size, mediaType(name))
	if err != nil {
		body.Close()
		return a, err
	}
	req.GetBody = s.next
	_, err = u.d.c.do(ctx, req, &a)
	if reading := s.end(err == nil); reading != nil && ctx.Err() == nil {
		return a, hint.With(reading, "build the release again: tools/bazel build //release:all")
	}
	switch {
	case hasStatus(err, http.StatusUnprocessableEntity):
		return a, &requestError{err} // a lost answer, or somebody else's upload: check the list
	case err == nil && a.Name != name:
		return a, fmt.Errorf("GitHub named it %q", a.Name)
	}
	return a, err
}

// mediaType returns an asset's media type by its name, independent of this machine's
// configuration.
func mediaType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".gz", ".tgz":
		return "application/gzip"
	case ".xz":
		return "application/x-xz"
	case ".zst":
		return "application/zstd"
	case ".zip":
		return "application/zip"
	case ".json":
		return "application/json"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".sha256", ".txt", ".md":
		return mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"})
	default:
		if strings.HasSuffix(name, release.Checksums) {
			return mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"})
		}
		return "application/octet-stream"
	}
}

// A sending is one upload. A transport may request its body again.
type sending struct {
	open   func() (io.ReadCloser, error)
	report publish.Report

	mu      sync.Mutex
	current *sendingBody
	n       int64 // bytes read of the current body
	err     error // of reading the file
}

// next is an http.Request's GetBody. It ends the previous body.
func (s *sending) next() (io.ReadCloser, error) {
	r, err := s.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		return nil, err
	}
	s.takeBack()
	s.current = &sendingBody{s, r}
	return s.current, nil
}

func (s *sending) takeBack() {
	if s.n > 0 {
		s.report(publish.Progress{Bytes: -s.n})
	}
	s.current, s.n = nil, 0
}

// end returns the error of reading the file. Later reads of the current body do not count.
func (s *sending) end(arrived bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !arrived {
		s.takeBack()
	}
	s.current = nil
	return s.err
}

type sendingBody struct {
	s *sending
	r io.ReadCloser
}

// Read withholds bytes that come with an error: an altered file is detected at its end, and
// without the end an upload is not finished.
func (b *sendingBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if err != nil && err != io.EOF {
		if b.s.current == b {
			b.s.err = err
		}
		return 0, err
	}
	if b.s.current == b && n > 0 {
		b.s.n += int64(n)
		b.s.report(publish.Progress{Bytes: int64(n)})
	}
	return n, err
}

func (b *sendingBody) Close() error { return b.r.Close() }
