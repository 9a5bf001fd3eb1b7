package githubtest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// An Asset is a file of a release.
type Asset struct {
	ID   int64
	Name string
	// State is uploaded, or starter if the upload was interrupted.
	State       string
	Content     []byte // the first 256 MiB
	Size        int64
	Digest      string // of the content
	ContentType string
}

// complete sets the fields that follow from the content that a test gave.
func (a *Asset) complete(s *Server) {
	if a.ID == 0 {
		a.ID = s.next()
	}
	if a.State == "" {
		a.State = "uploaded"
	}
	if a.Content != nil && int64(len(a.Content)) < maxKept {
		a.Size, a.Digest = int64(len(a.Content)), fmt.Sprintf("sha256:%x", sha256.Sum256(a.Content))
	}
}

func (s *Server) assetJSON(repo *repo, r *Release, a *Asset) m {
	v := m{
		"id": a.ID, "node_id": fmt.Sprintf("RA_%d", a.ID), "name": a.Name, "label": "", "state": a.State, "content_type": a.ContentType,
		"size": a.Size, "download_count": 0, "url": fmt.Sprintf("%s/repos/%s/releases/assets/%d", s.URL, repo.name, a.ID),
		"browser_download_url": s.URL + "/" + repo.name + "/releases/download/" + r.webTag() + "/" + a.Name, "digest": nil,
	}
	if a.State == "uploaded" && !s.noDigests {
		v["digest"] = a.Digest
	}
	if s.noDigests {
		delete(v, "digest")
	}
	return v
}

func (c *call) serveAsset(number string) {
	id, _ := strconv.ParseInt(number, 10, 64)
	for _, r := range c.repo.releases {
		i := slices.IndexFunc(r.Assets, func(a Asset) bool { return a.ID == id })
		if i < 0 || r.Draft && !c.signed {
			continue
		}
		switch {
		case c.r.Method == http.MethodDelete:
			r.Assets = slices.Delete(r.Assets, i, i+1)
			c.answer(http.StatusNoContent, nil)
		case c.r.Header.Get("Accept") == "application/octet-stream":
			c.redirect(r.Assets[i])
		default:
			c.answer(http.StatusOK, c.s.assetJSON(c.repo, r, &r.Assets[i]))
		}
		return
	}
	c.notFound()
}

// redirect redirects to the storage, with a signature in the URL that is a secret.
func (c *call) redirect(a Asset) {
	c.w.Header().Set("Location", fmt.Sprintf("%s/%d?sig=canary-signature", c.s.storage.URL, a.ID))
	c.answer(http.StatusFound, nil)
}

// download serves the public URLs of assets, and reports whether the request was for one.
func (c *call) download() bool {
	p := c.path // OWNER/REPO/releases/download/TAG/NAME
	if len(p) < 6 || p[2] != "releases" || p[3] != "download" {
		return false
	}
	repo := c.s.repos[key(p[0], p[1])]
	tag, name := strings.Join(p[4:len(p)-1], "/"), p[len(p)-1]
	if repo != nil {
		if r := repo.find(func(r *Release) bool { return !r.Draft && r.Tag == tag }); r != nil {
			if i := slices.IndexFunc(r.Assets, func(a Asset) bool { return a.Name == name }); i >= 0 {
				c.redirect(r.Assets[i])
				return true
			}
		}
	}
	c.notFound()
	return true
}

// serveStorage serves the assets' content. It requires signed URLs and refuses tokens.
func (s *Server) serveStorage(c *call) {
	id, _ := strconv.ParseInt(c.path[0], 10, 64)
	if c.r.Header.Get("Authorization") != "" || c.r.URL.Query().Get("sig") != "canary-signature" {
		c.fail(http.StatusBadRequest, "Only one auth mechanism allowed")
		return
	}
	for _, repo := range s.repos {
		for _, r := range repo.releases {
			for _, a := range r.Assets {
				if a.ID != id || int64(len(a.Content)) != a.Size {
					continue
				}
				c.status = http.StatusOK
				c.w.Header().Set("Content-Length", strconv.FormatInt(a.Size, 10))
				c.w.Write(a.Content)
				return
			}
		}
	}
	c.notFound()
}

// rename changes a name as GitHub does.
func rename(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+", r)) {
			return r
		}
		return '.'
	}, name)
	return strings.Trim(name, ".")
}

// serveUpload receives an asset. Until all of it has arrived, others see it in the state
// starter.
func (s *Server) serveUpload(c *call) {
	if !c.enter() {
		return
	}
	if len(c.path) != 6 || c.path[3] != "releases" || c.path[5] != "assets" || c.r.Method != http.MethodPost {
		c.notFound()
		return
	}
	id, _ := strconv.ParseInt(c.path[4], 10, 64)
	r := c.repo.find(func(r *Release) bool { return r.ID == id })
	name := rename(c.r.URL.Query().Get("name"))
	invalid := func(code, field string) {
		c.fail(http.StatusUnprocessableEntity, "Validation Failed", m{"resource": "ReleaseAsset", "code": code, "field": field})
	}
	switch {
	case r == nil:
		c.notFound()
		return
	case c.r.ContentLength < 0:
		c.fail(http.StatusBadRequest, "Bad Content-Length")
		return
	case c.r.ContentLength == 0:
		invalid("wrong_length", "size")
		return
	case name == "":
		invalid("missing_field", "name")
		return
	case slices.ContainsFunc(r.Assets, func(a Asset) bool { return a.Name == name }):
		invalid("already_exists", "name")
		return
	}
	a := Asset{ID: s.next(), Name: name, State: "starter", ContentType: c.r.Header.Get("Content-Type")}
	r.Assets = append(r.Assets, a)
	c.receive(r, a)
}

// receive reads the content of an asset, without s.mu.
func (c *call) receive(r *Release, a Asset) {
	sum := sha256.New()
	c.s.mu.Unlock()
	n, err := io.Copy(sum, c.r.Body)
	c.s.mu.Lock()
	if err != nil || n != c.r.ContentLength {
		panic(http.ErrAbortHandler)
	}
	i := slices.IndexFunc(r.Assets, func(o Asset) bool { return o.ID == a.ID })
	if i < 0 {
		c.notFound() // removed meanwhile
		return
	}
	a.State, a.Size, a.Digest = "uploaded", n, fmt.Sprintf("sha256:%x", sum.Sum(nil))
	a.Content = slices.Clone(c.body.Bytes())
	r.Assets[i] = a
	c.answer(http.StatusCreated, c.s.assetJSON(c.repo, r, &a))
}
