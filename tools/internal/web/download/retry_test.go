package download

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// first answers the first n requests with bad, the others with the content.
func first(n int, bad http.HandlerFunc) http.HandlerFunc {
	seen := 0 // requests are sequential
	return func(w http.ResponseWriter, r *http.Request) {
		if seen++; seen <= n {
			bad(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		io.WriteString(w, content)
	}
}

// reset breaks the connection after some bytes of the content.
func reset(after int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		if after > 0 {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(content), content[:after])
			time.Sleep(20 * time.Millisecond) // a reset would discard what is not read yet
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// TestRetry checks which errors are retried, and that attempts are limited.
func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  http.HandlerFunc
		want string // the error if every attempt fails
	}{
		{"500", status(500, "x"), "status: got 500 Internal Server Error, want 200 OK (attempts: 3)"},
		{"502", status(502, "x"), "status: got 502 Bad Gateway"},
		{"503", status(503, ""), "status: got 503 Service Unavailable"},
		{"408", status(408, ""), "status: got 408 Request Timeout"},
		{"429", status(429, ""), "status: got 429 Too Many Requests"},
		{"reset", reset(0), "(attempts: 3)"},
		{"reset in the body", reset(100_000), "(attempts: 3)"},
		{"closed", raw(""), "EOF (attempts: 3)"},
		{"truncated", raw("HTTP/1.1 200 OK\r\nContent-Length: 320000\r\n\r\n" + content[:1000]), "unexpected EOF (attempts: 3)"},
		{"truncated chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + content[:10]), "unexpected EOF (attempts: 3)"},
		{"missing last chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n"), "unexpected EOF (attempts: 3)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, first(2, tt.bad))
			if got, err := get(t, quick(s.URL)); got != content || err != nil || s.requests.Load() != 3 {
				t.Errorf("got %d bytes, %v after %d requests, want %d after 3", len(got), err, s.requests.Load(), len(content))
			}
			s = serve(t, first(3, tt.bad))
			_, err := get(t, quick(s.URL))
			checkError(t, err, tt.want, "hint: the server may be overloaded or unreachable", fmt.Sprintf("downloading %q", s.URL))
			if s.requests.Load() != 3 {
				t.Errorf("got %d requests, want 3", s.requests.Load())
			}
		})
	}
}

// TestSilent checks that an attempt ends if the server sends nothing or too little.
func TestSilent(t *testing.T) {
	for name, bad := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"no body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "320000")
			io.WriteString(w, content[:1000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"dribble": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "0")
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, bad)
			a := quick(s.URL)
			a.Timeout, a.Attempts = 200*time.Millisecond, 2
			start := time.Now()
			_, err := get(t, a)
			checkError(t, err, "the server was silent, or slower than 1000 bytes a second, for 200 ms (attempts: 2)")
			if took := time.Since(start); took < 2*a.Timeout || s.requests.Load() != 2 {
				t.Errorf("got %d requests in %v, want 2 in at least %v", s.requests.Load(), took, 2*a.Timeout)
			}
		})
	}
}

// TestSlowReader checks that only the server's time counts.
func TestSlowReader(t *testing.T) {
	s := serve(t, first(0, nil))
	a := quick(s.URL)
	a.Timeout, a.Attempts = 300*time.Millisecond, 1
	r, err := Get(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.Sleep(2 * a.Timeout)
	if data, err := io.ReadAll(r); string(data) != content || err != nil {
		t.Errorf("got %d bytes, %v, want %d", len(data), err, len(content))
	}
}

func TestRetryAfter(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, first(1, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header())
				w.WriteHeader(429)
			}))
			start := time.Now()
			got, err := get(t, quick(s.URL))
			if took := time.Since(start); got != content || err != nil || took < 900*time.Millisecond || s.requests.Load() != 2 {
				t.Errorf("got %d bytes, %v after %v and %d requests, want %d after a second and 2", len(got), err, took, s.requests.Load(), len(content))
			}
		})
	}
}

// TestResume checks that a download resumes after a broken connection.
func TestResume(t *testing.T) {
	var ranges []string
	seen := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
		w.Header().Set("ETag", `"v1"`)
		if seen++; seen == 1 {
			w = &breaking{w, 100_000}
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	got, err := get(t, quick(s.URL))
	if got != content || err != nil {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(content))
	}
	if want := []string{" ", `bytes=100000- "v1"`}; len(ranges) != 2 || ranges[0] != want[0] || ranges[1] != want[1] {
		t.Errorf("got ranges %q, want %q", ranges, want)
	}
}

// breaking breaks the connection after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) < b.left {
		b.left -= len(p)
		return b.ResponseWriter.Write(p)
	}
	b.ResponseWriter.Write(p[:b.left])
	b.ResponseWriter.(http.Flusher).Flush()
	time.Sleep(20 * time.Millisecond)
	panic(http.ErrAbortHandler)
}

// TestChanged checks that a file that changes between two attempts is an error.
func TestChanged(t *testing.T) {
	other := "x" + content[1:]
	partial := func(head string) http.HandlerFunc {
		return raw("HTTP/1.1 206 Partial Content\r\n" + head + "\r\n\r\n" + content)
	}
	for _, tt := range []struct {
		name   string
		etag   string
		second http.HandlerFunc
		want   string
	}{
		{"content", "", status(200, other), "the file changed between two attempts"},
		{"content with other tag", `"v1"`, status(200, other), "the file changed between two attempts"},
		{"size", "", raw("HTTP/1.1 200 OK\r\nContent-Length: 320001\r\n\r\n" + content + "x"), "got 320001 bytes after 320000 in an earlier attempt"},
		{"range", `"v1"`, partial("Content-Range: bytes 99999-319999/320000\r\nContent-Length: 220001"), `Content-Range: got "bytes 99999-319999/320000", want "bytes 100000-…"`},
		{"no range", `"v1"`, partial("Content-Length: 220000"), `Content-Range: got "", want "bytes 100000-…"`},
		{"range of another size", `"v1"`, partial("Content-Range: bytes 100000-319998/319999\r\nContent-Length: 219999"), "got 319999 bytes after 320000"},
		{"unasked range", `W/"v1"`, partial("Content-Range: bytes 100000-319999/320000\r\nContent-Length: 220000"), "status: got 206 Partial Content, want 200 OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := 0
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if seen++; seen > 1 {
					tt.second(w, r)
					return
				}
				if tt.etag != "" {
					w.Header().Set("ETag", tt.etag)
				}
				http.ServeContent(&breaking{w, 100_000}, r, "", time.Time{}, strings.NewReader(content))
			})
			got, err := get(t, quick(s.URL))
			checkError(t, err, tt.want)
			if s.requests.Load() != 2 || got != content[:100_000] {
				t.Errorf("got %d bytes after %d requests, want the first 100000 after 2", len(got), s.requests.Load())
			}
		})
	}
}

// TestLonger checks a file that has grown between two attempts.
func TestLonger(t *testing.T) {
	seen := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if seen++; seen == 1 {
			reset(100_000)(w, r)
			return
		}
		io.WriteString(w, content+"x") // no length: chunked
	})
	_, err := get(t, quick(s.URL))
	checkError(t, err, "got more than 320000 bytes: the file changed between two attempts")
}
