package faults_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/session"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// idle is how long a silent server is waited for: long, unless it is to be silent, since this
// machine may have much to do. docker-registry waits for the disk.
func (r run) idle() time.Duration {
	switch {
	case !r.Stalls:
		return time.Minute
	case r.Profile == hubs:
		return 20 * time.Second
	}
	return 5 * time.Second
}

// A world is one server of each kind, with a fault layer in front of all.
type world struct {
	t        testing.TB
	home     string
	profile  string
	layer    *faulttest.Layer
	base     http.RoundTripper // below the layer; a server that ends closes connections of Go's default
	services map[string]string // by address
	gcs, s3  *buckettest.Server
	github   *githubtest.Server
	// registries are by service, without the layer: registry is strict, lax is
	// go-containerregistry's, and docker is Debian's docker-registry.
	registries map[string]http.Handler
	served     http.Handler // what answers in place of registry, if set
	git        *gittest.Server
}

// newWorld starts servers for a profile.
func newWorld(t testing.TB, profile string) *world {
	w := &world{t: t, home: t.TempDir(), profile: profile, layer: faulttest.New(), base: web.NewTransport(), services: map[string]string{}}
	w.gcs, w.s3, w.github, w.git = buckettest.GCS(t), buckettest.S3(t), githubtest.New(t), gittest.New(t)
	w.front("gcs", address(w.gcs.URL), w.gcs.Handle)
	w.front("s3", address(w.s3.URL), w.s3.Handle)
	w.front("github", w.github.Hosts()[0], w.github.Handle)
	for _, host := range w.github.Hosts() {
		w.services[host] = "github"
	}
	w.git.Handle(func(next http.Handler) http.Handler { return w.layer.Handler("git", next) })
	w.registries = map[string]http.Handler{"registry": ociserver.New(ocimem.New(), nil)}
	if profile == hubs {
		w.registries["lax"] = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
		if docker != "" {
			host := registrytest.StartDocker(t, docker, registrytest.Args{}).Host
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
			proxy.ErrorLog = log.New(io.Discard, "", 0) // of clients that go away
			w.registries["docker"] = proxy
		}
	}
	hosts := map[string]string{}
	for service := range w.registries {
		hosts[service] = w.serve(service)
	}
	trap := httptest.NewServer(w.layer.Trapped())
	t.Cleanup(trap.Close)
	w.layer.Trap = strings.Replace(trap.URL, "127.0.0.1", "localhost", 1)
	w.layer.Secrets = map[string]string{"github": githubtest.Token, "git": gitToken}
	maps.Copy(w.layer.Secrets, passwords)
	for _, name := range []string{"demo", "api-go"} {
		repo := w.git.Repo("org/" + name)
		commit := repo.Commit("main", map[string]gittest.File{"README.md": {Content: name}}, "first", releasetest.Time)
		for _, owner := range []string{"org", "live"} {
			w.github.AddRepo(owner, name, commit)
		}
	}
	w.services[strings.TrimSuffix(address(w.git.URL("")), "/")] = "git"
	w.git.Repo("tap").Commit("main", map[string]gittest.File{"README.md": {Content: "tap"}}, "first", releasetest.Time)
	w.writeProfiles(hosts)
	return w
}

// serve starts the server of a registry and returns its address.
func (w *world) serve(service string) string {
	server := httptest.NewServer(w.layer.Handler(service, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != passwords[service] {
			rw.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		if w.served != nil && service == "registry" {
			w.served.ServeHTTP(rw, r)
			return
		}
		w.registries[service].ServeHTTP(rw, r)
	})))
	w.t.Cleanup(server.Close)
	host := address(server.URL)
	w.services[host] = service
	login(w.t, host, passwords[service])
	return host
}

// gitToken is a secret that only git may get, as GitHub's token is.
const gitToken = "canary-git-token-2"

// passwords are those of the registries.
var passwords = map[string]string{"registry": "canary-Pa55/w?rd+1", "lax": "canary-lax-3", "docker": "canary-docker-4"}

var logins struct {
	sync.Mutex
	auths map[string]map[string]string
}

// login adds the password of a registry to Docker's configuration, which all worlds share.
func login(t testing.TB, host, password string) {
	logins.Lock()
	defer logins.Unlock()
	if logins.auths == nil {
		logins.auths = map[string]map[string]string{}
	}
	logins.auths[host] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("me:" + password))}
	err := jsonfile.Write(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), map[string]any{"auths": logins.auths})
	if err != nil {
		t.Fatal(err)
	}
}

func address(url string) string { return strings.TrimPrefix(url, "http://") }

// front puts the layer in front of a service.
func (w *world) front(service, address string, handle func(func(http.Handler) http.Handler)) {
	w.services[address] = service
	handle(func(next http.Handler) http.Handler { return w.layer.Handler(service, next) })
}

// hubs is the profile of registries of other kinds. It has apk's repository too.
const hubs = "hubs"

// docker is the path of Debian's docker-registry, or empty.
var docker string

