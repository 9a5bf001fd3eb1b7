package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A damage is what somebody does to a destination after release 1 was published.
type damage struct {
	name    string
	profile string
	do      func(w *world)
	want    string // in the error
	deep    bool   // only --deep can see it
}

// object returns a damage of an object in a bucket.
func object(bucket, key, what string, change func(o *buckettest.Object), want string) damage {
	return damage{name: bucket + " " + key + ": " + what, profile: "cloud", want: want, do: func(w *world) {
		b := w.gcs
		if bucket == "s3" {
			b = w.s3
		}
		for _, k := range b.Keys() {
			if !strings.HasPrefix(k, key) || strings.HasSuffix(key, "/") && !strings.Contains(k, version(1)) {
				continue
			}
			o, _ := b.Get(k)
			if change == nil {
				b.Delete(k)
			} else {
				change(&o)
				b.Set(k, o)
			}
			return
		}
		w.t.Errorf("%s has no %s", bucket, key)
	}}
}

func flip(o *buckettest.Object) {
	b := []byte(o.Content)
	b[len(b)/2] ^= 1
	o.Content = string(b)
}

// damages returns what is done to each kind of destination.
func damages() []damage {
	body := func(text string) func(o *buckettest.Object) { return func(o *buckettest.Object) { o.Content = text } }
	gcs := []damage{
		object("gcs", "demo/1.1.0/lock.json", "gone", nil, "got none"),
		object("gcs", "demo/1.1.0/lock.json", "another byte", flip, "lock.json"),
		object("gcs", "demo/1.1.0/lock.json", "cut", func(o *buckettest.Object) { o.Content = o.Content[1:] }, "bytes, want"),
		object("gcs", "demo/1.1.0/lock.json", "another content type", func(o *buckettest.Object) { o.ContentType = "text/html" }, `got Content-Type "text/html"`),
		object("gcs", "demo/1.1.0/lock.json", "no cache control", func(o *buckettest.Object) { o.CacheControl = "" }, `got Cache-Control ""`),
		object("gcs", "demo/1.1.0.receipt.json", "gone", nil, "got none"),
		object("gcs", "demo/1.1.0.receipt.json", "another byte", flip, "receipt.json"),
		object("gcs", "demo/latest", "older", body("1.0.0"), "1.0.0 is lower than 1.1.0"),
		object("gcs", "demo/latest", "no such release", body("9.0.0"), "no release 9.0.0"),
		object("gcs", "demo/latest", "line feed", body("1.1.0\n"), `got "1.1.0\n"`),
		object("gcs", "demo/latest", "gone", nil, "got none"),
		object("gcs", "demo/latest", "cached", func(o *buckettest.Object) { o.CacheControl = "max-age=3600" }, `got Cache-Control "max-age=3600"`),
		object("gcs", "charts/index.yaml", "gone", nil, "chart index"),
		object("gcs", "charts/index.yaml", "another URL", func(o *buckettest.Object) {
			o.Content = strings.ReplaceAll(o.Content, "web-1.1.0.tgz", "https://evil.example.com/web-1.1.0.tgz")
		}, "got URL"),
		object("gcs", "charts/index.yaml", "another digest", func(o *buckettest.Object) {
			o.Content = strings.ReplaceAll(o.Content, "digest: ", "digest: 0")
		}, "digest"),
		object("gcs", "charts/index.yaml", "cached", func(o *buckettest.Object) { o.CacheControl = "max-age=3600" }, `got Cache-Control "max-age=3600"`),
		object("gcs", "charts/web-1.1.0.tgz", "gone", nil, "got none"),
		object("gcs", "charts/web-1.1.0.tgz", "another byte", flip, "web-1.1.0.tgz"),
		object("gcs", "apt/dists/stable/InRelease", "gone", nil, "InRelease"),
		object("gcs", "apt/dists/stable/InRelease", "another byte", flip, "InRelease"),
		object("gcs", "apt/pool/", "another byte", flip, "apt/pool"),
		object("gcs", "apt/dists/stable/InRelease", "cached", func(o *buckettest.Object) { o.CacheControl = "max-age=3600" }, `got Cache-Control "max-age=3600"`),
		object("gcs", "apt/key.asc", "gone", nil, "public key"),
		object("gcs", "apt/key.asc", "another content type", func(o *buckettest.Object) { o.ContentType = "text/html" }, `got Content-Type "text/html"`),
		{name: "gcs apt: a list of packages is gone", profile: "cloud", do: func(w *world) { w.gcs.Delete(w.packages()) }, want: "InRelease"},
		{name: "gcs: one more object", profile: "cloud", do: func(w *world) { w.gcs.Put("demo/1.1.0/more", "x") }, want: "not in the release"},
	}
	s3 := []damage{
		object("s3", "demo/1.1.0/lock.json", "gone", nil, "got none"),
		object("s3", "demo/1.1.0/lock.json", "another byte", flip, "lock.json"),
		object("s3", "demo/1.1.0/lock.json", "another content type", func(o *buckettest.Object) { o.ContentType = "" }, `got Content-Type ""`),
		object("s3", "demo/1.1.0/lock.json", "no cache control", func(o *buckettest.Object) { o.CacheControl = "" }, `got Cache-Control ""`),
		object("s3", "yum/stable/mirrorlist", "gone", nil, "mirrorlist"),
		object("s3", "yum/stable/mirrorlist", "another directory", body("https://evil.example.com/\n"), "mirrorlist"),
		object("s3", "yum/stable/mirrorlist", "cached", func(o *buckettest.Object) { o.CacheControl = "max-age=3600" }, `got Cache-Control "max-age=3600"`),
		object("s3", "yum/", "another byte", flip, ".rpm"),
	}
	return slices.Concat(gcs, s3, registryDamages(), githubDamages(), gitDamages())
}

