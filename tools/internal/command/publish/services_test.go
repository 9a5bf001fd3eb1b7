package publish

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// Secrets that nothing may show.
const (
	password  = "canary-Pa55/w?rd+1"
	secretKey = "canary-secret/Key+2"
)

// services are real servers of each kind on loopback, and a release for them.
type services struct {
	t        *testing.T
	home     string
	registry *registrytest.Server
	gcs, s3  *buckettest.Server
	git      *gittest.Server
	repos    map[string]*gittest.Repo
	commits  map[string]string
	github   *githubtest.Server
	release  string
}

// startServices starts them. The registry is Docker's own if none is given.
func startServices(t *testing.T, registry *registrytest.Server) *services {
	t.Helper()
	gittest.Env(t)
	s := &services{t: t, home: t.TempDir(), registry: registry, repos: map[string]*gittest.Repo{}, commits: map[string]string{}}
	t.Setenv("HOME", s.home)
	t.Setenv("XDG_STATE_HOME", filepath.Join(s.home, "state"))
	t.Setenv("BUILD_WORKING_DIRECTORY", s.home)
	t.Setenv("RELEASE_LINE", "demo")
	if registry == nil {
		s.startRegistry()
	}
	s.wrapGit()
	s.gcs, s.s3, s.github, s.git = buckettest.GCS(t), buckettest.S3(t), githubtest.New(t), gittest.New(t)
	t.Setenv("STORAGE_EMULATOR_HOST", s.gcs.URL)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"GITHUB_API_URL": s.github.URL, "GITHUB_TOKEN": s.github.Token, "GH_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	git := map[string]string{}
	for _, name := range []string{"demo", "api-go"} {
		repo := s.git.Repo("org/" + name)
		commit := repo.Commit("main", map[string]gittest.File{"README.md": {Content: name}}, "first", releasetest.Time)
		s.repos[name], s.commits[name] = repo, commit
		git[name] = s.git.URL("org/"+name) + "@" + commit
		s.github.AddRepo("org", name, commit)
	}
	s.release = releasetest.Make(t, releasetest.Args{
		Files:  map[string]string{"demo-1.2.0-linux-amd64.tar.gz": "archive", "demo-1.2.0-linux-amd64.tar.gz.sha256": "sum"},
		Images: []string{"app", "proxy"}, Charts: []string{"web"}, Git: git,
	})
	s.write("destinations.yaml", fmt.Sprintf(`
stage:
  buckets:
    - {url: gs://releases/stage, aliases: [latest]}
    - {url: s3://releases/stage, endpoint: %[1]q, aliases: [latest]}
  registries: [{hub: "%[2]s/stage", tags: ["{version}", latest]}]
  charts: [{bucket: gs://releases/stage-charts}, {hub: "%[2]s/stage/charts"}]
  tags: {url: "file://%[3]s/stage-git/{name}.git", tagger: Release <release@example.com>}
  github: {dir: "%[3]s/github"}
production:
  from: build
  buckets:
    - {url: gs://releases/demo, aliases: [latest]}
    - {url: s3://releases/demo, endpoint: %[1]q, aliases: [latest]}
  registries: [{hub: "%[2]s/demo", tags: ["{version}", latest]}]
  charts: [{bucket: gs://releases/charts}, {hub: "%[2]s/charts", tags: [latest]}]
  tags: {owner: org, tagger: Release <release@example.com>}
  github: {owner: org, repo: demo, prerelease: true}
push:
  tags: {tagger: Release <release@example.com>}
images:
  buckets: [{url: s3://releases/images, endpoint: %[1]q}]
  registries: [{hub: "%[2]s/images"}]
shipped:
  from: images
  buckets: [{url: gs://releases/shipped}]
  registries: [{hub: "%[2]s/shipped"}]
`, s.s3.URL, s.registry.Host, filepath.ToSlash(s.home)))
	return s
}

// startRegistry starts Debian's docker-registry, with TLS and a login that Docker's
// configuration knows. Where it is not installed another takes its place.
func (s *services) startRegistry() {
	config := s.write("docker/config.json", "{}")
	s.t.Setenv("DOCKER_CONFIG", filepath.Dir(config))
	s.registry = registrytest.Docker(s.t, registrytest.Args{TLS: true, User: "me", Password: password})
	if s.registry == nil {
		s.registry = registrytest.Strict(s.t, nil)
		return
	}
	auth := base64.StdEncoding.EncodeToString([]byte("me:" + password))
	s.write("docker/config.json", fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, s.registry.Host, auth))
}