func (w *world) writeProfiles(hosts map[string]string) {
	var images []string
	for _, service := range []string{"docker", "lax"} {
		if host, ok := hosts[service]; ok {
			images = append(images, fmt.Sprintf("{hub: %s/demo, tags: [\"{version}\", latest]}", host))
		}
	}
	text := fmt.Sprintf(`
cloud:
  from: build
  aliases: {latest: newest, stable: newest}
  buckets:
    - {url: gs://releases/demo, endpoint: %[1]q, aliases: [latest]}
    - {url: s3://releases/demo, endpoint: %[2]q, aliases: [latest]}
  registries: [{hub: "%[3]s/demo", tags: ["{version}", latest]}]
  charts:
    - {bucket: gs://releases/charts, endpoint: %[1]q}
    - {hub: "%[3]s/charts", tags: [latest]}
  apt: [{bucket: gs://releases/apt, endpoint: %[1]q, suites: [stable], key: "env://PACKAGE_KEY"}]
  yum: [{bucket: s3://releases/yum, endpoint: %[2]q, channels: [stable], key: "env://PACKAGE_KEY", url: "%[2]s/releases/yum"}]
  tags: {owner: org, tagger: Release <release@example.com>}
  github: {owner: org, repo: demo}
live:
  from: cloud
  aliases: {latest: newest, stable: newest}
  buckets:
    - {url: gs://releases/live, endpoint: %[1]q, aliases: [latest]}
    - {url: s3://releases/live, endpoint: %[2]q, aliases: [latest]}
  registries: [{hub: "%[3]s/live", tags: ["{version}", latest]}]
  charts:
    - {bucket: gs://releases/live-charts, endpoint: %[1]q}
    - {hub: "%[3]s/live-charts", tags: [latest]}
  apt: [{bucket: gs://releases/live-apt, endpoint: %[1]q, suites: [stable], key: "env://PACKAGE_KEY"}]
  yum: [{bucket: s3://releases/live-yum, endpoint: %[2]q, channels: [stable], key: "env://PACKAGE_KEY", url: "%[2]s/releases/live-yum"}]
  tags: {owner: live, tagger: Release <release@example.com>}
  github: {owner: live, repo: demo}
git:
  from: build
  aliases: {latest: newest}
  buckets: [{url: "file://%[4]s/bucket", aliases: [latest]}]
  tags: {tagger: Release <release@example.com>, url: %[5]q}
  commits: [{url: %[6]q, branches: [main], files: [homebrew], token: "env://TAP_TOKEN", author: "Me <me@example.com>", message: "tool {version}"}]
hubs:
  from: build
  aliases: {latest: newest}
  buckets: [{url: gs://releases/hubs, endpoint: %[1]q}]
  registries: [%[7]s]
  charts: [{hub: "%[8]s/charts", tags: [latest]}]
  apk: [{bucket: gs://releases/apk, endpoint: %[1]q, channels: [stable], key: "env://PACKAGE_KEY"}]
`, w.gcs.URL, w.s3.URL, hosts["registry"], w.home, strings.ReplaceAll(w.git.URL("org/NAME"), "NAME", "{name}"), w.git.URL("tap"), strings.Join(images, ", "), cmp.Or(hosts["lax"], hosts["registry"]))
	if err := os.WriteFile(filepath.Join(w.home, "destinations.yaml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A releaser makes releases. All worlds have the same, made once, from the same commits.
type releaser struct {
	t       testing.TB
	commits map[string]string
	mu      sync.Mutex
	made    []string
}

// version is the version of release number n.
func version(n int) string { return fmt.Sprintf("1.%d.0", n) }

// release returns the directory of release number n.
func (r *releaser) release(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n >= len(r.made) {
		v, at := version(len(r.made)), packagetest.Later(len(r.made))
		git := map[string]string{}
		for name, commit := range r.commits {
			git[name] = "https://git.example.com/org/" + name + "@" + commit
		}
		r.made = append(r.made, packagetest.Release(r.t, releasetest.Args{
			Version: v, Time: at, Git: git,
			Files: map[string]string{
				"demo-" + v + "-linux-amd64.tar.gz":     "archive " + v,
				"packages/demo/homebrew/demo.rb":        fmt.Sprintf("  version %q\n", v),
				"demo-" + v + "-linux-amd64.tar.gz.sum": "sum " + v,
			},
			Images: []string{"app", "app:debug"}, Charts: []string{"web"},
		}, packagetest.Package{Format: "deb"}, packagetest.Package{Format: "rpm"}, packagetest.Package{Format: "apk"}, packagetest.Package{Format: "deb", Name: "shared", Version: "0.1.0"}))
	}
	return r.made[n]
}

// A run is what one run of the publisher needs; a child process gets it as JSON.
type run struct {
	File, Profile, Release, State, GitHub, Key string
	// Promote is the version to promote from the profile From, in place of Release.
	Promote, From string
	// Yank is the version to yank, in place of Release.
	Yank string
	// Stalls means that a server is going to be silent.
	Stalls bool
}

// env is the environment of a run.
func (r run) env(name string) string {
	return map[string]string{"GITHUB_API_URL": r.GitHub, "GH_TOKEN": githubtest.Token, "PACKAGE_KEY": r.Key, "TAP_TOKEN": gitToken, "HOME": filepath.Dir(r.File)}[name]
}

// publish publishes a release. It is what the command does, with shorter waits.
func (r run) publish(ctx context.Context, base http.RoundTripper, log func(string, ...any)) error {
	profile, err := destinations.All().Schema().Read(r.File, r.Profile)
	if err != nil {
		return err
	}
	args := session.Args{
		Line: "demo", Profile: *profile, Release: r.Release, State: r.State, Log: log, Env: r.env,
		Transport: web.New(web.Config{Base: base, Idle: r.idle(), Retry: web.Retry{Pause: 20 * time.Millisecond}}),
	}
	if r.Promote != "" {
		from, err := destinations.All().Schema().Read(r.File, r.From)
		if err != nil {
			return err
		}
		args.Promote, args.From, args.Release = r.Promote, *from, ""
	}
	if r.Yank != "" {
		args.Yank, args.Why, args.Release = r.Yank, "it loses data", ""
	}
	s, err := session.Open(ctx, args)
	if err != nil {
		return err
	}
	plan, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	if err := plan.Conflicts(); err != nil {
		return err
	}
	_, _, err = s.Apply(ctx, plan)
	return err
}
