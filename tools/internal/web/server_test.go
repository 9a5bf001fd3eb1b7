package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/web"
)

func serve(t *testing.T, f http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func send(t *testing.T, c *http.Client, method, url string, body io.Reader) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

// idle is long enough for a busy machine.
const idle = 600 * time.Millisecond

func quick(attempts int) web.Retry { return web.Retry{Attempts: attempts, Pause: time.Millisecond} }

func client(attempts int, idle time.Duration) *http.Client {
	return web.Client(web.New(web.Config{Retry: quick(attempts), Idle: idle}))
}

// TestIdle uses a server that is silent, or slow but not silent.
func TestIdle(t *testing.T) {
	var n atomic.Int32
	over := make(chan struct{}) // a server that does not read cannot see that its client is gone
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w).Flush
		wait := func() {
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}
		switch r.URL.Path {
		case "/header":
			wait()
		case "/body":
			fmt.Fprint(w, "some")
			_ = flush()
			wait()
		case "/once":
			if n.Add(1) == 1 {
				wait()
			}
			fmt.Fprint(w, "done")
		case "/slow":
			for range 8 {
				fmt.Fprint(w, ".")
				_ = flush()
				time.Sleep(idle / 6)
			}
		case "/upload":
			_ = http.NewResponseController(w).EnableFullDuplex()
			wait() // takes nothing
		case "/take":
			size, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, size)
		}
	})
	t.Cleanup(func() { close(over) })
	for _, tt := range []struct {
		path, method string
		body         io.Reader
		want         string // of the answer; else it is an idle one
	}{
		{"/header", "GET", nil, ""},
		{"/body", "GET", nil, ""},
		{"/once", "GET", nil, "done"},
		{"/slow", "GET", nil, "........"},
		{"/upload", "PUT", bytes.NewReader(make([]byte, 64<<20)), ""},
		{"/take", "PUT", bytes.NewReader(make([]byte, 1<<20)), "1048576"},
		{"/take", "POST", &slow{n: 8}, "8"},
	} {
		start := time.Now()
		attempts := 1
		if tt.path == "/once" {
			attempts = 2
		}
		got, err := send(t, client(attempts, idle), tt.method, s.URL+tt.path, tt.body)
		if tt.want != "" {
			if got != tt.want || err != nil {
				t.Errorf("%s: got %q, %v, want %q", tt.path, got, err, tt.want)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "the server was silent for 600 ms") || !strings.Contains(hints(err), "run this again") || time.Since(start) > 10*idle {
			t.Errorf("%s: got %q, %v after %v, want that it was idle", tt.path, got, err, time.Since(start))
		}
	}
}

// slow is a body that takes longer than idle to make.
type slow struct{ n int }

func (s *slow) Read(p []byte) (int, error) {
	if s.n == 0 {
		return 0, io.EOF
	}
	if s.n--; s.n == 3 {
		time.Sleep(2 * idle)
	}
	return copy(p, "."), nil
}

// TestSlowReader checks that a client that reads slowly is not idle.
func TestSlowReader(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 8<<20)) })
	resp, err := client(1, idle).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.Sleep(2 * idle)
	if n, err := io.Copy(io.Discard, resp.Body); n != 8<<20 || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
}

// TestResets uses a server that breaks connections.
func TestResets(t *testing.T) {
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, len(body))
	})
	body := strings.Repeat("x", 1<<20)
	if got, err := send(t, client(5, time.Minute), "PUT", s.URL, strings.NewReader(body)); got != "1048576" || err != nil {
		t.Errorf("PUT: got %q, %v", got, err)
	}
	n.Store(0)
	if got, err := send(t, client(5, time.Minute), "POST", s.URL, strings.NewReader(body)); err == nil {
		t.Errorf("POST: got %q, want an error", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if _, err := client(5, time.Minute).Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if got, err := send(t, client(1, time.Minute), "GET", "http://127.0.0.1:1/?sig=s3cr3t", nil); err == nil || strings.Contains(web.Redact(err).Error(), "s3cr3t") {
		t.Errorf("refused: got %q, %v", got, err)
	}
}

// TestTLS checks that a server with an untrusted certificate gets one request.
func TestTLS(t *testing.T) {
	var n atomic.Int32
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	tr := web.New(web.Config{Retry: quick(5), Base: roundTripper(func(r *http.Request) (*http.Response, error) {
		n.Add(1)
		return web.NewTransport().RoundTrip(r)
	})})
	if _, err := send(t, web.Client(tr), "GET", s.URL, nil); err == nil || n.Load() != 1 || !strings.Contains(hints(err), "the TLS certificate does not match the host") {
		t.Errorf("got %v after %d attempts", err, n.Load())
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRedirects checks the targets of redirects and the headers that are sent there.
func TestRedirects(t *testing.T) {
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		fmt.Fprint(w, "other")
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/end":
			seen = r.Header.Clone()
			fmt.Fprint(w, "end")
		}
	})
	secure := httptest.NewTLSServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer secure.Close()
	private := []string{"Authorization", "Cookie", "Referer", "X-Session-Token"}
	get := func(url string) (string, error) {
		c := web.Client(web.New(web.Config{Base: secure.Client().Transport, Retry: quick(1)}))
		req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		req.Header.Set("Accept", "text/plain")
		for _, name := range private {
			req.Header.Set(name, "hunter2")
		}
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return string(data), err
	}
	if got, err := get(s.URL + "/same"); got != "end" || err != nil || seen.Get("Authorization") != "hunter2" {
		t.Errorf("same host: got %q, %v, %v", got, err, seen)
	}
	if got, err := get(s.URL + "/other"); got != "other" || err != nil || seen.Get("Accept") != "text/plain" {
		t.Errorf("other host: got %q, %v, %v", got, err, seen)
	}
	for _, name := range private {
		if v := seen.Values(name); len(v) > 0 {
			t.Errorf("another host got %s: %q", name, v)
		}
	}
	if got, err := get(s.URL + "/loop"); err == nil || !strings.Contains(err.Error(), "more than 10 redirects") {
		t.Errorf("loop: got %q, %v", got, err)
	}
	if got, err := get(secure.URL); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("redirect from https to %q: want https", other.URL)) {
		t.Errorf("https to http: got %q, %v", got, err)
	}
}
