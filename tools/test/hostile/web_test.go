//go:build linux

package hostile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

// bringFile downloads a file from a URL into the store, by its digest.
func bringFile(c *cell) error {
	s, err := c.store()
	if err != nil {
		return err
	}
	a := download.Args{URL: c.vars["url"], MaxSize: 8 << 20, Timeout: 2 * time.Second, Attempts: 2, Backoff: time.Millisecond}
	return s.Bring(c.ctx, digest.Digest(someDigest), store.FetchFunc(func(ctx context.Context) (io.ReadCloser, error) { return download.Get(ctx, a) }))
}

// webServers are servers of files that lie, or send without end.
func webServers() []hazard {
	var all []hazard
	add := func(name, want string, h http.HandlerFunc) {
		all = append(all, hazard{name: name, want: want, feed: bringFile, never: "hunter2", prepare: func(p *prep) { p.serve(h) }})
	}
	location := func(name, want, to string) {
		all = append(all, hazard{name: name, want: `downloading "{url}": ` + want, feed: bringFile, prepare: func(p *prep) {
			p.serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, p.expand(to), http.StatusFound) })
		}})
	}
	url := func(name, want, url string) {
		all = append(all, hazard{name: name, want: want, feed: bringFile, never: "hunter2", prepare: func(p *prep) { p.set("url", p.expand(url)) }})
	}
	const at = `downloading "{url}": `
	add("another file", `digest of fetched file: got sha256:`, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "evil") })
	add("without an end", at+`size: got 8388609 bytes or more, want at most 8388608`, func(w http.ResponseWriter, r *http.Request) { forever(w, r, strings.Repeat("x", 64<<10)) })
	add("larger than may be", at+`size: got 1099511627776 bytes or more, want at most 8388608`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
		w.WriteHeader(http.StatusOK)
	})
	add("shorter than it says", at+`unexpected EOF (attempts: 2)`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "abc")
	})
	add("silence", at+`the server was silent`, hang)
	add("a byte now and then", at+`the server was silent, or slower than 1000 bytes a second`, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	add("wait for a year", at+`status: got 503 Service Unavailable, want 200 OK`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "31536000")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	add("headers without an end", at, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 50_000 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 100))
		}
	})
	add("another range than asked for", at, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", "100")
		if r.Header.Get("Range") != "" {
			w.Header().Set("Content-Range", "bytes 0-99/100")
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, "abc")
	})
	add("another file each time", at, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, time.Now().Format(time.RFC3339Nano)+strings.Repeat("x", 20))
	})
	location("redirect to a file", `redirect to "file://{outside}/x": want http or https`, "file://{outside}/x")
	location("redirect to itself", `got more than 10 redirects`, "{url}")
	location("redirect with a user", `redirect to "http://{host}/": URL has a user, want none`, "http://me:hunter2@{host}/")
	location("redirect to a command", `redirect to "ext:`, "ext::sh -c x")
	url("command", `downloading "ext::`, "ext::touch {base}/x")
	url("file that is a directory", `got d---------, want a regular file`, "file://{outside}")
	url("file of another machine", `want an absolute path on this machine`, "file://example.com/x")
	url("device", `want a regular file`, "file:///dev/zero")
	url("secret in a URL that is wrong", `it is not valid`, "http://me:hunter2@[::1/x")
	return all
}
