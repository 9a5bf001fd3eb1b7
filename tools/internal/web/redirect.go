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

// Client returns a client whose redirects are those of [CheckRedirect]. Its errors
// show the whole URL, as http.Client has it: [Redact] them.
func Client(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: CheckRedirect}
}

// CheckRedirect is an http.Client's, and says where a redirect may lead:
//
//   - to http and https only, never from https to http, and to no URL with a user;
//   - not to a private or link-local address, nor to this machine: see [CheckTarget];
//   - at most 10 times, and never so that a request becomes one of another method.
//
// Credentials do not go to another host; where the request came from goes nowhere.
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
		return fmt.Errorf("redirect to %q: a user in the URL, want none", Shown(to))
	case req.Method != via[0].Method:
		return fmt.Errorf("redirect of %s makes it %s", via[0].Method, req.Method)
	}
	req.Header.Del("Referer")
	for _, v := range via {
		if !strings.EqualFold(v.URL.Host, to.Host) {
			maps.DeleteFunc(req.Header, func(name string, _ []string) bool { return private(name) })
		}
	}
	return CheckTarget(from, to)
}

// CheckTarget returns an error if what is at from names a URL in the network that the
// client is in: one of another host whose address is private, link-local, or this
// machine's. What is on loopback may name any. Names are not looked up.
func CheckTarget(from, to *url.URL) error {
	a, b := host(from), host(to)
	if a == b || IsLoopback(a) {
		return nil
	}
	addr, err := netip.ParseAddr(b)
	if IsLoopback(b) || strings.HasSuffix(b, ".localhost") ||
		err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()) {
		return fmt.Errorf("got a redirect from %s to %s, want none to a private address", a, b)
	}
	return nil
}

// host returns the host that a URL names, as one may be written in several ways.
func host(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

// NoRedirect is an http.Client's CheckRedirect for a service that answers by itself:
// a redirect is an answer like others.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// private reports whether a header is for one host only, as Authorization is.
func private(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "password", "api-key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
