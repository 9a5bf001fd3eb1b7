package gomod

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestForward has a proxy fail once, want a password, and lack a module.
func TestForward(t *testing.T) {
	const password = "canary-4"
	for _, tt := range []struct {
		name    string
		handler func(next http.Handler) http.Handler
		again   bool   // a request is repeated
		user    string // in the URL
		query   string
		want    string // error, or none
	}{
		{name: "as it is"},
		{name: "busy once", again: true, handler: once(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })},
		{name: "broken once", again: true, handler: once(func(http.ResponseWriter) { panic(http.ErrAbortHandler) })},
		{name: "password in the URL", handler: secret(password), user: "me:" + password + "@"},
		{name: "a redirect within the proxy", handler: moved("/moved")},
		{name: "no password", handler: secret(password), want: "401"},
		{name: "another version", query: "v9.9.9", want: "example.com/left@v9.9.9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.handler != nil {
				w.server.Handle(tt.handler)
			}
			u, err := url.Parse(w.server.URL)
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("GOPROXY", "http://"+tt.user+u.Host)
			query := tt.query
			if query == "" {
				query = "v1.1.0"
			}
			var mu sync.Mutex
			var said strings.Builder
			g := w.fresh(t)
			g.Log = func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&said, format+"\n", args...)
			}
			version, err := g.Download(t.Context(), "example.com/left", query)
			switch {
			case tt.want == "" && (err != nil || version != query):
				t.Errorf("got %q, %v, want %q", version, err, query)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), u.Host)):
				t.Errorf("got %v, want %q and the proxy's address in it", err, tt.want)
			}
			if tt.again != strings.Contains(said.String(), u.Host) {
				t.Errorf("said %q: want a line about the proxy only if a request is repeated", said.String())
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("got the password in %v", err)
			}
		})
	}
}

// TestForwardNetrc has a proxy that wants a password, which only the go command knows.
func TestForwardNetrc(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewTLSServer(secret("canary-4")(http.FileServer(http.Dir(w.proxy.Dir))))
	defer server.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"NETRC":         "machine " + server.Listener.Addr().String() + " login me password canary-4\n",
		"SSL_CERT_FILE": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, file)
	}
	t.Setenv("GOPROXY", server.URL)
	if version, err := w.fresh(t).Download(t.Context(), "example.com/left", "v1.1.0"); err != nil || version != "v1.1.0" {
		t.Errorf("got %q, %v, want v1.1.0", version, err)
	}
}

// moved redirects each request to a path below another one.
func moved(to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, to) {
				http.Redirect(w, r, to+r.URL.Path, http.StatusFound)
				return
			}
			http.StripPrefix(to, next).ServeHTTP(w, r)
		})
	}
}

// once answers the first request by another function.
func once(first func(w http.ResponseWriter)) func(http.Handler) http.Handler {
	done := false
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !done {
				done = true
				first(w)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// secret wants a password.
func secret(password string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, got, _ := r.BasicAuth(); got != password {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestForwardList replaces the proxies in a GOPROXY, and nothing else.
func TestForwardList(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })) //nolint:errcheck // the test reads it
	defer server.Close()
	f, got, err := forward("file:///store,"+server.URL+"/a/|"+server.URL+"/b,direct", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if want := "file:///store," + f.base + "/0|" + f.base + "/1,direct"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for path, want := range map[string]string{"/0/x/@v/list": "/a/x/@v/list", "/1/!x/@v/v1.zip": "/b/!x/@v/v1.zip"} {
		r, err := http.Get(f.base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if r.Body.Close(); err != nil || string(body) != want {
			t.Errorf("%s: got %q, %v, want %q", path, body, err, want)
		}
	}
	if f, got, err := forward("off", nil); f != nil || got != "off" || err != nil {
		t.Errorf("off: got %v, %q, %v", f, got, err)
	}
}
