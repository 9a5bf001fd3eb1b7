package own_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

var (
	whole = flag.Bool("whole", false, "build the release with Bazel, and check it")
	built = flag.String("release", "", "the `directory` of a release of the line that was built")
)

// TestRelease builds the release, and publishes it where there is no Bazel.
func TestRelease(t *testing.T) {
	dir := root(t)
	l, d := source(t, dir)
	release := *built
	if *whole {
		release = build(t, dir, mirror(t, dir, d))
	}
	readers.Require(t, "a release of this project: -whole builds one, -release DIR names one", release != "")
	w := newWorld(t, dir, l)
	if err := os.CopyFS(w.release, os.DirFS(release)); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(w.release, fmt.Sprintf("%s-%s-linux-amd64.tar.gz", line, l.Version))
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", w.dir).CombinedOutput(); err != nil {
		t.Fatalf("unpacking %s: %v\n%s", archive, err, out)
	}
	w.program = filepath.Join(w.dir, line+"-"+l.Version, "release")
	w.must("release "+d.Git.Versions["."]+" go"+l.Toolchain.Go.Version, "--version")
	w.must("statements ", "validate", "--release", w.release)
	w.must("", "preflight", "--stage", "--release", w.release)
	w.must("published "+l.Version, "publish", "--stage", "--release", w.release)
	w.must(": 0 changes", "publish", "--stage", "--release", w.release)
	w.must("items of "+l.Version+" are as they were published", "verify", "--stage", l.Version, "--deep")
	w.must("published "+l.Version, "promote", l.Version, "--production", "--yes")
	w.must(": 0 changes", "promote", l.Version, "--production", "--yes")
	w.must("items of "+l.Version+" are as they were published", "verify", "--production", l.Version, "--deep")
	if tags := w.github.Tags("jasonwzm", line); !slices.Contains(tags, "v"+l.Version) {
		t.Errorf("got tags %q, want v%s, which go install takes", tags, l.Version)
	}
}

// build builds the release from the lock in a copy of the workspace, and checks it there.
func build(t *testing.T, dir string, git []string) string {
	t.Setenv("OWN_WORKSPACE", filepath.Join(dir, "WORKSPACE"))
	if os.Getenv("RELEASE_STORE") == "" {
		t.Setenv("RELEASE_STORE", filepath.Join(dirs.Cache(os.Getenv), "store"))
	}
	w := workspacetest.New(t, "OWN_WORKSPACE", line)
	w.Timeout = 2 * time.Hour
	// What the store lacks may be fetched.
	w.Environ = slices.DeleteFunc(w.Environ, func(s string) bool { return s == "GOPROXY=off" || s == "GOSUMDB=off" })
	w.Environ = append(w.Environ, git...)
	if out := w.MustBazel("run", "//release:resolve", "--", "--check"); !strings.Contains(out, "is up to date") {
		t.Errorf("got\n%s\nwant that the lock is up to date", out)
	}
	w.MustBazel("build", "//release:all")
	w.MustBazel("run", "//release:validate") // it fails if there are findings
	t.Log(w.MustBazel("run", "//release:rebuild"))
	return filepath.Join(w.Dir, "bazel-bin", "release", "all")
}

// world is a machine without Bazel: a release, a workspace with nothing but the line, and
// services on loopback.
type world struct {
	*testing.T
	dir, release, program string
	github                *githubtest.Server
	env                   []string
}

func newWorld(t *testing.T, dir string, l *lock.Lock) *world {
	w := &world{T: t, dir: t.TempDir(), github: githubtest.New(t)}
	w.release = filepath.Join(w.dir, "downloaded")
	s3, gcs, registry := buckettest.S3(t), buckettest.GCS(t), registrytest.Strict(t, nil)
	for _, owner := range []string{"stage", "jasonwzm"} {
		for _, d := range l.Dependencies {
			if d.Git != nil {
				w.github.AddRepo(owner, d.Name, d.Git.Commit)
			}
		}
	}
	profile := func(name, bucket, endpoint, hub, owner string) string {
		return fmt.Sprintf(`%s:
  aliases: {latest: stable, "{major}.{minor}": stable}
  buckets: [{url: %q, endpoint: %q, aliases: [latest, "{major}.{minor}"]}]
  registries: [{hub: %q, tags: ["{version}", latest]}]
  tags: {owner: %s, tagger: Release builder <release@example.com>}
  github: {owner: %s, repo: release-builder}
`, name, bucket, endpoint, hub, owner, owner)
	}
	files := filepath.Join(w.dir, "manifests", line)
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"manifest.yaml": read(t, dir, "manifests", line, "manifest.yaml"),
		"lock.json":     read(t, dir, "manifests", line, "lock.json"),
		"destinations.yaml": []byte(profile("stage", "s3://"+buckettest.Bucket+"/stage", s3.URL, registry.Host+"/stage", "stage") +
			profile("production", "gs://"+buckettest.Bucket+"/releases", gcs.URL, registry.Host+"/jasonwzm", "jasonwzm")),
	} {
		if err := os.WriteFile(filepath.Join(files, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing is on PATH.
	w.env = []string{"PATH=", "HOME=" + filepath.Join(w.dir, "home"), "GITHUB_API_URL=" + w.github.URL, "GH_TOKEN=" + githubtest.Token}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		w.env = append(w.env, name+"="+os.Getenv(name))
	}
	return w
}

// must runs the program, and checks that it prints want.
func (w *world) must(want string, args ...string) {
	w.Helper()
	start := time.Now()
	cmd := exec.CommandContext(w.Context(), w.program, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		w.Fatalf("release %s: got %v\n%s\nwant %q", strings.Join(args, " "), err, out, want)
	}
	w.Logf("$ release %s    # %.1f s\n%s", strings.Join(args, " "), time.Since(start).Seconds(), out)
}
