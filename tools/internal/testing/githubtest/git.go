package githubtest

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// repo is a repository.
type repo struct {
	name     string
	commits  []string
	dates    map[string]time.Time // of commits, if not commitDate
	refs     map[string]object    // by name, such as refs/tags/1.2.0
	tags     map[string]tagObject
	releases []*Release // oldest first

	archived, readOnly bool
}

type object struct {
	Type string `json:"type"`
	SHA  string `json:"sha"`
	URL  string `json:"url"`
}

type person struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

type tagObject struct {
	SHA     string `json:"sha"`
	NodeID  string `json:"node_id"`
	URL     string `json:"url"`
	Tag     string `json:"tag"`
	Message string `json:"message"`
	Tagger  person `json:"tagger"`
	Object  object `json:"object"`
}

// name is the object name that git gives the tag
// (https://git-scm.com/docs/git-mktag).
func (t *tagObject) name() string {
	content := fmt.Sprintf("object %s\ntype %s\ntag %s\ntagger %s <%s> %d +0000\n\n%s",
		t.Object.SHA, t.Object.Type, t.Tag, t.Tagger.Name, t.Tagger.Email, t.Tagger.Date.Unix(), t.Message)
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "tag %d\x00%s", len(content), content)))
}

// Tag returns the object that a tag names, and its commit; all are empty if there is no such
// tag. A tag is annotated if the object is not the commit.
func (s *Server) Tag(owner, name, tag string) (object, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[key(owner, name)]
	o := r.refs["refs/tags/"+tag]
	return o.SHA, r.peel(o).SHA
}

// Tags returns the names of a repository's tags, sorted.
func (s *Server) Tags(owner, name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for ref := range s.repos[key(owner, name)].refs {
		if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			all = append(all, tag)
		}
	}
	slices.Sort(all)
	return all
}

func (r *repo) peel(o object) object {
	for o.Type == "tag" {
		o = r.tags[o.SHA].Object
	}
	return o
}

// AddTag adds a tag on a commit or another tag's object, and returns its object. An annotated
// tag has another person and time than any that a test makes.
func (s *Server) AddTag(owner, name, tag, target string, annotated bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[key(owner, name)]
	o := object{Type: "commit", SHA: target}
	if _, ok := r.tags[target]; ok {
		o.Type = "tag"
	}
	if annotated {
		t := tagObject{Tag: tag, Message: "by hand", Tagger: person{"Somebody", "somebody@example.com", commitDate}, Object: o}
		t.SHA = t.name()
		r.tags[t.SHA] = t
		o = object{Type: "tag", SHA: t.SHA}
	}
	r.refs["refs/tags/"+tag] = o
	return o.SHA
}

// RemoveTag removes a tag.
func (s *Server) RemoveTag(owner, name, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.repos[key(owner, name)].refs, "refs/tags/"+tag)
}

func (s *Server) serveGit(c *call) {
	rest := c.path[4:]
	name := strings.Join(rest[min(1, len(rest)):], "/")
	switch c.r.Method + " " + strings.Join(rest[:min(1, len(rest))], "") {
	case "GET ref":
		if o, ok := c.repo.refs["refs/"+name]; ok {
			c.answer(http.StatusOK, c.repo.refJSON(c.s.URL, "refs/"+name, o))
			return
		}
		c.notFound()
	case "GET tags":
		if t, ok := c.repo.tags[name]; ok {
			c.answer(http.StatusOK, t)
			return
		}
		c.notFound()
	case "GET commits":
		if slices.Contains(c.repo.commits, name) {
			c.answer(http.StatusOK, c.repo.commitJSON(c.s.URL, name))
			return
		}
		c.notFound()
	case "POST tags":
		c.createTag()
	case "POST refs":
		c.createRef()
	default:
		c.notFound()
	}
}

func (r *repo) refJSON(base, name string, o object) m {
	o.URL = base + "/repos/" + r.name + "/git/" + o.Type + "s/" + o.SHA
	return m{"ref": name, "node_id": "R" + o.SHA, "url": base + "/repos/" + r.name + "/git/" + name, "object": o}
}

// commitDate is the default date of commits.
var commitDate = time.Unix(1e9, 0).UTC()

// date returns the date of a commit.
func (r *repo) date(sha string) time.Time {
	if at, ok := r.dates[sha]; ok {
		return at
	}
	return commitDate
}

func (r *repo) commitJSON(base, sha string) m {
	by := person{"Somebody", "somebody@example.com", r.date(sha)}
	return m{"sha": sha, "url": base + "/repos/" + r.name + "/git/commits/" + sha, "author": by, "committer": by, "message": "x"}
}

func (c *call) createTag() {
	var in struct {
		Tag, Message, Object, Type string
		Tagger                     *person
	}
	if !c.read(&in) {
		return
	}
	t := tagObject{Tag: in.Tag, Message: in.Message, Object: object{Type: in.Type, SHA: in.Object}}
	_, isTag := c.repo.tags[in.Object]
	switch {
	case in.Tag == "" || in.Message == "":
		c.fail(http.StatusUnprocessableEntity, "Invalid request.\n\n\"tag\", \"message\" weren't supplied.")
		return
	case !(in.Type == "commit" && slices.Contains(c.repo.commits, in.Object) || in.Type == "tag" && isTag):
		c.fail(http.StatusUnprocessableEntity, "Invalid object")
		return
	}
	t.Tagger = person{"the token's owner", "owner@example.com", time.Now().UTC()}
	if in.Tagger != nil {
		t.Tagger = *in.Tagger
	}
	t.SHA = t.name()
	t.NodeID, t.URL = "T"+t.SHA, c.s.URL+"/repos/"+c.repo.name+"/git/tags/"+t.SHA
	c.repo.tags[t.SHA] = t
	c.answer(http.StatusCreated, t)
}

func (c *call) createRef() {
	var in struct{ Ref, SHA string }
	if !c.read(&in) {
		return
	}
	o := object{Type: "commit", SHA: in.SHA}
	if _, ok := c.repo.tags[in.SHA]; ok {
		o.Type = "tag"
	}
	_, exists := c.repo.refs[in.Ref]
	switch {
	case !strings.HasPrefix(in.Ref, "refs/") || strings.Count(in.Ref, "/") < 2:
		c.fail(http.StatusUnprocessableEntity, "Reference name must start with 'refs/' and contain at least one additional '/'.")
	case o.Type == "commit" && !slices.Contains(c.repo.commits, in.SHA):
		c.fail(http.StatusUnprocessableEntity, "Object does not exist")
	case exists:
		c.fail(http.StatusUnprocessableEntity, "Reference already exists")
	default:
		c.repo.refs[in.Ref] = o
		c.answer(http.StatusCreated, c.repo.refJSON(c.s.URL, in.Ref, o))
	}
}
