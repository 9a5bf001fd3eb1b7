package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// dayOne is before all releases.
var dayOne = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// A world has a service of each kind, with a layer in front of all in which a request fails.
type world struct {
	home     string
	layer    *faulttest.Layer
	services map[string]string // names by address
	base     http.RoundTripper
	gcs, s3  *buckettest.Server
	github   *githubtest.Server
	git      *gittest.Server
	registry string   // address
	key      string   // signs packages
	without  []string // what is left out, for people
}

func newWorld(t *testing.T) *world {
	w := &world{home: t.TempDir(), layer: faulttest.New(), services: map[string]string{}, base: web.NewTransport()}
	w.gcs, w.s3, w.github, w.git = buckettest.GCS(t), buckettest.S3(t), githubtest.New(t), gittest.New(t)
	front := func(service, url string, handle func(func(http.Handler) http.Handler)) {
		w.services[strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")] = service
		handle(func(next http.Handler) http.Handler { return w.layer.Handler(service, next) })
	}
	front("gcs", w.gcs.URL, w.gcs.Handle)
	front("s3", w.s3.URL, w.s3.Handle)
	front("git", w.git.URL(""), w.git.Handle)
	front("github", w.github.URL, w.github.Handle)
	for _, host := range w.github.Hosts() {
		w.services[host] = "github"
	}
	registry := httptest.NewServer(w.layer.Handler("registry", ociserver.New(ocimem.New(), nil)))
	t.Cleanup(registry.Close)
	trap := httptest.NewServer(w.layer.Trapped())
	t.Cleanup(trap.Close)
	w.registry = strings.TrimPrefix(registry.URL, "http://")
	w.services[w.registry] = "registry"
	w.layer.Trap = strings.Replace(trap.URL, "127.0.0.1", "localhost", 1)
	w.key = pgptest.Secret(t, pgptest.Args{Created: dayOne, Algorithm: packet.PubKeyAlgoRSA}) // apk wants RSA
	return w
}

// local returns the profile with the services of the world in the place of its own.
func (w *world) local(p profile.Profile, l *lock.Lock) profile.Profile {
	p.From, p.Sign, p.Approval = "", "", nil
	var places []profile.Place
	for _, place := range p.Places {
		switch place.Key {
		case "buckets":
			place = w.bucket(place, "url")
		case "registries":
			place = w.hub(place)
		case "charts":
			if place = w.hub(place); place.Text("bucket") != "" {
				place = w.bucket(place, "bucket")
			}
		case "apt", "yum", "apk":
			place = w.bucket(place, "bucket").WithText("key", "env://"+keyVariable).WithText("passphrase", "")
		case "tags":
			if place.Text("owner") == "" {
				w.without = append(w.without, "git tags of "+cmp.Or(place.Text("url"), "each source"))
				continue
			}
			w.repositories(place.Text("owner"), l)
		case "github":
			if owner := place.Text("owner"); owner != "" {
				if repo := place.Text("repo"); repo != "" {
					w.github.AddRepo(owner, repo, strings.Repeat("0", 40))
				}
				w.repositories(owner, l)
			} else {
				place = place.WithText("dir", w.directory(place.Text("dir")))
			}
		case "commits":
			place = w.repository(place)
		default:
			w.without = append(w.without, place.Key)
			continue
		}
		places = append(places, place)
	}
	p.Places = places
	return p
}

// bucket puts a bucket of the world in the place of the one at a key.
func (w *world) bucket(p profile.Place, key string) profile.Place {
	scheme, rest, _ := strings.Cut(p.Text(key), "://")
	switch scheme {
	case "gs":
		return p.WithText(key, "gs://"+buckettest.Bucket+"/"+rest).WithText("endpoint", w.gcs.URL)
	case "s3":
		return p.WithText(key, "s3://"+buckettest.Bucket+"/"+rest).WithText("endpoint", w.s3.URL)
	}
	return p.WithText(key, "file://"+w.directory(rest))
}

// directory returns a directory of the world. One with {state} already is below it.
func (w *world) directory(dir string) string {
	if strings.HasPrefix(dir, "{state}") {
		return dir
	}
	return filepath.Join(w.home, "files", dir)
}

func (w *world) hub(p profile.Place) profile.Place {
	hub := p.Text("hub")
	if dir, ok := strings.CutPrefix(hub, "file://"); ok {
		return p.WithText("hub", "file://"+w.directory(dir))
	}
	if hub == "" {
		return p
	}
	return p.WithText("hub", w.registry+"/"+strings.NewReplacer(":", "-").Replace(strings.ToLower(hub)))
}

// repositories adds those of a lock's sources to an owner on GitHub.
func (w *world) repositories(owner string, l *lock.Lock) {
	for _, d := range l.Dependencies {
		if d.Git == nil {
			w.github.AddRepo(owner, d.Name, strings.Repeat("0", 40))
			continue
		}
		w.github.AddRepo(owner, d.Name, d.Git.Commit)
		if base := strings.TrimSuffix(filepath.Base(d.Git.URL), ".git"); base != d.Name {
			w.github.AddRepo(owner, base, d.Git.Commit)
		}
	}
}

// repository puts a repository with one commit in the place of the one that gets commits.
func (w *world) repository(p profile.Place) profile.Place {
	name := fmt.Sprintf("commits-%s", filepath.Base(p.Text("url")))
	repo := w.git.Repo(name)
	for _, branch := range p.List("branches") {
		if !strings.Contains(branch, "{") {
			repo.Commit(branch, map[string]gittest.File{"README.md": {Content: name}}, "first", dayOne)
		}
	}
	return p.WithText("url", w.git.URL(name)).WithText("token", "")
}
