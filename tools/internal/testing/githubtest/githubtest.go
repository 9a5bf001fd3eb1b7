// Package githubtest is a GitHub for tests, with state: the part of its REST API for releases
// and tags (https://docs.github.com/en/rest?apiVersion=2022-11-28), on three hosts as GitHub
// has them. Uploads go to another host than the API, and an asset's content is redirected to
// a third, which refuses tokens.
package githubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the token that a Server accepts.
const Token = "github_pat_canary_0123456789"

// maxKept is the most bytes that are kept of a body.
const maxKept = 256 << 20

// A Server is a GitHub.
type Server struct {
	URL   string // of the API
	Token string // the token it accepts

	api, uploads, storage *httptest.Server

	mu        sync.Mutex
	repos     map[string]*repo // by lower-case OWNER/REPO
	last      int64            // the last number in use
	ticks     int              // of the clock
	log       []Request
	limits    []Limit
	noDigests bool
	keepNone  bool
	wrap      func(http.Handler) http.Handler
}

// A Request is a request that the server received.
type Request struct {
	Host   string // api, uploads or storage
	Method string
	URL    string // path and query
	Header http.Header
	Body   []byte // the first 256 MiB
	Status int    // of the answer; 0 if the connection broke
}

// A Limit refuses one request.
type Limit struct {
	Status int // 403 or 429
	// Reset is when the primary limit ends; zero for a secondary limit.
	Reset time.Time
	// RetryAfter is the header of a secondary limit, if it has one.
	RetryAfter string
}

// New starts a server that ends with the test.
func New(tb testing.TB) *Server {
	s := &Server{Token: Token, repos: map[string]*repo{}}
	start := func(name string, h func(*call)) *httptest.Server {
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(name, h, w, r) })
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.wrapped(inner).ServeHTTP(w, r) }))
		tb.Cleanup(server.Close)
		return server
	}
	s.api, s.uploads, s.storage = start("api", s.serveAPI), start("uploads", s.serveUpload), start("storage", s.serveStorage)
	s.URL = s.api.URL
	return s
}

// Handle makes every request go through wrap's handler; nil ends that.
func (s *Server) Handle(wrap func(http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrap = wrap
}

func (s *Server) wrapped(h http.Handler) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrap == nil {
		return h
	}
	return s.wrap(h)
}

// Hosts returns the addresses of its three hosts.
func (s *Server) Hosts() []string {
	var all []string
	for _, server := range []*httptest.Server{s.api, s.uploads, s.storage} {
		all = append(all, server.Listener.Addr().String())
	}
	return all
}

// AddRepo adds a repository with these commits, each 40 hexadecimal digits. The last one is
// the head of its default branch, main.
func (s *Server) AddRepo(owner, name string, commits ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[key(owner, name)] = &repo{
		name: owner + "/" + name, commits: slices.Clone(commits), dates: map[string]time.Time{}, refs: map[string]object{}, tags: map[string]tagObject{},
	}
}

// AddCommit adds a commit with a date. It becomes the head of main.
func (s *Server) AddCommit(owner, name, commit string, date time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[key(owner, name)]
	r.commits, r.dates[commit] = append(r.commits, commit), date
}

func key(owner, name string) string { return strings.ToLower(owner + "/" + name) }

// Limit makes the next requests fail, one for each limit.
func (s *Server) Limit(limits ...Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = append(s.limits, limits...)
}

// Repo sets what the API says about a repository: whether it is archived, and whether the token
// may write to it.
func (s *Server) Repo(owner, name string, archived, push bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[key(owner, name)]
	r.archived, r.readOnly = archived, !push
}

// OmitDigests makes the server keep no digests of assets.
func (s *Server) OmitDigests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noDigests = true
}

// KeepNothing makes the server keep no bodies and no assets' contents, for large assets.
func (s *Server) KeepNothing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepNone = true
}

// Log returns the requests, in the order in which they ended.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ClearLog forgets the requests.
func (s *Server) ClearLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Writes returns the requests that change something, as METHOD PATH.
func (s *Server) Writes() []string {
	var all []string
	for _, r := range s.Log() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			all = append(all, r.Method+" "+r.URL)
		}
	}
	return all
}

