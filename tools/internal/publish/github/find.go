package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// releasesPerPage keeps pages small: each release in a page has all of its assets.
const releasesPerPage = 50

// hosted is a release in the API (https://docs.github.com/en/rest/releases/releases).
type hosted struct {
	ID         int64  `json:"id"`
	Tag        string `json:"tag_name"`
	Commit     string `json:"target_commitish"`
	Title      string `json:"name"`
	Notes      string `json:"body"`
	Draft      bool   `json:"draft"`
	Prerelease bool   `json:"prerelease"`
	// Created is the time of the commit, not of the release
	// (https://docs.github.com/en/rest/releases/releases#get-the-latest-release).
	Created   time.Time `json:"created_at"`
	UploadURL string    `json:"upload_url"`
	URL       string    `json:"html_url"`
}

// guard identifies the content of a draft, so that a change by somebody else is found.
func (h *hosted) guard() string {
	sum := digest.FromBytes(fmt.Appendf(nil, "%q %q %q %q %v", h.Tag, h.Commit, h.Title, h.Notes, h.Prerelease))
	return fmt.Sprintf("%d %s", h.ID, sum.Short())
}

// asset is a file of a release (https://docs.github.com/en/rest/releases/assets).
type asset struct {
	ID     int64         `json:"id"`
	Name   string        `json:"name"`
	State  string        `json:"state"`
	Size   int64         `json:"size"`
	Digest digest.Digest `json:"digest"` // empty on servers without digests
	Type   string        `json:"content_type"`
	URL    string        `json:"browser_download_url"`
}

// finished reports whether the asset was uploaded completely. An interrupted upload leaves an
// asset in state "starter", which GitHub's documentation says to remove.
func (a *asset) finished() bool { return a.State == "uploaded" }

// found has the releases of a tag.
type found struct {
	published *hosted
	drafts    []hosted
}

// current returns the release whose assets are compared, or nil.
func (f *found) current() *hosted {
	switch {
	case f.published != nil:
		return f.published
	case len(f.drafts) > 0:
		return &f.drafts[0]
	}
	return nil
}

func (f *found) several() string {
	var ids []string
	for _, d := range f.drafts {
		ids = append(ids, strconv.FormatInt(d.ID, 10))
	}
	return fmt.Sprintf("%d drafts of this tag: %s", len(ids), strings.Join(ids, ", "))
}

func (d *destination) path(format string, args ...any) string {
	return "repos/" + d.repo + "/" + fmt.Sprintf(format, args...)
}

// find finds the releases of a tag. Drafts are only in the list of all releases.
func (d *destination) find(ctx context.Context, tag string) (*found, error) {
	all, err := list[hosted](ctx, d.c, d.path("releases"), releasesPerPage)
	if err != nil {
		return nil, about(err, d.repo, "listing the releases")
	}
	d.mu.Lock()
	ours := d.draft
	d.mu.Unlock()
	if ours != 0 && !slices.ContainsFunc(all, func(h hosted) bool { return h.ID == ours }) {
		var h hosted // GitHub's lists are behind
		switch _, err := d.c.call(ctx, http.MethodGet, d.path("releases/%d", ours), nil, &h); {
		case err == nil:
			all = append(all, h)
		case !hasStatus(err, http.StatusNotFound):
			return nil, about(err, d.repo, "reading release %d", ours)
		}
	}
	f := &found{}
	slices.SortFunc(all, func(a, b hosted) int { return cmp.Compare(a.ID, b.ID) })
	all = slices.CompactFunc(all, func(a, b hosted) bool { return a.ID == b.ID }) // pages shift between requests
	for _, h := range all {
		switch {
		case h.Tag != tag:
		case h.Draft:
			f.drafts = append(f.drafts, h)
		default:
			f.published = &h
		}
	}
	return f, nil
}

// list returns a release's assets by name.
func (d *destination) list(ctx context.Context, id int64) (map[string]asset, error) {
	all, err := list[asset](ctx, d.c, d.path("releases/%d/assets", id), perPage)
	if err != nil {
		return nil, about(err, d.repo, "listing the assets of release %d", id)
	}
	byName := map[string]asset{}
	for _, a := range all {
		byName[a.Name] = a
	}
	return byName, nil
}

