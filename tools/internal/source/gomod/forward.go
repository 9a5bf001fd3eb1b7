package gomod

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A forwarder is a server on loopback between the go command and the user's module proxies. It
// repeats requests that fail, and ends those whose answer does not come; the go command does
// neither, and waits for a silent proxy for ever.
type forwarder struct {
	server    *http.Server
	transport *web.Transport
	base      string   // its URL
	to        []string // URLs of the proxies
	refused   atomic.Bool
}

// element matches an element of GOPROXY (https://go.dev/ref/mod#environment-variables).
var element = regexp.MustCompile(`[^,|]+`)

// forward returns a forwarder, and the GOPROXY that leads to it in place of the proxies in
// goproxy; nil if there are none. It prints a line with log, which may be nil, for each request
// that it repeats.
func forward(goproxy string, log func(format string, args ...any)) (*forwarder, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("serving the go command: %w", err)
	}
	f := &forwarder{transport: web.New(web.Config{Retry: web.Retry{Log: log}}), base: "http://" + listener.Addr().String()}
	mux := http.NewServeMux()
	replaced := element.ReplaceAllStringFunc(goproxy, func(text string) string {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return text
		}
		prefix := fmt.Sprintf("/%d", len(f.to))
		f.to = append(f.to, strings.TrimSuffix(u.Redacted(), "/"))
		mux.Handle(prefix+"/", http.StripPrefix(prefix, f.proxy(u, f.base+prefix)))
		return f.base + prefix
	})
	if len(f.to) == 0 {
		return nil, goproxy, listener.Close()
	}
	f.server = &http.Server{Handler: mux}
	go f.server.Serve(listener) //nolint:errcheck // close ends it
	return f, replaced, nil
}

// forwarded calls run with a GOPROXY that leads to the proxies in goproxy by a forwarder. If one
// of them wants credentials, it calls run again with goproxy.
func (g *Go) forwarded(goproxy string, run func(goproxy string) error) error {
	f, replaced, err := forward(goproxy, g.Log)
	if err != nil {
		return err
	}
	err = run(replaced)
	if f.close() && err != nil {
		return run(goproxy)
	}
	if err != nil {
		err = &plainError{f.plain(err.Error()), err}
	}
	return err
}

// A plainError has another text than the error that it wraps.
type plainError struct {
	text string
	error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.error }

// proxy returns the handler for one proxy, whose URL is at for the go command.
func (f *forwarder) proxy(to *url.URL, at string) http.Handler {
	base := strings.TrimSuffix((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String(), "/")
	return &httputil.ReverseProxy{
		Transport: f.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if to.User != nil {
				password, _ := to.User.Password()
				r.Out.SetBasicAuth(to.User.Username(), password)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden {
				f.refused.Store(true)
			}
			// A redirect within the proxy stays in the forwarder.
			location, err := r.Location()
			if err != nil {
				return nil // there is none
			}
			text := location.String()
			if rest, ok := strings.CutPrefix(text, base); ok && strings.HasPrefix(rest, "/") {
				text = at + rest
			}
			r.Header.Set("Location", text)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, web.Redact(err).Error(), http.StatusBadGateway)
		},
	}
}

// close ends the forwarder. It reports whether a proxy wants credentials: the go command knows
// those in netrc, and programs that GOAUTH names.
func (f *forwarder) close() (refused bool) {
	if f == nil {
		return false
	}
	_ = f.server.Close() // no request is left
	f.transport.CloseIdleConnections()
	return f.refused.Load()
}

// plain replaces the forwarder's URLs in a text by those of the proxies.
func (f *forwarder) plain(text string) string {
	if f == nil {
		return text
	}
	for n, to := range f.to {
		text = strings.ReplaceAll(text, fmt.Sprintf("%s/%d", f.base, n), to)
	}
	return text
}
