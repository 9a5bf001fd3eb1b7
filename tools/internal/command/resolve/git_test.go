package resolve

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// gitWorld is a workspace, and a git server for its sources.
type gitWorld struct {
	t      *testing.T
	server *gittest.Server
	dir    string // the workspace
	flags  []string
	stdout strings.Builder
	stderr strings.Builder
}

func newGitWorld(t *testing.T) *gitWorld {
	t.Helper()
	gittest.Env(t)
	_, ws, _, flags := newWorld(t)
	return &gitWorld{t: t, server: gittest.New(t), dir: ws, flags: flags}
}

// manifest writes the line's manifest; what follows "{server}" is a repository.
func (w *gitWorld) manifest(text string) {
	w.t.Helper()
	text = strings.ReplaceAll(text, "{server}", strings.TrimSuffix(w.server.URL(""), "/"))
	proxytest.Plant(w.t, w.dir, map[string]string{"manifests/demo/manifest.yaml": text})
}

// resolve runs the command and returns its exit status.
func (w *gitWorld) resolve(args ...string) int {
	w.stdout.Reset()
	w.stderr.Reset()
	return Run(w.t.Context(), append(slices.Clone(w.flags), args...), &w.stdout, &w.stderr)
}

func (w *gitWorld) mustResolve(args ...string) {
	w.t.Helper()
	if status := w.resolve(args...); status != cli.OK {
		w.t.Fatalf("resolve %q: got exit status %d: %s", args, status, w.stderr.String())
	}
}