// call sends a request to the registry.
func (w *world) call(method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/v2/"+path, strings.NewReader(body))
	r.Header.Set("Accept", "*/*")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	rec := httptest.NewRecorder()
	w.registries["registry"].ServeHTTP(rec, r)
	if rec.Code >= 300 {
		w.t.Errorf("%s %s: got status %d", method, path, rec.Code)
	}
	return rec
}

func registryDamages() []damage {
	retag := func(repo, from, to string) func(w *world) {
		return func(w *world) {
			m := w.call(http.MethodGet, repo+"/manifests/"+from, "", "")
			w.call(http.MethodPut, repo+"/manifests/"+to, m.Header().Get("Content-Type"), m.Body.String())
		}
	}
	remove := func(repo, ref string) func(w *world) {
		return func(w *world) { w.call(http.MethodDelete, repo+"/manifests/"+ref, "", "") }
	}
	return []damage{
		{name: "registry: the version's tag is another image", profile: "cloud", do: retag("demo/app", "1.0.0", "1.1.0"), want: "app:1.1.0"},
		{name: "registry: the version's tag is gone", profile: "cloud", do: remove("demo/app", "1.1.0"), want: "app:1.1.0"},
		{name: "registry: a variant's tag is another image", profile: "cloud", do: retag("demo/app", "1.1.0", "1.1.0-debug"), want: "app:1.1.0-debug"},
		{name: "registry: latest is older", profile: "cloud", do: retag("demo/app", "1.0.0", "latest"), want: "app:latest"},
		{name: "registry: a chart's tag is another chart", profile: "cloud", do: retag("charts/web", "1.0.0", "1.1.0"), want: "web:1.1.0"},
		{name: "registry: the image of a platform is gone", profile: "cloud", do: func(w *world) {
			var index struct{ Manifests []struct{ Digest string } }
			w.ask("registry", "demo/app/manifests/1.1.0", &index)
			remove("demo/app", index.Manifests[0].Digest)(w)
		}, want: "app"},
		{name: "registry: a blob is gone", profile: "cloud", do: func(w *world) {
			w.call(http.MethodDelete, "demo/app/blobs/"+w.layerOf("demo/app", "1.1.0"), "", "")
		}, want: "blob: got nothing there"},
		{name: "registry: a blob is damaged on the disk", profile: "cloud", do: func(w *world) {
			digest, inner := w.layerOf("demo/app", "1.1.0"), w.registries["registry"]
			w.served = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				inner.ServeHTTP(rec, r)
				if strings.HasSuffix(r.URL.Path, digest) && r.Method == http.MethodGet {
					rec.Body.Bytes()[0] ^= 1
				}
				answer(rw, rec)
			})
		}, want: "sha256", deep: true},
	}
}

func answer(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // the client may have gone
}

// layerOf returns the digest of the first layer of an image.
func (w *world) layerOf(repo, tag string) string {
	var index struct{ Manifests []struct{ Digest string } }
	w.ask("registry", repo+"/manifests/"+tag, &index)
	var image struct{ Layers []struct{ Digest string } }
	w.ask("registry", repo+"/manifests/"+index.Manifests[0].Digest, &image)
	return image.Layers[0].Digest
}

