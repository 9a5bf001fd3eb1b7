package githubtest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Release is a release of a repository.
type Release struct {
	ID                int64
	Tag, Commit       string
	Title, Notes      string
	Draft, Prerelease bool
	Latest            bool // marked as the latest one
	Assets            []Asset
	published         time.Time // zero for a draft
}

// Releases returns a repository's releases, oldest first.
func (s *Server) Releases(owner, name string) []Release {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Release
	for _, r := range s.repos[key(owner, name)].releases {
		c := *r
		c.Assets = slices.Clone(r.Assets)
		all = append(all, c)
	}
	return all
}

// AddRelease adds a release and returns its number. Its assets get numbers too.
func (s *Server) AddRelease(owner, name string, r Release) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ID = s.next()
	r.Assets = slices.Clone(r.Assets)
	for i := range r.Assets {
		r.Assets[i].complete(s)
	}
	repo := s.repos[key(owner, name)]
	if !r.Draft {
		r.published = s.clock()
	}
	repo.releases = append(repo.releases, &r)
	return r.ID
}

// EditRelease changes a release as somebody else might; f reports whether it stays. Assets
// that f adds get numbers, and those whose content it changes get digests.
func (s *Server) EditRelease(owner, name, tag string, f func(*Release) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[key(owner, name)]
	repo.releases = slices.DeleteFunc(repo.releases, func(r *Release) bool {
		if r.Tag != tag {
			return false
		}
		keep := f(r)
		for i := range r.Assets {
			r.Assets[i].complete(s)
		}
		return !keep
	})
}

// Corrupt changes a byte of an asset's content, as a broken disk does: its digest stays.
func (s *Server) Corrupt(owner, name, tag, asset string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.repos[key(owner, name)].releases {
		for i, a := range r.Assets {
			if r.Tag == tag && a.Name == asset {
				r.Assets[i].Content = slices.Clone(a.Content)
				r.Assets[i].Content[0] ^= 1
			}
		}
	}
}

// Latest returns the tag of a repository's latest release, or "".
func (s *Server) Latest(owner, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[key(owner, name)].latest(); r != nil {
		return r.Tag
	}
	return ""
}

func (s *Server) serveAPI(c *call) {
	if c.download() || !c.enter() {
		return
	}
	if len(c.path) == 3 {
		v := m{"full_name": c.path[1] + "/" + c.path[2], "archived": c.repo.archived, "disabled": false}
		if c.signed {
			v["permissions"] = m{"admin": false, "push": !c.repo.readOnly, "pull": true}
		}
		c.answer(http.StatusOK, v)
		return
	}
	switch c.path[3] {
	case "git":
		s.serveGit(c)
	case "releases":
		s.serveReleases(c)
	default:
		c.notFound()
	}
}

func (s *Server) serveReleases(c *call) {
	rest := c.path[4:]
	switch {
	case len(rest) == 0 && c.r.Method == http.MethodGet:
		var all []m
		for _, r := range slices.Backward(c.repo.releases) {
			if !r.Draft || c.signed {
				all = append(all, s.releaseJSON(c.repo, r))
			}
		}
		c.page(all)
	case len(rest) == 0 && c.r.Method == http.MethodPost:
		c.createRelease()
	case len(rest) == 1 && rest[0] == "latest" && c.r.Method == http.MethodGet:
		c.showRelease(c.repo.latest())
	case len(rest) >= 2 && rest[0] == "tags" && c.r.Method == http.MethodGet:
		tag := strings.Join(rest[1:], "/")
		c.showRelease(c.repo.find(func(r *Release) bool { return !r.Draft && r.Tag == tag }))
	case len(rest) == 2 && rest[0] == "assets":
		c.serveAsset(rest[1])
	case len(rest) >= 1:
		id, _ := strconv.ParseInt(rest[0], 10, 64)
		r := c.repo.find(func(r *Release) bool { return r.ID == id && (!r.Draft || c.signed) })
		c.serveRelease(r, rest[1:])
	default:
		c.notFound()
	}
}

func (r *repo) find(f func(*Release) bool) *Release {
	if i := slices.IndexFunc(r.releases, f); i >= 0 {
		return r.releases[i]
	}
	return nil
}

// latest returns the release that is marked as latest. Without a mark, it is the one of the
// newest commit, as before there were marks
// (https://docs.github.com/en/rest/releases/releases#get-the-latest-release).
func (r *repo) latest() *Release {
	var last *Release
	for _, l := range r.releases {
		switch {
		case l.Draft || l.Prerelease:
		case l.Latest:
			return l
		case last == nil || !r.created(l).Before(r.created(last)):
			last = l
		}
	}
	return last
}

// created is the time of a release's commit: its tag's, or the one that a draft will tag.
func (r *repo) created(l *Release) time.Time {
	if o, ok := r.refs["refs/tags/"+l.Tag]; ok {
		return r.date(r.peel(o).SHA)
	}
	return r.date(l.Commit)
}

func (c *call) showRelease(r *Release) {
	if r == nil {
		c.notFound()
		return
	}
	c.answer(http.StatusOK, c.s.releaseJSON(c.repo, r))
}

