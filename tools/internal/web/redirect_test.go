package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCheckRedirect checks which redirects are allowed, and the errors for the others.
func TestCheckRedirect(t *testing.T) {
	request := func(s string) *http.Request {
		method, s, _ := strings.Cut(s, " ")
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{Method: method, URL: u, Header: http.Header{}}
	}
	for _, tt := range []struct{ from, to, err string }{
		{"GET https://registry.example", "GET https://storage.example", ""},
		{"GET https://registry.example", "GET https://169.254.169.254/latest", "want none to a private address"},
		{"GET https://registry.example", "GET https://10.1.2.3", "private address"},
		{"GET https://registry.example", "GET https://[fe80::1]", "private address"},
		{"GET https://registry.example", "GET https://[::ffff:10.1.2.3]", "private address"},
		{"GET https://registry.example", "GET https://0.0.0.0", "private address"},
		{"GET https://registry.example", "GET https://localhost", "private address"},
		{"GET https://registry.example", "GET https://LOCALHOST.:8443", "private address"},
		{"GET https://registry.example", "GET https://a.localhost", "private address"},
		{"GET http://registry.example", "GET http://[::1]", "private address"},
		{"GET https://10.1.2.3", "GET https://10.1.2.4", ""},
		{"GET https://10.1.2.3", "GET https://169.254.169.254", "private address"},
		{"GET https://10.1.2.3", "GET https://127.0.0.1", "private address"},
		{"GET https://10.1.2.3", "GET https://10.1.2.3/there", ""},
		{"GET https://Registry.example", "GET https://registry.example.:444", ""},
		{"GET http://127.0.0.1:5000", "GET http://127.0.0.1:5001", ""},
		{"GET http://127.0.0.1:5000", "GET https://10.1.2.3", ""},
		{"GET https://registry.example", "GET http://storage.example/x?s3cr3t", `redirect from https to "http://storage.example/x": want https`},
		{"GET https://127.0.0.1:5000", "GET http://127.0.0.1:5000", "redirect from https"},
		{"GET http://a.example", "GET file:///etc/passwd", `redirect to "file:///etc/passwd": want http or https`},
		{"GET http://a.example", "GET http://me:s3cr3t@b.example", `redirect to "http://b.example": URL has a user, want none`},
		{"POST http://a.example", "GET http://b.example", "redirect changes the method from POST to GET"},
	} {
		err := CheckRedirect(request(tt.to), []*http.Request{request(tt.from)})
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s to %s: got %v, want %q", tt.from, tt.to, err, tt.err)
		}
	}
	far := make([]*http.Request, maxRedirects+1)
	for i := range far {
		far[i] = request("GET https://a.example")
	}
	if err := CheckRedirect(far[0], far); err == nil || err.Error() != "got more than 10 redirects" {
		t.Errorf("got %v", err)
	}
	if err := CheckRedirect(far[0], far[1:]); err != nil {
		t.Errorf("10 redirects: got %v", err)
	}
}
