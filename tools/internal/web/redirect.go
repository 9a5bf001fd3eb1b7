package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const maxRedirects = 10

// Client returns a client with [CheckRedirect]. Like those of any http.Client, its errors
// have the whole URL: [Redact] them.
func Client(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: CheckRedirect}
}

// CheckRedirect is the CheckRedirect of an http.Client. It refuses
//
//   - schemes other than http and https, redirects from https to http, and URLs with a user;
//   - private and link-local addresses, and this machine: see [CheckTarget];
//   - more than 10 redirects, and redirects that change the method.
//
// Credentials are not sent to another host. Referer is never sent.
func CheckRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, req.URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("got more than %d redirects", maxRedirects)
	case to.Scheme != "https" && to.Scheme != "http":
		return fmt.Errorf("redirect to %q: want http or https", Shown(to))
	case from.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("redirect from https to %q: want https", Shown(to))
	case to.User != nil:
		return fmt.Errorf("redirect to %q: URL has a user, want none", Shown(to))
	case req.Method != via[0].Method:
		return fmt.Errorf("redirect changes the method from %s to %s", via[0].Method, req.Method)
	}
	req.Header.Del("Referer")
	for _, v := range via {
		if !strings.EqualFold(v.URL.Host, to.Host) {
			maps.DeleteFunc(req.Header, func(name string, _ []string) bool { return private(name) })
		}
	}
	return CheckTarget(from, to)
}

// CheckTarget returns an error if a response from one URL leads to another host whose
// address is private, link-local or this machine's. A host on loopback may lead to any, and
// one with a private address to another in such a network. Names are not resolved.
func CheckTarget(from, to *url.URL) error {
	a, b := host(from), host(to)
	if a == b || IsLoopback(a) {
		return nil
	}
	source, _ := netip.ParseAddr(a) // no address of a name is private
	addr, err := netip.ParseAddr(b)
	if IsLoopback(b) || strings.HasSuffix(b, ".localhost") ||
		err == nil && (addr.IsPrivate() && !source.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()) {
		return fmt.Errorf("got a redirect from %s to %s, want none to a private address", a, b)
	}
	return nil
}

// host returns the host of a URL in one normal form.
func host(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

// NoRedirect is a CheckRedirect that follows no redirect: the client returns it as the
// response.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// private reports whether a header is for one host only, such as Authorization.
func private(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "password", "api-key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
