package registryclient

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

func TestGuard(t *testing.T) {
	request := func(s string) *http.Request {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	_, err := Guard(refuser{}).RoundTrip(request("http://registry.example"))
	wantError(t, err, `^connecting to registry.example: scheme is "http", want https$`)
	_, err = Guard(refuser{}).RoundTrip(request("http://127.0.0.1"))
	wantError(t, err, `^no network for http$`)
}

func TestStatusError(t *testing.T) {
	wantError(t, &StatusError{Status: 404}, `^got status 404 Not Found, want 200$`)
	wantError(t, &StatusError{Status: 500, Want: []int{202, 201}}, `^got status 500 Internal Server Error, want 201 or 202$`)
}

// A refuser refuses every request.
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
