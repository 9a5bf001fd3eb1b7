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

// A night has a service of each kind, with a layer in front of all in which a request fails.
type night struct {
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

func newNight(t *testing.T) *night {
	n := &night{home: t.TempDir(), layer: faulttest.New(), services: map[string]string{}, base: web.NewTransport()}
	n.gcs, n.s3, n.github, n.git = buckettest.GCS(t), buckettest.S3(t), githubtest.New(t), gittest.New(t)
	front := func(service, url string, handle func(func(http.Handler) http.Handler)) {
		n.services[strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")] = service
		handle(func(next http.Handler) http.Handler { return n.layer.Handler(service, next) })
	}
	front("gcs", n.gcs.URL, n.gcs.Handle)
	front("s3", n.s3.URL, n.s3.Handle)
	front("git", n.git.URL(""), n.git.Handle)
	front("github", n.github.URL, n.github.Handle)
	for _, host := range n.github.Hosts() {
		n.services[host] = "github"
	}
	registry := httptest.NewServer(n.layer.Handler("registry", ociserver.New(ocimem.New(), nil)))
	t.Cleanup(registry.Close)
	trap := httptest.NewServer(n.layer.Trapped())
	t.Cleanup(trap.Close)
	n.registry = strings.TrimPrefix(registry.URL, "http://")
	n.services[n.registry] = "registry"
	n.layer.Trap = strings.Replace(trap.URL, "127.0.0.1", "localhost", 1)
	n.key = pgptest.Secret(t, pgptest.Args{Created: dayOne, Algorithm: packet.PubKeyAlgoRSA}) // apk wants RSA
	return n
}

// local returns the profile with the services of the night in the place of its own.
func (n *night) local(p profile.Profile, l *lock.Lock) profile.Profile {
	p.From, p.Sign, p.Approval = "", "", nil
	var places []profile.Place
	for _, place := range p.Places {
		switch place.Key {
		case "buckets":
			place = n.bucket(place, "url")
		case "registries":
			place = n.hub(place)
		case "charts":
			if place = n.hub(place); place.Text("bucket") != "" {
				place = n.bucket(place, "bucket")
			}
		case "apt", "yum", "apk":
			place = n.bucket(place, "bucket").WithText("key", "env://"+keyVariable).WithText("passphrase", "")
		case "tags":
			if place.Text("owner") == "" {
				n.without = append(n.without, "git tags of "+cmp.Or(place.Text("url"), "each source"))
				continue
			}
			n.repositories(place.Text("owner"), l)
		case "github":
			if owner := place.Text("owner"); owner != "" {
				if repo := place.Text("repo"); repo != "" {
					n.github.AddRepo(owner, repo, strings.Repeat("0", 40))
				}
				n.repositories(owner, l)
			} else {
				place = place.WithText("dir", n.directory(place.Text("dir")))
			}
		case "commits":
			place = n.repository(place)
		default:
			n.without = append(n.without, place.Key)
			continue
		}
		places = append(places, place)
	}
	p.Places = places
	return p
}

// bucket puts a bucket of the night in the place of the one at a key.
func (n *night) bucket(p profile.Place, key string) profile.Place {
	scheme, rest, _ := strings.Cut(p.Text(key), "://")
	switch scheme {
	case "gs":
		return p.WithText(key, "gs://"+buckettest.Bucket+"/"+rest).WithText("endpoint", n.gcs.URL)
	case "s3":
		return p.WithText(key, "s3://"+buckettest.Bucket+"/"+rest).WithText("endpoint", n.s3.URL)
	}
	return p.WithText(key, "file://"+n.directory(rest))
}

// directory returns a directory of the night. One with {state} already is below it.
func (n *night) directory(dir string) string {
	if strings.HasPrefix(dir, "{state}") {
		return dir
	}
	return filepath.Join(n.home, "files", dir)
}

func (n *night) hub(p profile.Place) profile.Place {
	hub := p.Text("hub")
	if dir, ok := strings.CutPrefix(hub, "file://"); ok {
		return p.WithText("hub", "file://"+n.directory(dir))
	}
	if hub == "" {
		return p
	}
	return p.WithText("hub", n.registry+"/"+strings.NewReplacer(":", "-").Replace(strings.ToLower(hub)))
}

// repositories adds those of a lock's sources to an owner on GitHub.
func (n *night) repositories(owner string, l *lock.Lock) {
	for _, d := range l.Dependencies {
		if d.Git == nil {
			n.github.AddRepo(owner, d.Name, strings.Repeat("0", 40))
			continue
		}
		n.github.AddRepo(owner, d.Name, d.Git.Commit)
		if base := strings.TrimSuffix(filepath.Base(d.Git.URL), ".git"); base != d.Name {
			n.github.AddRepo(owner, base, d.Git.Commit)
		}
	}
}

// repository puts a repository with one commit in the place of the one that gets commits.
func (n *night) repository(p profile.Place) profile.Place {
	name := fmt.Sprintf("commits-%s", filepath.Base(p.Text("url")))
	repo := n.git.Repo(name)
	for _, branch := range p.List("branches") {
		if !strings.Contains(branch, "{") {
			repo.Commit(branch, map[string]gittest.File{"README.md": {Content: name}}, "first", dayOne)
		}
	}
	return p.WithText("url", n.git.URL(name)).WithText("token", "")
}