func (w *gitWorld) lock() *lock.Lock {
	w.t.Helper()
	l, err := lock.Read(filepath.Join(w.dir, "manifests", "demo", "lock.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *gitWorld) lockBytes() []byte {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "manifests", "demo", "lock.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// pins returns the commit of each dependency, or its module's version, and why.
func (w *gitWorld) pins() map[string]string {
	pins := map[string]string{}
	for _, d := range w.lock().Dependencies {
		pins[d.Name] = d.Git.Commit + " (" + d.Why + ")"
	}
	return pins
}

// history adds commits to branch main, each of which writes one of some files
// anew, and returns the commits. The last has the given files besides.
func history(r *gittest.Repo, commits int, last map[string]string) []string {
	random := rand.New(rand.NewPCG(1, uint64(len(r.Name))))
	all := make([]gittest.Commit, commits)
	for i := range all {
		text := make([]byte, 1200)
		for j := range text {
			text[j] = "0123456789abcdefghijklmnopqrstuv"[random.IntN(32)]
			if j%64 == 63 {
				text[j] = '\n'
			}
		}
		all[i] = gittest.Commit{
			Files:   map[string]gittest.File{fmt.Sprintf("dir%d/file%d", i%10, i%100): {Content: string(text)}},
			Message: fmt.Sprintf("change %d\n", i), Time: commitTime.Add(time.Duration(i) * time.Hour),
		}
	}
	for name, content := range last {
		all[commits-1].Files[name] = gittest.File{Content: content}
	}
	return r.Commits("main", all...)
}

var commitTime = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

// tenManifest has every way to say a revision.
const tenManifest = `version: 1.31.0
docker: docker.io/istio
platforms: [linux-amd64]
dependencies:
  istio: {git: "{server}/istio", branch: main}
  api: {git: "{server}/api", auto: modules}
  client-go: {git: "{server}/client-go", auto: modules}
  proxy: {git: "{server}/proxy", auto: deps}
  ztunnel: {git: "{server}/ztunnel", auto: deps}
  envoy: {git: "{server}/envoy", auto: proxy_workspace}
  test-infra: {git: "{server}/test-infra", branch: main}
  tools: {git: "{server}/tools", tag: "1.31.0"}
  common-files: {git: "{server}/common-files", sha: "%s"}
  enhancements: {git: "{server}/enhancements", sha: "%s"}
`

// TestTenRepositories resolves a release of ten repositories with thousands of
// commits each, and counts what that costs.
func TestTenRepositories(t *testing.T) {
	const commits = 5000
	w := newGitWorld(t)
	repos, all := map[string]*gittest.Repo{}, map[string][]string{}
	make := func(name string, last map[string]string) {
		repos[name] = w.server.Repo(name)
		all[name] = history(repos[name], commits, last)
	}
	at := func(name string, back int) string { return all[name][commits-1-back] }
	for _, name := range []string{"api", "client-go", "ztunnel", "envoy", "test-infra", "tools", "common-files", "enhancements"} {
		make(name, nil)
	}
	repos["client-go"].AnnotatedTag("v1.30.0", at("client-go", 40), "v1.30.0")
	repos["tools"].AnnotatedTag("1.31.0", at("tools", 30), "1.31.0")
	repos["ztunnel"].Tag("1.31.0-beta", at("ztunnel", 20))
	make("proxy", map[string]string{"WORKSPACE": "ENVOY_SHA = \"" + at("envoy", 10) + "\"\n"})
	old := commitTime.Add((commits - 1 - 50) * time.Hour).Format("20060102150405")
	make("istio", map[string]string{
		"istio.deps": fmt.Sprintf(`[{"repoName":"proxy","lastStableSHA":%q},{"repoName":"ztunnel","lastStableSHA":"1.31.0-beta"}]`, at("proxy", 0)),
		"go.mod":     fmt.Sprintf("module istio.io/istio\n\ngo 1.24\n\nrequire (\n\tistio.io/api v0.0.0-%s-%s\n\tistio.io/client-go v1.20.0\n)\nreplace istio.io/client-go => istio.io/client-go v1.30.0\n", old, at("api", 50)[:12]),
	})
	w.manifest(fmt.Sprintf(tenManifest, at("common-files", 70), at("enhancements", 60)[:12]))

	w.mustResolve()
	istio := "istio@" + at("istio", 0)[:12]
	want := map[string]string{
		"istio":        at("istio", 0) + " (branch main in manifest)",
		"api":          at("api", 50) + " (go.mod of " + istio + ")",
		"client-go":    at("client-go", 40) + " (go.mod of " + istio + ")",
		"proxy":        at("proxy", 0) + " (istio.deps of " + istio + ")",
		"ztunnel":      at("ztunnel", 20) + " (istio.deps of " + istio + ")",
		"envoy":        at("envoy", 10) + " (WORKSPACE of proxy@" + at("proxy", 0)[:12] + ")",
		"test-infra":   at("test-infra", 0) + " (branch main in manifest)",
		"tools":        at("tools", 30) + " (tag 1.31.0 in manifest)",
		"common-files": at("common-files", 70) + " (sha in manifest)",
		"enhancements": at("enhancements", 60) + " (sha in manifest)",
	}
	for name, pin := range w.pins() {
		if pin != want[name] {
			t.Errorf("%s: got %s, want %s", name, pin, want[name])
		}
	}
	checkFetches(t, w, repos)
	sent := w.server.Sent()

	before := w.lockBytes()
	w.server.Reset()
	w.mustResolve()
	if n := len(w.server.Log()); n > 0 {
		t.Errorf("warm resolve: got %d requests, want none", n)
	}
	if !bytes.Equal(before, w.lockBytes()) {
		t.Error("the second resolve changed the lock")
	}
	w.mustResolve("--check")
	for _, r := range w.server.Log() {
		if r.Service == gittest.Fetch {
			t.Errorf("--check: fetched from %s", r.Repo)
		}
	}

	w.server.Reset()
	for name := range repos {
		cmd := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--bare", w.server.URL(name), filepath.Join(t.TempDir(), "clone"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git clone: %v: %s", err, out)
		}
	}
	full := w.server.Sent()
	t.Logf("%d bytes from the server, full clones %d bytes: %.2f %%", sent, full, 100*float64(sent)/float64(full))
	if sent*20 > full {
		t.Errorf("fetched %d bytes, want at most 5 %% of %d", sent, full)
	}
}

// checkFetches wants one fetch of objects from each repository. Commits that are
// not named in full cost one more, of commits alone.
func checkFetches(t *testing.T, w *gitWorld, repos map[string]*gittest.Repo) {
	t.Helper()
	for name := range repos {
		objects, commits := 0, 0
		for _, r := range w.server.Log() {
			switch {
			case r.Repo != name || r.Service != gittest.Fetch:
			case strings.Contains(r.Body, "filter tree:0"):
				commits++
			default:
				objects++
			}
		}
		short := 0
		if name == "api" || name == "enhancements" {
			short = 1
		}
		if objects != 1 || commits != short {
			t.Errorf("%s: got %d fetches of objects and %d of commits, want 1 and %d", name, objects, commits, short)
		}
	}
}
