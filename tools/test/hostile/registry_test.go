//go:build linux

package hostile

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
)

// bring fetches the image of a lock entry.
func bring(c *cell) error {
	a, err := pinArgs(c)
	if err != nil {
		return err
	}
	d := digest.Digest(someDigest)
	return baseimage.Bring(c.ctx, a, &lock.Image{Name: "app", Base: a.Base, Digest: d, Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: d, Size: 1}}})
}

// A fakeRegistry answers as in distribution-spec v1.1, or with its handlers.
type fakeRegistry struct {
	blobs           map[string][]byte // by digest; and by tag
	ping            http.HandlerFunc  // /v2/
	manifest, layer http.HandlerFunc
	layers          map[string]bool // the digests that the handler layer answers
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	id := parts[len(parts)-1]
	switch {
	case id == "": // /v2/
		if f.ping != nil {
			f.ping(w, r)
		}
	case f.manifest != nil && strings.Contains(r.URL.Path, "/manifests/"):
		f.manifest(w, r)
	case f.layer != nil && f.layers[id]:
		f.layer(w, r)
	case f.blobs[id] == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", manifestType)
		}
		_, _ = w.Write(f.blobs[id])
	}
}

// newRegistry returns a registry with the image app:1, which has one layer.
func newRegistry(p *prep) *fakeRegistry {
	f := &fakeRegistry{blobs: map[string][]byte{}, layers: map[string]bool{}}
	add := func(mediaType string, data []byte) descriptor {
		d := describeBlob(mediaType, data)
		f.blobs[d.Digest] = data
		return d
	}
	layer := add(layerType, tarOf(p, func(w *tarWriter) { w.file("a", "a") }))
	f.layers[layer.Digest] = true
	config := add(configType, marshal(p, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"diff_ids": []string{layer.Digest}}}))
	m := marshal(p, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{layer}})
	f.blobs["1"] = m
	add(manifestType, m)
	return f
}

// registries are registries that lie, or send without end.
func registries() []hazard {
	var all []hazard
	feedTo := func(feed func(*cell) error, name, want string, prepare func(p *prep, f *fakeRegistry)) {
		all = append(all, hazard{name: "registry: " + name, want: want, feed: feed, never: "hunter2", prepare: func(p *prep) {
			f := newRegistry(p)
			p.serve(f.ServeHTTP)
			p.set("image", p.vars["host"]+"/app:1")
			prepare(p, f)
		}})
	}
	add := func(name, want string, prepare func(p *prep, f *fakeRegistry)) {
		feedTo(pin, name, `image "app": base "{image}": …requesting …`+want, prepare)
	}
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	endless := func(w http.ResponseWriter, r *http.Request) { forever(w, r, strings.Repeat(" ", 64<<10)) }
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
	}
	feedTo(bring, "another manifest than the digest says", `lock entry "app": base "{image}": manifest `+someDigest+`: digest: got sha256:`, func(_ *prep, f *fakeRegistry) {
		f.blobs[someDigest] = f.blobs["1"]
	})
	add("another layer", `digest: got sha256:`, func(p *prep, f *fakeRegistry) { f.layer = text(strings.Repeat("x", 2048)) })
	add("short layer", `Content-Length: got 3 bytes, want 2048`, func(_ *prep, f *fakeRegistry) { f.layer = text("abc") })
	add("endless manifest", `size: got more than 4194304 bytes`, func(_ *prep, f *fakeRegistry) { f.manifest = endless })
	add("endless layer", `size: got more than 2048 bytes, want 2048`, func(_ *prep, f *fakeRegistry) { f.layer = endless })
	add("endless error", `got status 404 Not Found, want 200`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound); endless(w, r) }
	})
	add("error with escape codes", `registry says "X": "\x1b[2J"`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors": [{"code": "X", "message": "\u001b[2J"}]}`)
		}
	})
	add("compressed answer", `Content-Encoding is "gzip", want none`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped(make([]byte, 100<<20)))
		}
	})
	add("redirect without an end", `got more than 10 redirects`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }
	})
	add("redirect to a file", `redirect to "file:…": want http or https`, func(p *prep, f *fakeRegistry) { f.layer = redirect("file://" + p.outside + "/x") })
	add("redirect to plain http", `scheme is "http", want https`, func(_ *prep, f *fakeRegistry) { f.layer = redirect("http://192.0.2.1/x") })
	add("redirect with a secret in it", `got status 403 Forbidden, want 200`, func(p *prep, f *fakeRegistry) {
		f.layer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				http.Redirect(w, r, r.URL.Path+"?signature=hunter2", http.StatusTemporaryRedirect)
				return
			}
			w.WriteHeader(http.StatusForbidden)
		}
	})
	add("redirect that wants the credentials", `got status 403 Forbidden, want 200; registry says "AUTHORIZATION": ""`, func(p *prep, f *fakeRegistry) {
		f.ping = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"errors": [{"code": "AUTHORIZATION", "message": %q}]}`, r.Header.Get("Authorization"))
		}))
		p.Cleanup(other.Close)
		f.layer = redirect(strings.Replace(other.URL, "127.0.0.1", "localhost", 1))
	})
	add("login elsewhere, in plain http", `scheme is "http", want https`, func(_ *prep, f *fakeRegistry) {
		f.ping = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://192.0.2.1/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	add("401 again and again", `got status 401 Unauthorized, want 200`, func(_ *prep, f *fakeRegistry) {
		f.ping = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
		f.manifest = f.ping
	})
	add("token without an end", `body exceeds 65536 byte limit`, func(p *prep, f *fakeRegistry) {
		f.ping = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "" {
				forever(w, r, `{"token": "`+strings.Repeat("x", 64<<10))
				return
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/",service="x"`, p.vars["url"]))
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	add("silence", `the server was silent for 3 s`, func(_ *prep, f *fakeRegistry) { f.manifest = hang })
	add("silence in a layer", `the server was silent for 3 s`, func(_ *prep, f *fakeRegistry) {
		f.layer = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}
	})
	add("busy for ever", `got status 429 Too Many Requests, want 200`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	add("headers without an end", `server response headers exceeded`, func(_ *prep, f *fakeRegistry) {
		f.manifest = func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2_000 { // 200 KB
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 100))
			}
		}
	})
	return all
}