// wrapGit puts before git a program that writes down with which arguments it is run.
func (s *services) wrapGit() {
	git, err := exec.LookPath("git")
	if err != nil {
		s.t.Fatal(err)
	}
	script := s.write("bin/git", fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$*\" >>%q\nexec %q \"$@\"\n", filepath.Join(s.home, "git.log"), git))
	if err := os.Chmod(script, 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.t.Setenv("PATH", filepath.Dir(script)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func (s *services) write(name, content string) string {
	s.t.Helper()
	file := filepath.Join(s.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// run runs the command and wants an exit status; it returns what was printed.
func (s *services) run(want int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	got := Run(s.t.Context(), args, &out, &errs)
	if got != want {
		s.t.Fatalf("publish %q: got exit status %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	s.secret("what publish printed", out.String()+errs.String())
	return out.String(), errs.String()
}

func (s *services) profile(name string, more ...string) []string {
	return append([]string{"--destinations", "destinations.yaml:" + name, "--release", s.release}, more...)
}

// secret checks that a text has no secret in it, however written.
func (s *services) secret(what, text string) {
	s.t.Helper()
	for _, secret := range []string{password, secretKey, s.github.Token} {
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte("me:" + secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(text, form) {
				s.t.Errorf("%s has the secret %q, as %q:\n%s", what, secret, form, text)
			}
		}
	}
}

// receipt returns the receipt of a profile.
func (s *services) receipt(profile string) string {
	return filepath.Join(s.home, "state", "release-builder", "demo", profile, "runs", "1.2.0", "receipt.json")
}

// TestServices publishes to a service of each kind, again, and to production what
// is on the stage.
func TestServices(t *testing.T) {
	s := startServices(t, nil)
	s.run(Changes, s.profile("stage", "--plan")...)
	s.run(cli.OK, s.profile("stage")...)
	s.run(cli.OK, s.profile("push")...)
	s.readBack("stage")

	s.gcs.Reset()
	s.s3.Reset()
	start := time.Now()
	if out, _ := s.run(cli.OK, s.profile("stage")...); !strings.Contains(out, "1.2.0 to stage: 0 changes") {
		t.Errorf("again: got\n%s", out)
	}
	t.Logf("again: %v", time.Since(start))
	if w := append(s.gcs.Writes(), s.s3.Writes()...); len(w) > 0 {
		t.Errorf("again: got writes %q", w)
	}

	s.promote()
	s.readBack("production")
	s.checkGitHub()
	s.checkFiles()
}

// checkGitHub checks the tags and the release, and to which hosts the token went.
func (s *services) checkGitHub() {
	for name, tags := range map[string][]string{"demo": {"1.2.0"}, "api-go": {"1.2.0", "v1.2.0"}} {
		for _, tag := range tags {
			object, commit := s.github.Tag("org", name, tag)
			if commit != s.commits[name] {
				s.t.Errorf("tag %s of %s: got commit %q, want %q", tag, name, commit, s.commits[name])
			}
			if pushed := s.repos[name].Git("rev-parse", "refs/tags/"+tag); strings.TrimSpace(pushed) != object {
				s.t.Errorf("tag %s of %s: got object %s pushed, %s by the API", tag, name, pushed, object)
			}
		}
	}
	releases := s.github.Releases("org", "demo")
	if len(releases) != 1 || releases[0].Draft || !releases[0].Prerelease || len(releases[0].Assets) != 6 {
		s.t.Errorf("got releases %+v", releases)
	}
	for _, r := range s.github.Log() {
		if r.Host == "storage" {
			s.secret("a request to another host", fmt.Sprint(r.URL, r.Header, string(r.Body)))
		}
		s.secret("a URL", r.URL)
		s.secret("a body", string(r.Body))
	}
}

// checkFiles checks that no file of a run has a secret, and that all are private.
func (s *services) checkFiles() {
	arguments, err := os.ReadFile(filepath.Join(s.home, "git.log"))
	if err != nil || !strings.Contains(string(arguments), "push") {
		s.t.Errorf("git's arguments: got %q, %v, want a push", arguments, err)
	}
	s.secret("git's arguments", string(arguments))
	err = filepath.WalkDir(filepath.Join(s.home, "state"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		s.secret(path, string(data))
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("%s: got mode %v, %v, want 0600", path, info.Mode(), err)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// TestServiceConflicts prepares a conflict of each kind: all are listed, and
// nothing is changed anywhere.
func TestServiceConflicts(t *testing.T) {
	s := startServices(t, nil)
	// Another release of the same version has the same tags, and other content.
	other := releasetest.Make(t, releasetest.Args{Images: []string{"app"}, LayerSize: 7, Charts: []string{"web"}, Git: map[string]string{
		"demo": s.git.URL("org/demo") + "@" + s.commits["demo"],
	}})
	s.run(cli.OK, "--destinations", "destinations.yaml:production", "--only", "registry", "--release", other)
	s.gcs.Put("demo/1.2.0/demo-1.2.0-linux-amd64.tar.gz", "another archive")
	s.s3.Put("demo/1.2.0/lock.json", "{}")
	s.gcs.Put("demo/latest", "nightly")
	s.github.AddTag("org", "demo", "1.2.0", strings.Repeat("12", 20), true)
	s.github.AddRelease("org", "demo", githubtest.Release{Tag: "1.2.0", Draft: true, Assets: []githubtest.Asset{
		{Name: "lock.json", Content: []byte("{}"), State: "uploaded"},
	}})
	state := func() string {
		return fmt.Sprint(s.gcs.Keys(), s.s3.Keys(), s.github.Releases("org", "demo"), s.github.Releases("org", "api-go"))
	}
	before := state()
	s.gcs.Reset()
	s.s3.Reset()
	s.github.ClearLog()
	out, errs := s.run(cli.Failure, s.profile("production")...)
	for _, want := range []string{
		"registry: tag " + s.registry.Host + "/demo/app:1.2.0: found sha256:",
		"gcs: object gs://releases/demo/1.2.0/demo-1.2.0-linux-amd64.tar.gz: found ",
		`gcs: alias gs://releases/demo/latest: found nightly, want 1.2.0: "nightly" is not a semantic version`,
		"s3: object s3://releases/demo/1.2.0/lock.json: found ",
		"tags: git tag " + s.github.URL + "/org/demo tag 1.2.0: found tag on 1212",
		"github: asset ",
	} {
		if !strings.Contains(errs, "publish: error: "+want) {
			t.Errorf("got no error %q", want)
		}
	}
	t.Logf("conflicts:\n%s%s", out, errs)
	writes := slices.Concat(s.gcs.Writes(), s.s3.Writes(), s.github.Writes())
	if after := state(); after != before || len(writes) > 0 {
		t.Errorf("got writes %q; services have\n%s\nhad\n%s", writes, after, before)
	}
}

// TestVerify checks receipts against the services, and finds what was altered.
func TestVerify(t *testing.T) {
	s := startServices(t, nil)
	s.run(cli.OK, s.profile("stage")...)
	// The notes say what changed since a release before; the receipt is of these notes.
	before := releasetest.Make(t, releasetest.Args{Version: "1.1.0", Git: map[string]string{"demo": s.git.URL("org/demo") + "@" + strings.Repeat("12", 20)}})
	s.run(cli.OK, s.profile("production", "--since", before)...)
	if got, want := s.github.Releases("org", "demo")[0].Notes, "`121212121212`…`"+s.commits["demo"][:12]+"`"; !strings.Contains(got, want) {
		t.Errorf("notes: got\n%s\nwant %s in it", got, want)
	}
	verify := func(profile string, deep bool) error {
		r, err := publish.ReadReceipt(s.receipt(profile))
		if err != nil {
			t.Fatal(err)
		}
		all, err := destinations.Open(t.Context(), destinations.Args{Profile: r.Profile, Transport: web.New(web.Config{}), Env: os.Getenv})
		if err != nil {
			t.Fatal(err)
		}
		return r.Verify(t.Context(), all, deep)
	}
	for _, profile := range []string{"stage", "production"} {
		for _, deep := range []bool{false, true} {
			if err := verify(profile, deep); err != nil {
				t.Errorf("%s, deep %v: %v", profile, deep, err)
			}
		}
	}
	s.gcs.Put("demo/latest", "1.3.0")
	s.s3.Delete("demo/1.2.0/lock.json")
	s.github.RemoveTag("org", "api-go", "v1.2.0")
	s.github.EditRelease("org", "demo", "1.2.0", func(r *githubtest.Release) bool {
		r.Assets = r.Assets[1:]
		return true
	})
	err := verify("production", false)
	for _, want := range []string{"gcs: ", "/demo/latest", "s3: ", "demo/1.2.0/lock.json", "tags: ", "v1.2.0", "github: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
