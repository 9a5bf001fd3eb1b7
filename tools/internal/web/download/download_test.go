package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// content is a file of several reads.
var content = strings.Repeat("0123456789abcdef", 20_000)

// server serves one handler, and counts the requests.
type server struct {
	*httptest.Server
	requests atomic.Int32
}

func serve(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// quick returns arguments with short times.
func quick(url string) Args {
	return Args{URL: url, Timeout: 5 * time.Second, Attempts: 3, Backoff: time.Millisecond}
}

// get reads the whole file.
func get(t *testing.T, a Args) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Get(ctx, a)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

// printed returns an error with its hints, as a command prints it.
func printed(err error) string {
	var b strings.Builder
	if err != nil {
		cli.Fail(&b, "x", err)
	}
	return b.String()
}

func checkError(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := printed(err); !strings.Contains(got, w) {
			t.Errorf("got %q, want %q in it", got, w)
		}
	}
}

func TestGet(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			io.WriteString(w, content)
		},
		"chunked": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, content)
		},
		"as it is": func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "identity" {
				t.Errorf("Accept-Encoding: got %q, want identity", got)
			}
			if got := r.Header.Get("User-Agent"); got != "release-builder" {
				t.Errorf("User-Agent: got %q", got)
			}
			w.Header().Set("Content-Encoding", "gzip") // as some servers do for a .tar.gz
			io.WriteString(w, content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, handler)
			got, err := get(t, quick(s.URL))
			if got != content || err != nil || s.requests.Load() != 1 {
				t.Errorf("got %d bytes, %v after %d requests, want %d after 1", len(got), err, s.requests.Load(), len(content))
			}
		})
	}
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	if got, err := get(t, quick(s.URL)); got != "" || err != nil {
		t.Errorf("empty file: got %q, %v", got, err)
	}
}

func TestProgress(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{s.URL, "file://" + filepath.ToSlash(name)} {
		a := quick(u)
		var all []int64
		a.Progress = func(done, total int64) {
			if total != int64(len(content)) {
				t.Errorf("total: got %d, want %d", total, len(content))
			}
			all = append(all, done)
		}
		if _, err := get(t, a); err != nil {
			t.Fatal(err)
		}
		if len(all) < 2 || !slices.IsSorted(all) || all[len(all)-1] != int64(len(content)) {
			t.Errorf("%s: got %v, want growing numbers up to %d", u, all, len(content))
		}
	}
}

// TestRefused checks responses without the file, and that they are not requested again.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    []string
	}{
		{"404", http.NotFound, []string{"status: got 404 Not Found, want 200 OK", "hint: check the URL"}},
		{"401", status(401, ""), []string{"status: got 401 Unauthorized", "hint: the server requires credentials"}},
		{"403", status(403, ""), []string{"status: got 403 Forbidden", "hint: the server requires credentials"}},
		{"204", status(204, ""), []string{"status: got 204 No Content, want 200 OK"}},
		{"206", status(206, "x"), []string{"status: got 206 Partial Content, want 200 OK"}},
		{"304", status(304, ""), []string{"status: got 304 Not Modified"}},
		{"501", status(501, ""), []string{"status: got 501 Not Implemented"}},
		{"redirect to nowhere", status(302, ""), []string{"status: got 302 Found"}},
		{"no length", raw("HTTP/1.0 200 OK\r\n\r\nhalf"), []string{"the server does not say how long the file is"}},
		{"no HTTP", raw("SSH-2.0-x\r\n"), []string{"malformed HTTP"}},
		{"endless head", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100_000)), []string{"response headers exceeded"}},
		{"large", raw("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n"), []string{"size: got 1048577 bytes or more, want at most 1048576"}},
		{"endless", endless, []string{"bytes or more, want at most 1048576"}},
		{"Retry-After", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}, []string{"status: got 429 Too Many Requests", "the server asks us to wait 1h0m0s", "hint: run this again after 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handler)
			a := quick(s.URL + "/file")
			a.MaxSize = 1 << 20
			got, err := get(t, a)
			checkError(t, err, append(tt.want, fmt.Sprintf("downloading %q: ", s.URL+"/file"))...)
			if s.requests.Load() != 1 || len(got) > 1<<20+1 {
				t.Errorf("got %d bytes after %d requests, want no more than the limit after 1", len(got), s.requests.Load())
			}
		})
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// raw answers with the given bytes and closes the connection.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, answer)
		conn.Close()
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, content)
	}
}

func TestURL(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ url, want string }{
		{"gs://bucket/file", `downloading "gs://bucket/file": scheme: got "gs", want http, https or file`},
		{"/file", `downloading "/file": scheme: got ""`},
		{"https://me:hunter2@h:x/", "parsing a URL to download: it is not valid"},
		{"file://host/x", `downloading "file://host/x": want an absolute path on this machine`},
		{"file:x", "want an absolute path on this machine"},
		{"file://" + filepath.ToSlash(dir), "want a regular file"},
		{"file://" + filepath.ToSlash(dir) + "/none", "hint: check the URL: it names a file on this machine"},
		{"http://127.0.0.1:1/x", "connection refused"},
	} {
		_, err := get(t, quick(tt.url))
		checkError(t, err, tt.want)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a b")
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(name)}
	if got, err := get(t, Args{URL: u.String()}); got != content || err != nil {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(content))
	}
	_, err := get(t, Args{URL: u.String(), MaxSize: 10})
	checkError(t, err, "size: got 320000 bytes or more, want at most 10")
	if _, err := get(t, Args{URL: u.String() + ".none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
	for _, size := range []int64{10, int64(len(content)) + 10} {
		r, err := Get(t.Context(), Args{URL: u.String()})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		checkError(t, errors.Join(err, r.Close()), "the file changed while it was read")
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, content)
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	a := quick(s.URL)
	a.Timeout = time.Minute
	r, err := Get(ctx, a)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		r.Close()
	}
	if !errors.Is(err, context.Canceled) || s.requests.Load() != 1 {
		t.Errorf("got %v and %d requests, want %v and no other", err, s.requests.Load(), context.Canceled)
	}
}

func TestClosed(t *testing.T) {
	s := serve(t, endless)
	r, err := Get(t.Context(), quick(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("reading nothing: got %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = r.Read(make([]byte, 1))
	checkError(t, err, "read after Close")
}