// compare compares an asset with a file: Absent if it does not exist or is not finished. If
// the server has no digest, it reads the content.
func (d *destination) compare(ctx context.Context, a asset, want release.File) (publish.State, string, error) {
	switch {
	case !a.finished():
		return publish.Absent, "", nil
	case a.Digest != "" && a.Digest != want.Digest:
		return publish.Conflict, string(a.Digest), nil
	case a.Size != want.Size:
		return publish.Conflict, fmt.Sprintf("%d bytes", a.Size), nil
	case a.Type != mediaType(a.Name):
		return publish.Conflict, fmt.Sprintf("content type %q", a.Type), nil
	}
	sum, err := d.sum(ctx, a, false)
	if err != nil || sum != want.Digest {
		return publish.Conflict, string(sum), err
	}
	return publish.Equal, "", nil
}

// A gitObject is a git object, a gitRef a ref that points to one, and a gitTag a tag object
// (https://docs.github.com/en/rest/git).
type (
	gitObject struct {
		SHA  string `json:"sha"`
		Type string `json:"type"`
	}
	gitRef struct {
		Ref    string    `json:"ref"`
		Object gitObject `json:"object"`
	}
	gitTag struct {
		SHA    string    `json:"sha"`
		Object gitObject `json:"object"`
	}
)

// gitPath returns the API's path of a repository's git data.
func gitPath(owner, repo, kind string, name ...string) string {
	path := "repos/" + owner + "/" + repo + "/git/" + kind
	for _, part := range name {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// tagged is a tag: zero if it does not exist.
type tagged struct {
	object, commit string // a lightweight tag's object is the commit
	annotated      bool
}

// String describes the tag for people.
func (t tagged) String() string {
	if t.annotated {
		return "tag on " + t.commit
	}
	return "lightweight tag on " + t.commit
}

// maxPeel is the maximum depth of tags of tags.
const maxPeel = 5

// tag reads a tag and follows it to its commit.
func (c *client) tag(ctx context.Context, owner, repo, name string) (tagged, error) {
	var ref gitRef
	_, err := c.call(ctx, http.MethodGet, gitPath(owner, repo, "ref/tags", strings.Split(name, "/")...), nil, &ref)
	if hasStatus(err, http.StatusNotFound) {
		return tagged{}, nil
	}
	if err != nil {
		return tagged{}, about(err, owner+"/"+repo, "reading tag %q", name)
	}
	if got, want := ref.Ref, "refs/tags/"+name; got != want {
		return tagged{}, about(fmt.Errorf("got ref %q, want %q", got, want), owner+"/"+repo, "reading tag %q", name)
	}
	t := tagged{object: ref.Object.SHA, annotated: ref.Object.Type == "tag"}
	t.commit, err = c.peel(ctx, owner, repo, ref.Object)
	return t, about(err, owner+"/"+repo, "reading tag %q", name)
}

// peel returns the commit of an object, which is the commit or a tag of it.
func (c *client) peel(ctx context.Context, owner, repo string, o gitObject) (string, error) {
	for range maxPeel {
		if o.Type != "tag" {
			return o.SHA, nil // a tree or blob matches no commit
		}
		var t gitTag
		if _, err := c.call(ctx, http.MethodGet, gitPath(owner, repo, "tags", o.SHA), nil, &t); err != nil {
			return "", err
		}
		o = t.Object
	}
	return "", errors.New("too many tags of tags")
}

// checkCommit returns an error if a repository does not have a commit.
func (c *client) checkCommit(ctx context.Context, owner, repo, commit string) error {
	_, err := c.call(ctx, http.MethodGet, gitPath(owner, repo, "commits", commit), nil, &gitObject{})
	if hasStatus(err, http.StatusNotFound) || hasStatus(err, http.StatusUnprocessableEntity) {
		return hint.With(fmt.Errorf("repository %s/%s has no commit %s", owner, repo, commit),
			"push the commit to %s/%s before the release is published", owner, repo)
	}
	return about(err, owner+"/"+repo, "reading commit %s", commit)
}

// releaseURL returns the URL of a tag's release.
func (d *destination) releaseURL(tag string) string {
	return d.c.web + "/" + d.repo + "/releases/tag/" + url.PathEscape(tag)
}

// latestURL returns the URL of the latest release.
func (d *destination) latestURL() string { return d.c.web + "/" + d.repo + "/releases/latest" }

// assetURL returns the URL of an asset of a published release.
func (d *destination) assetURL(tag, name string) string {
	return d.c.web + "/" + d.repo + "/releases/download/" + url.PathEscape(tag) + "/" + name
}
