// Package gittest starts git servers for tests: git http-backend on the loopback interface,
// with the repositories that a test describes, a log of requests, and a hook for faults.
package gittest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// maxBody is the most that a client may send, in bytes.
const maxBody = 64 << 20

// Server serves repositories.
type Server struct {
	t    testing.TB
	http *httptest.Server
	root string
	cgi  *cgi.Handler

	mu    sync.Mutex
	log   []Request
	repos map[string]*Repo
	wrap  func(http.Handler) http.Handler
}

// The services of a Request.
const (
	InfoRefs = "info/refs" // the server's capabilities; in protocol v0 also its refs
	LsRefs   = "ls-refs"   // the refs
	Fetch    = "fetch"     // objects
	Push     = "push"      // refs and the objects that they need
)

// Request is a request that was answered.
type Request struct {
	Repo    string
	Service string // InfoRefs, LsRefs, Fetch or Push; otherwise the path below the repository
	Status  int
	Bytes   int64  // sent, without the header
	Body    string // what was asked
	// Refs are what a Push asked for: the object that each ref is to point to.
	Refs map[string]string
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatalf("git: %v", err)
	}
	s := &Server{t: t, root: t.TempDir(), repos: map[string]*Repo{}}
	s.cgi = &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:    append(environ(s.root), "GIT_PROJECT_ROOT="+s.root, "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: io.Discard,
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// URL returns the URL of a repository, which need not exist.
func (s *Server) URL(name string) string { return s.http.URL + "/" + name }

// Handle makes every request go through wrap's handler; nil ends that.
func (s *Server) Handle(wrap func(next http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrap = wrap
}

// Log returns the requests since the last Reset, in the order in which they were answered.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.log...)
}

// Services returns the services of the Log.
func (s *Server) Services() []string {
	var all []string
	for _, r := range s.Log() {
		all = append(all, r.Service)
	}
	return all
}

// Sent returns the sum of the Bytes of the Log.
func (s *Server) Sent() (sum int64) {
	for _, r := range s.Log() {
		sum += r.Bytes
	}
	return sum
}

// Reset empties the log.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return
	}
	// A CGI program needs to know the length.
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	s.mu.Lock()
	wrap := s.wrap
	s.mu.Unlock()
	var next http.Handler = s.cgi
	if wrap != nil {
		next = wrap(next)
	}
	request := classify(r, body)
	counted := &counter{ResponseWriter: w, status: http.StatusOK}
	defer func() { // also for a fault that drops the connection
		request.Status, request.Bytes = counted.status, counted.bytes
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, request)
	}()
	next.ServeHTTP(counted, r)
}

// classify returns a request's service: in protocol v2 both ls-refs and fetch are a POST of
// a packet "command=…".
func classify(r *http.Request, body []byte) Request {
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			if plain, err := io.ReadAll(io.LimitReader(z, maxBody)); err == nil {
				body = plain
			}
		}
	}
	request := Request{Body: string(body)}
	path := strings.TrimPrefix(r.URL.Path, "/")
	for _, end := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		if repo, ok := strings.CutSuffix(path, end); ok {
			request.Repo, request.Service = repo, strings.TrimPrefix(end, "/")
		}
	}
	if request.Repo == "" {
		request.Repo, request.Service, _ = strings.Cut(path, "/")
	}
	switch request.Service {
	case "git-receive-pack":
		request.Service, request.Refs = Push, commands(body)
	case "git-upload-pack":
		request.Service = Fetch
		if len(body) > 4 && bytes.HasPrefix(body[4:], []byte("command=ls-refs")) {
			request.Service = LsRefs
		}
	}
	return request
}

// commands returns the refs of a push. It begins with lines: a length of four hexadecimal
// digits, then OLD NEW REF. The first line ends in a zero byte and the client's capabilities;
// a length of 0000 is the end (gitprotocol-pack(5)).
func commands(body []byte) map[string]string {
	refs := map[string]string{}
	for len(body) >= 4 {
		n, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || n < 4 || int(n) > len(body) {
			break
		}
		line, _, _ := strings.Cut(string(body[4:n]), "\x00")
		if f := strings.Fields(line); len(f) == 3 {
			refs[f[2]] = f[1]
		}
		body = body[n:]
	}
	return refs
}

// counter counts what was sent.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Env isolates a test's git from the user's configuration, and sets author and committer.
func Env(t testing.TB) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "") // restores it after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range settings(t.TempDir()) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
}

// settings returns the environment that Env sets.
func settings(home string) []string {
	return []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=C O Mitter", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
}

// environ is the environment of the git commands that a Server runs.
func environ(home string) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			env = append(env, e)
		}
	}
	return append(env, settings(home)...)
}
