// Package buckettest runs bucket services on loopback for tests: a fake Google Cloud Storage
// and a fake Amazon S3. A layer in front of each enforces what the services document and the
// fakes leave out: preconditions on copies and on uploads in parts, checksums of uploads,
// repeated chunks. A write without a precondition fails the test.
package buckettest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Bucket and Other are the names of a server's buckets.
const (
	Bucket = "releases"
	Other  = "staging"
)

// A Server is a bucket service. It is safe for concurrent use.
type Server struct {
	// URL is the endpoint.
	URL string
	// Set writes an object with its metadata, which a directory ignores. Get returns an
	// object's content and metadata, or false if there is none. Delete removes an object. Keys
	// lists them, sorted. All use [Bucket].
	Set    func(key string, o Object)
	Get    func(key string) (Object, bool)
	Delete func(key string)
	Keys   func() []string
	// Denied are the permissions that a Google Cloud Storage says are missing. Set it before
	// the first request.
	Denied []string
	// Clock is what Amazon S3's clock shows, if it is not nil. Set it before the first request.
	Clock func() time.Time

	tb  testing.TB
	mu  sync.Mutex // one write at a time
	log struct {
		sync.Mutex
		reads, writes []string
		lax           bool
		before        func(*http.Request)
		wrap          func(http.Handler) http.Handler
	}
}

// An Object is an object in a bucket.
type Object struct {
	Content, ContentType, CacheControl, ContentEncoding, SHA256 string
}

// Put writes an object as somebody else would, without the publisher's metadata.
func (s *Server) Put(key, content string) { s.Set(key, Object{Content: content}) }

// Reads and Writes return the requests since the last Reset, as "METHOD path?query".
func (s *Server) Reads() []string {
	s.log.Lock()
	defer s.log.Unlock()
	return slices.Clone(s.log.reads)
}

// Writes returns those requests that may change something.
func (s *Server) Writes() []string {
	s.log.Lock()
	defer s.log.Unlock()
	return slices.Clone(s.log.writes)
}

// Reset forgets the requests.
func (s *Server) Reset() {
	s.log.Lock()
	defer s.log.Unlock()
	s.log.reads, s.log.writes = nil, nil
}

// Lax makes the server ignore preconditions, as some compatible services do.
func (s *Server) Lax(lax bool) {
	s.log.Lock()
	defer s.log.Unlock()
	s.log.lax = lax
}

// Before makes the server call f before it handles each write, without a lock: what f writes
// comes first.
func (s *Server) Before(f func(*http.Request)) {
	s.log.Lock()
	defer s.log.Unlock()
	s.log.before = f
}

// Handle makes every request go through wrap's handler; nil ends that.
func (s *Server) Handle(wrap func(next http.Handler) http.Handler) {
	s.log.Lock()
	defer s.log.Unlock()
	s.log.wrap = wrap
}

// start starts a server with handle as its handler.
func (s *Server) start(tb testing.TB, handle func(w http.ResponseWriter, r *http.Request)) {
	s.tb = tb
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := r.Method == http.MethodGet || r.Method == http.MethodHead
		s.log.Lock()
		line, before := r.Method+" "+r.URL.RequestURI(), s.log.before
		if read {
			s.log.reads = append(s.log.reads, line)
		} else {
			s.log.writes = append(s.log.writes, line)
		}
		s.log.Unlock()
		if read {
			handle(w, r)
			return
		}
		body, err := io.ReadAll(r.Body) // complete, or the client has gone
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if before != nil {
			before(r)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		handle(w, r)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.log.Lock()
		wrap := s.log.wrap
		s.log.Unlock()
		if wrap == nil {
			wrap = func(next http.Handler) http.Handler { return next }
		}
		wrap(inner).ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	s.URL = server.URL
}

func (s *Server) isLax() bool {
	s.log.Lock()
	defer s.log.Unlock()
	return s.log.lax
}

// body returns a request's content, which can be read again.
func body(r *http.Request) []byte {
	data, _ := io.ReadAll(r.Body) // from memory
	r.Body = io.NopCloser(bytes.NewReader(data))
	return data
}