// call is a request that is being answered. Its methods are called with s.mu held.
type call struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	path   []string // unescaped
	body   *bytes.Buffer
	signed bool // has the token
	repo   *repo
	status int
}

func (s *Server) serve(host string, h func(*call), w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r, body: &bytes.Buffer{}}
	c.path = strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.keepNone {
		r.Body = io.NopCloser(io.TeeReader(r.Body, &keep{c.body}))
	}
	defer func() {
		s.log = append(s.log, Request{host, r.Method, r.URL.RequestURI(), r.Header.Clone(), c.body.Bytes(), c.status})
	}()
	h(c)
}

// keep keeps the beginning of what is written to it.
type keep struct{ b *bytes.Buffer }

func (k *keep) Write(p []byte) (int, error) {
	k.b.Write(p[:min(len(p), maxKept-k.b.Len())])
	return len(p), nil
}

// answer ends a call.
func (c *call) answer(status int, v any) {
	c.status = status
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", "5000")
	if h.Get("X-RateLimit-Remaining") == "" {
		h.Set("X-RateLimit-Remaining", "4999")
		h.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	}
	if v == nil {
		c.w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	json.NewEncoder(c.w).Encode(v)
}

// m is a JSON object.
type m map[string]any

func (c *call) fail(status int, message string, errors ...m) {
	v := m{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)}
	if len(errors) > 0 {
		v["errors"] = errors
	}
	c.answer(status, v)
}

func (c *call) notFound() { c.fail(http.StatusNotFound, "Not Found") }

// enter checks limits, the token and the repository, as every call of the API does.
func (c *call) enter() bool {
	auth := c.r.Header.Get("Authorization")
	c.signed = auth == "Bearer "+c.s.Token || auth == "token "+c.s.Token
	switch {
	case len(c.s.limits) > 0:
		limit := c.s.limits[0]
		c.s.limits = c.s.limits[1:]
		c.refuse(limit)
		return false
	case auth != "" && !c.signed:
		c.fail(http.StatusUnauthorized, "Bad credentials")
		return false
	case !c.signed && c.r.Method != http.MethodGet:
		c.fail(http.StatusUnauthorized, "Requires authentication")
		return false
	case len(c.path) < 3 || c.path[0] != "repos":
		c.notFound()
		return false
	}
	c.repo = c.s.repos[key(c.path[1], c.path[2])]
	switch {
	case c.repo == nil:
		c.notFound()
	case (c.repo.archived || c.repo.readOnly) && c.r.Method != http.MethodGet:
		c.fail(http.StatusForbidden, "Resource not accessible by personal access token")
	default:
		return true
	}
	return false
}

func (c *call) refuse(l Limit) {
	if !l.Reset.IsZero() {
		c.w.Header().Set("X-RateLimit-Remaining", "0")
		c.w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(l.Reset.Unix(), 10))
		c.fail(l.Status, "API rate limit exceeded for user ID 1.")
		return
	}
	if l.RetryAfter != "" {
		c.w.Header().Set("Retry-After", l.RetryAfter)
	}
	c.fail(l.Status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
}

// read parses the JSON body.
func (c *call) read(v any) bool {
	d := json.NewDecoder(c.r.Body)
	if err := d.Decode(v); err != nil {
		c.fail(http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	return true
}

// page answers with one page of a list (https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api).
func (c *call) page(all []m) {
	q := c.r.URL.Query()
	number := func(name string, standard, most int) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 {
			return standard
		}
		return min(n, most)
	}
	size, page := number("per_page", 30, 100), number("page", 1, 1<<20)
	start := min((page-1)*size, len(all))
	end := min(start+size, len(all))
	if end < len(all) {
		link := func(n int, rel string) string {
			return fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="%s"`, c.s.URL, c.r.URL.Path, size, n, rel)
		}
		c.w.Header().Set("Link", link(page+1, "next")+", "+link((len(all)+size-1)/size, "last"))
	}
	c.answer(http.StatusOK, append([]m{}, all[start:end]...))
}

// clock returns a time later than all that it has returned before.
func (s *Server) clock() time.Time {
	s.ticks++
	return commitDate.AddDate(10, 0, 0).Add(time.Duration(s.ticks) * time.Second)
}

func (s *Server) next() int64 {
	s.last++
	return s.last
}
