package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// TestRelease2019 resolves the manifest of an Istio release of 2019 against local
// mirrors of its repositories. Only proxyOverride is a local address.
func TestRelease2019(t *testing.T) {
	w := newGitWorld(t)
	data, err := os.ReadFile(filepath.FromSlash("testdata/istio-2019.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url."+w.server.URL("istio")+"/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "https://github.com/istio/")
	commit := func(repo, branch string, files map[string]string) string {
		all := map[string]gittest.File{"README.md": {Content: repo}}
		for name, content := range files {
			all[name] = gittest.File{Content: content}
		}
		return w.server.Repo("istio/"+repo).Commit(branch, all, "change\n", commitTime)
	}
	cni, proxy, api := commit("cni", "release-1.4", nil), commit("proxy", "release-1.4", nil), commit("api", "master", nil)
	operator := commit("operator", "master", nil)
	w.server.Repo("istio/operator").Tag("v1.2.3", operator)
	commit("api", "master", map[string]string{"later": "x"})
	istio := commit("istio", "release-1.4", map[string]string{
		"istio.deps": fmt.Sprintf(`[{"_comment":"","name":"PROXY_REPO_SHA","repoName":"proxy","file":"","lastStableSHA":%q},{"_comment":"","name":"CNI_REPO_SHA","repoName":"cni","file":"","lastStableSHA":%q}]`, proxy, cni),
		"go.mod":     fmt.Sprintf("module istio.io/istio\n\ngo 1.13\n\nreplace istio.io/operator => istio.io/operator v1.2.3\n\nrequire (\n\tistio.io/api v0.0.0-20230101000000-%s\n\tistio.io/operator v0.0.0-20191105185459-fe8b96d79b3d\n)\n", api[:12]),
	})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	t.Cleanup(web.Close)
	w.manifest(strings.Replace(string(data), "https://storage.googleapis.com", web.URL, 1))

	w.mustResolve()
	from := "istio@" + istio[:12]
	want := map[string]string{
		"istio":    istio + " (branch release-1.4 in manifest)",
		"cni":      cni + " (istio.deps of " + from + ")",
		"proxy":    proxy + " (istio.deps of " + from + ")",
		"operator": operator + " (go.mod of " + from + ")",
		"api":      api + " (go.mod of " + from + ")",
	}
	pins := w.pins()
	if len(pins) != len(want) {
		t.Errorf("got %d dependencies, want %d", len(pins), len(want))
	}
	for name, pin := range want {
		if pins[name] != pin {
			t.Errorf("%s: got %s, want %s", name, pins[name], pin)
		}
	}
	for _, d := range w.lock().Dependencies {
		if d.Git.URL != "https://github.com/istio/"+d.Name {
			t.Errorf("%s: got %s, want the public origin", d.Name, d.Git.URL)
		}
		t.Logf("%-8s %s %s: %s", d.Name, d.Git.URL, d.Git.Commit, d.Why)
	}
	files := w.lock().Files
	path := "/istio-build/proxy/envoy-alpha-" + proxy + ".tar.gz"
	if len(files) != 1 || files[0].URL != web.URL+path || files[0].Digest != digest.FromBytes([]byte(path)) || files[0].Why != "proxyOverride in manifest, proxy@"+proxy[:12] {
		t.Errorf("got files %+v, want Envoy at the proxy's commit", files)
	}
	before := w.lockBytes()
	w.server.Reset()
	w.mustResolve()
	if !bytes.Equal(before, w.lockBytes()) || len(w.server.Log()) > 0 {
		t.Errorf("the second resolve: got %d requests and the lock\n%s\nwant none, and\n%s", len(w.server.Log()), w.lockBytes(), before)
	}
}

// TestImagesAndFiles: a base stays where it is locked, whatever its tag names by
// now; so does a file. Both are brought again by digest, and anew by --update.
func TestImagesAndFiles(t *testing.T) {
	w := newGitWorld(t)
	var mu sync.Mutex
	var asked []string
	content := "one"
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		text := content
		mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			handler.ServeHTTP(w, r)
			return
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	requests := func() int {
		mu.Lock()
		defer mu.Unlock()
		n := len(asked)
		asked = nil
		return n
	}
	host := strings.TrimPrefix(server.URL, "http://")
	push := func(tag string) {
		t.Helper()
		img, err := random.Image(1000, 2)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config.OS, config.Architecture = "linux", "amd64"
		if img, err = mutate.ConfigFile(img, config); err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(host + "/base:" + tag)
		if err == nil {
			err = remote.Write(ref, img)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	push("1")
	w.server.Repo("app").Commit("main", map[string]gittest.File{"README": {}}, "first", commitTime)
	w.manifest("version: 1.0.0\ndependencies:\n  app: {git: \"{server}/app\", branch: main}\nimages:\n  app: {base: \"" + host + "/base:1\"}\nfiles:\n  tool: {url: " + server.URL + "/tool}\n")
	w.mustResolve()
	first := w.lock()
	if len(first.Images) != 1 || first.Images[0].Platforms[0].Platform != "linux/amd64" || len(first.Files) != 1 {
		t.Fatalf("got images %+v and files %+v, want one each", first.Images, first.Files)
	}
	push("1")
	requests()
	before := w.lockBytes()
	w.mustResolve()
	if n := requests(); n > 0 || !bytes.Equal(before, w.lockBytes()) {
		t.Errorf("the tag moved: got %d requests and the lock\n%s\nwant none, and no change", n, w.lockBytes())
	}
	w.mustResolve("--store", t.TempDir(), "--check")
	if requests() == 0 {
		t.Error("an empty store: the base was not brought")
	}
	mu.Lock()
	content = "two"
	mu.Unlock()
	w.mustResolve("--update", "app,tool")
	second := w.lock()
	if second.Images[0].Digest == first.Images[0].Digest || second.Files[0].Digest == first.Files[0].Digest {
		t.Errorf("--update: got images %+v and files %+v, want others", second.Images, second.Files)
	}
	if !strings.Contains(w.stdout.String(), "base of image app: ") || !strings.Contains(w.stdout.String(), "file tool: ") {
		t.Errorf("--update says %q", w.stdout.String())
	}
	// Another reference is another base, whatever is locked under the image's name.
	push("2")
	w.manifest("version: 1.0.0\ndependencies:\n  app: {git: \"{server}/app\", branch: main}\nimages:\n  app: {base: \"" + host + "/base:2\"}\n")
	w.mustResolve()
	if third := w.lock(); third.Images[0].Digest == second.Images[0].Digest || third.Images[0].Base != host+"/base:2" {
		t.Errorf("another base: got %+v, want that of base:2", third.Images)
	}
	w.manifest("version: 1.0.0\narchitectures: [linux/amd64, linux/arm64]\ndependencies:\n  app: {git: \"{server}/app\", branch: main}\nimages:\n  app: {base: \"" + host + "/base:1\"}\n")
	if status := w.resolve(); status != cli.Failure || !strings.Contains(w.stderr.String(), "linux/arm64") || !strings.Contains(w.stderr.String(), "available: linux/amd64") {
		t.Errorf("a platform that the base has not: got exit status %d: %s", status, w.stderr.String())
	}
}
