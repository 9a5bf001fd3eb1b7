package proxytest

import (
	"net/http"
	"net/http/httptest"
	"sync"
)

// Server serves a proxy over HTTP on the loopback interface, and counts requests.
type Server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	hook     func(*http.Request)
	wrap     func(http.Handler) http.Handler
}

// Serve starts a server that ends with the test.
func (p *Proxy) Serve() *Server {
	s := &Server{}
	files := http.FileServer(http.Dir(p.Dir))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.Path)
		hook, wrap := s.hook, s.wrap
		s.mu.Unlock()
		if hook != nil {
			hook(r)
		}
		if wrap != nil {
			wrap(files).ServeHTTP(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	p.t.Cleanup(s.Close)
	return s
}

// Requests returns the requested paths since the last call, in order.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.requests
	s.requests = nil
	return list
}

// Handle makes every request go through wrap's handler; nil ends that.
func (s *Server) Handle(wrap func(next http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrap = wrap
}

// OnRequest makes the server call f with every request before it answers.
func (s *Server) OnRequest(f func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}
