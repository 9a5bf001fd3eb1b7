package registryclient

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/errtest"
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

var wantError = errtest.Match