func (c *call) serveRelease(r *Release, rest []string) {
	switch {
	case r == nil:
		c.notFound()
	case len(rest) == 0 && c.r.Method == http.MethodGet:
		c.showRelease(r)
	case len(rest) == 0 && c.r.Method == http.MethodPatch:
		c.editRelease(r)
	case len(rest) == 0 && c.r.Method == http.MethodDelete:
		c.repo.releases = slices.DeleteFunc(c.repo.releases, func(o *Release) bool { return o == r })
		c.answer(http.StatusNoContent, nil)
	case len(rest) == 1 && rest[0] == "assets" && c.r.Method == http.MethodGet:
		var all []m
		for _, a := range r.Assets {
			all = append(all, c.s.assetJSON(c.repo, r, &a))
		}
		c.page(all)
	default:
		c.notFound()
	}
}

// releaseInput is the body that creates or changes a release.
type releaseInput struct {
	Tag        *string `json:"tag_name"`
	Commit     *string `json:"target_commitish"`
	Title      *string `json:"name"`
	Notes      *string `json:"body"`
	Draft      *bool   `json:"draft"`
	Prerelease *bool   `json:"prerelease"`
	Latest     *string `json:"make_latest"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (in *releaseInput) apply(r *Release) {
	set(&r.Tag, in.Tag)
	set(&r.Commit, in.Commit)
	set(&r.Title, in.Title)
	set(&r.Notes, in.Notes)
	set(&r.Draft, in.Draft)
	set(&r.Prerelease, in.Prerelease)
}

func (c *call) createRelease() {
	var in releaseInput
	if !c.read(&in) {
		return
	}
	r := &Release{Commit: "main"}
	in.apply(r)
	if r.Tag == "" {
		c.fail(http.StatusUnprocessableEntity, "Validation Failed", m{"resource": "Release", "code": "missing_field", "field": "tag_name"})
		return
	}
	if !r.Draft && !c.publish(r, in.Latest) {
		return
	}
	r.ID = c.s.next()
	c.repo.releases = append(c.repo.releases, r)
	c.answer(http.StatusCreated, c.s.releaseJSON(c.repo, r))
}

func (c *call) editRelease(r *Release) {
	var in releaseInput
	if !c.read(&in) {
		return
	}
	changed := *r
	in.apply(&changed)
	switch {
	case r.Draft && !changed.Draft:
		if !c.publish(&changed, in.Latest) {
			return
		}
	case in.Latest != nil && !c.mark(&changed, *in.Latest):
		return
	}
	*r = changed
	c.answer(http.StatusOK, c.s.releaseJSON(c.repo, r))
}

// publish does what happens when a release stops being a draft: if its tag does not exist,
// it is created, lightweight.
func (c *call) publish(r *Release, latest *string) bool {
	if c.repo.find(func(o *Release) bool { return o.ID != r.ID && !o.Draft && o.Tag == r.Tag }) != nil {
		c.fail(http.StatusUnprocessableEntity, "Validation Failed", m{"resource": "Release", "code": "already_exists", "field": "tag_name"})
		return false
	}
	if _, ok := c.repo.refs["refs/tags/"+r.Tag]; !ok {
		commit := r.Commit
		if (commit == "" || commit == "main") && len(c.repo.commits) > 0 {
			commit = c.repo.commits[len(c.repo.commits)-1]
		}
		if !slices.Contains(c.repo.commits, commit) {
			c.fail(http.StatusUnprocessableEntity, "Validation Failed", m{"resource": "Release", "code": "invalid", "field": "target_commitish"})
			return false
		}
		c.repo.refs["refs/tags/"+r.Tag] = object{Type: "commit", SHA: commit}
	}
	mark := "true"
	if latest != nil || r.Prerelease {
		mark = "false"
		set(&mark, latest)
	}
	if !c.mark(r, mark) {
		return false
	}
	r.published = c.s.clock()
	return true
}

// mark sets or removes the mark of the latest release. A draft or pre-release cannot have it.
func (c *call) mark(r *Release, latest string) bool {
	switch {
	case latest != "true":
		r.Latest = false
		return true
	case r.Draft || r.Prerelease:
		c.fail(http.StatusUnprocessableEntity, "Validation Failed", m{"resource": "Release", "code": "invalid", "field": "make_latest"})
		return false
	}
	for _, o := range c.repo.releases {
		o.Latest = false
	}
	r.Latest = true
	return true
}

func (s *Server) releaseJSON(repo *repo, r *Release) m {
	url := fmt.Sprintf("%s/repos/%s/releases/%d", s.URL, repo.name, r.ID)
	v := m{
		"id": r.ID, "node_id": fmt.Sprintf("RE_%d", r.ID), "url": url, "assets_url": url + "/assets",
		"upload_url": fmt.Sprintf("%s/repos/%s/releases/%d/assets{?name,label}", s.uploads.URL, repo.name, r.ID),
		"html_url":   s.URL + "/" + repo.name + "/releases/tag/" + r.webTag(),
		"tag_name":   r.Tag, "target_commitish": r.Commit, "name": r.Title, "body": r.Notes, "draft": r.Draft, "prerelease": r.Prerelease,
		"created_at": repo.created(r).UTC(), "published_at": nil,
	}
	if !r.Draft {
		v["published_at"] = r.published
	}
	assets := []m{}
	for _, a := range r.Assets {
		assets = append(assets, s.assetJSON(repo, r, &a))
	}
	v["assets"] = assets
	return v
}

// webTag returns the tag in URLs of web pages: a draft has a placeholder.
func (r *Release) webTag() string {
	if r.Draft {
		return fmt.Sprintf("untagged-%020x", r.ID)
	}
	return cmp.Or(r.Tag, "none")
}