func githubDamages() []damage {
	edit := func(name, want string, change func(r *githubtest.Release)) damage {
		return damage{name: "github: " + name, profile: "cloud", want: want, do: func(w *world) {
			w.github.EditRelease("org", "demo", "1.1.0", func(r *githubtest.Release) bool {
				change(r)
				return true
			})
		}}
	}
	return []damage{
		edit("another title", "title", func(r *githubtest.Release) { r.Title = "x" }),
		edit("other notes", "notes", func(r *githubtest.Release) { r.Notes += "x" }),
		edit("a draft again", "got a draft", func(r *githubtest.Release) { r.Draft = true }),
		edit("marked as a pre-release", "prerelease", func(r *githubtest.Release) { r.Prerelease = true }),
		edit("an asset is gone", "asset", func(r *githubtest.Release) { r.Assets = r.Assets[1:] }),
		edit("an asset has another content type", "type", func(r *githubtest.Release) { r.Assets[0].ContentType = "text/html" }),
		edit("an asset has other content", "asset", func(r *githubtest.Release) { r.Assets[0].Content = []byte("x"); r.Assets[0].Digest = "" }),
		edit("one more asset", "asset", func(r *githubtest.Release) {
			r.Assets = append(r.Assets, githubtest.Asset{Name: "more", Content: []byte("x"), State: "uploaded"})
		}),
		{name: "github: the release is gone", profile: "cloud", want: "github", do: func(w *world) {
			w.github.EditRelease("org", "demo", "1.1.0", func(*githubtest.Release) bool { return false })
		}},
		{name: "github: a tag is gone", profile: "cloud", want: "tag", do: func(w *world) { w.github.RemoveTag("org", "demo", "1.1.0") }},
		{name: "github: a tag is on another commit", profile: "cloud", want: "tag", do: func(w *world) {
			w.github.AddTag("org", "demo", "1.1.0", strings.Repeat("12", 20), true)
		}},
		{name: "github: an asset is damaged on the disk", profile: "cloud", want: "sha256", deep: true, do: func(w *world) {
			w.github.Corrupt("org", "demo", "1.1.0", "lock.json")
		}},
	}
}

func gitDamages() []damage {
	file := func(name, what string, change func(name string) error, want string) damage {
		return damage{name: "directory " + name + ": " + what, profile: "git", want: want, do: func(w *world) {
			if err := change(filepath.Join(w.home, "bucket", name)); err != nil {
				w.t.Error(err)
			}
		}}
	}
	write := func(text string) func(string) error {
		return func(name string) error { return os.WriteFile(name, []byte(text), 0o644) }
	}
	return []damage{
		file("1.1.0/lock.json", "gone", os.Remove, "got none"),
		file("1.1.0/lock.json", "cut", write("{}"), "bytes, want"),
		file("latest", "gone", os.Remove, "got none"),
		file("latest", "older", write("1.0.0"), "1.0.0 is lower than 1.1.0"),
		{name: "git: a tag is gone", profile: "git", want: "1.1.0", do: func(w *world) { w.git.Repo("org/demo").SetRef("refs/tags/1.1.0", "") }},
		{name: "git: a tag is on another commit", profile: "git", want: "1.1.0", do: func(w *world) {
			r := w.git.Repo("org/demo")
			r.Tag("1.1.0", r.Commit("main", map[string]gittest.File{"x": {Content: "x"}}, "x", releasetest.Time))
		}},
		{name: "git: a committed file has other content", profile: "git", want: "Formula", do: func(w *world) {
			w.git.Repo("tap").Commit("main", map[string]gittest.File{"Formula/demo.rb": {Content: "evil"}}, "x", releasetest.Time)
		}},
		{name: "git: a branch is gone", profile: "git", want: "tap", do: func(w *world) { w.git.Repo("tap").SetRef("refs/heads/main", "") }},
	}
}

// verify verifies release 1 by the receipt that publishing left.
func (m *matrix) verify(ctx context.Context, w *world, deep bool) error {
	r, err := publish.ReadReceipt(filepath.Join(destinations.StateDir(filepath.Join(w.home, "state"), "demo", w.profile), "runs", version(1), "receipt.json"))
	if err != nil {
		return err
	}
	all, err := destinations.Open(ctx, destinations.Args{Profile: r.Profile, Transport: web.New(web.Config{}), Env: m.publish(w, 1, w.home).env})
	if err != nil {
		return err
	}
	return r.Verify(ctx, all, deep)
}

// TestDamage damages each kind of destination in each way. Verify has to say so, and the
// error has to say what.
func TestDamage(t *testing.T) {
	m := newMatrix(t)
	all := damages()
	jobs := make(chan damage)
	go func() {
		defer close(jobs)
		for _, d := range all {
			jobs <- d
		}
	}()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for d := range jobs {
				t.Run(d.name, func(t *testing.T) {
					if err := m.damage(t, d); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
	group.Wait()
	t.Logf("%d damages", len(all))
}

func (m *matrix) damage(t *testing.T, d damage) error {
	w := newWorld(t, d.profile)
	for n := range 2 {
		w.layer.Begin(version(n), "", "")
		if err := m.publish(w, n, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
			return err
		}
	}
	if err := m.verify(t.Context(), w, true); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	d.do(w)
	var errs []error
	for _, deep := range []bool{false, true} {
		err := m.verify(t.Context(), w, deep)
		switch {
		case d.deep && !deep:
			if err != nil {
				t.Logf("seen without --deep: %v", err)
			}
		case err == nil || !strings.Contains(err.Error(), d.want):
			errs = append(errs, fmt.Errorf("deep %v: got %v, want %q in it", deep, err, d.want))
		default:
			t.Log(err)
		}
	}
	return errors.Join(errs...)
}
