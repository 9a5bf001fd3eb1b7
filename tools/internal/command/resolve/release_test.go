package resolve

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

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
