package download

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// hops redirects /n to /n-1; /0 is the content.
func hops(w http.ResponseWriter, r *http.Request) {
	var n int
	fmt.Sscanf(r.URL.Path, "/%d", &n)
	if n > 0 {
		http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		return
	}
	first(0, nil)(w, r)
}

func TestRedirects(t *testing.T) {
	s := serve(t, hops)
	if got, err := get(t, quick(s.URL+"/10")); got != content || err != nil || s.requests.Load() != 11 {
		t.Errorf("10 redirects: got %d bytes, %v after %d requests", len(got), err, s.requests.Load())
	}
	_, err := get(t, quick(s.URL+"/11"))
	checkError(t, err, fmt.Sprintf("downloading %q: got more than 10 redirects", s.URL+"/11"))
	for _, tt := range []struct{ to, want string }{
		{"ftp://h/x", `redirect to "ftp://h/x": want http or https`},
		{"file:///etc/passwd", `redirect to "file:///etc/passwd": want http or https`},
		{"https://me:hunter2@h/x", `redirect to "https://h/x": URL has a user, want none`},
		{"/gone?token=hunter2", `redirected to "` + "HOST" + `/gone": status: got 404 Not Found`},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gone" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Location", tt.to)
			w.WriteHeader(http.StatusMovedPermanently)
		})
		_, err := get(t, quick(s.URL+"/x?key=hunter2"))
		checkError(t, err, fmt.Sprintf("downloading %q: ", s.URL+"/x"), strings.ReplaceAll(tt.want, "HOST", s.URL))
		if strings.Contains(printed(err), "hunter2") {
			t.Errorf("got %v, want it without the secret", err)
		}
	}
}

// TestTLS checks that a download with TLS is not redirected to one without, and that
// certificates are verified.
func TestTLS(t *testing.T) {
	plain := serve(t, hops)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL+"/0", http.StatusFound)
			return
		}
		hops(w, r)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer secure.Close()
	up := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secure.URL+"/3", http.StatusFound) })

	for _, u := range []string{secure.URL + "/2", up.URL} {
		a := quick(u)
		a.Transport = secure.Client().Transport
		if got, err := get(t, a); got != content || err != nil {
			t.Errorf("%s: got %d bytes, %v, want %d", u, len(got), err, len(content))
		}
	}
	a := quick(secure.URL + "/down")
	a.Transport = secure.Client().Transport
	_, err := get(t, a)
	checkError(t, err, fmt.Sprintf("redirect from https to %q: want https", plain.URL+"/0"))
	if plain.requests.Load() != 0 {
		t.Errorf("got %d requests without TLS, want none", plain.requests.Load())
	}
	_, err = get(t, quick(secure.URL+"/0"))
	checkError(t, err, "certificate")
	if strings.Contains(err.Error(), "attempts") {
		t.Errorf("got %v, want one attempt", err)
	}
}

// TestCredentials checks that credentials in a URL are sent only to its host.
func TestCredentials(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Authorization", "Referer", "Cookie"} {
			if got := r.Header.Get(h); got != "" {
				t.Errorf("%s at another host: got %q, want none", h, got)
			}
		}
		first(0, nil)(w, r)
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(other.URL, "http://"), ":")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "hunter2" {
			t.Errorf("got %q, %q, want me and the password", user, password)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, "http://localhost:"+port+"/", http.StatusFound)
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("me", "hunter2")
	if got, err := get(t, quick(u.String())); got != content || err != nil {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, len(content))
	}
	u.Host = "127.0.0.1:1"
	if _, err := get(t, quick(u.String())); err == nil || strings.Contains(printed(err), "hunter2") {
		t.Errorf("got %v, want an error without the secret", err)
	}
}
