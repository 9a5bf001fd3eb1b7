package registryclient

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

func TestCheckRedirect(t *testing.T) {
	request := func(s string) *http.Request {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	for _, tc := range []struct{ from, to, err string }{
		{"https://registry.example", "https://storage.example", ``},
		{"https://registry.example", "https://169.254.169.254/latest", `want none to a private address`},
		{"https://registry.example", "https://10.1.2.3", `private address`},
		{"https://registry.example", "http://localhost", `private address`},
		{"https://registry.example", "http://[::1]", `private address`},
		{"https://10.1.2.3", "https://10.1.2.3/there", ``},
		{"http://127.0.0.1:5000", "http://127.0.0.1:5001", ``},
	} {
		wantError(t, CheckRedirect(request(tc.to), []*http.Request{request(tc.from)}), tc.err)
	}
	wantError(t, CheckRedirect(request("https://a"), make([]*http.Request, 10)), `got more than 10 redirects`)
	_, err := Guard(refuser{}).RoundTrip(request("http://registry.example"))
	wantError(t, err, `^connecting to registry.example: scheme is "http", want https$`)
	_, err = Guard(refuser{}).RoundTrip(request("http://127.0.0.1"))
	wantError(t, err, `^no network for http$`)
}

func TestStatusError(t *testing.T) {
	wantError(t, &StatusError{Status: 404}, `^got status 404 Not Found, want 200$`)
	wantError(t, &StatusError{Status: 500, Want: []int{202, 201}}, `^got status 500 Internal Server Error, want 201 or 202$`)
}

// A refuser has no network.
type refuser struct{}

func (refuser) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, errors.New("no network for " + req.URL.Scheme)
}

// wantError checks err against a regular expression; empty means no error.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got error %q, want none", err)
	case want != "" && err == nil:
		t.Errorf("got no error, want %q", want)
	case want != "" && !regexp.MustCompile(want).MatchString(err.Error()):
		t.Errorf("got error %q, want %q", err, want)
	}
}
