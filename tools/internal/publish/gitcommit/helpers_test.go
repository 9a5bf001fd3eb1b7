package gitcommit_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gitcommit"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A world is a git server with a repository.
type world struct {
	*testing.T
	server *gittest.Server
	repo   *gittest.Repo
	config gitcommit.Config
}

func newWorld(t *testing.T, format string) *world {
	t.Helper()
	gittest.Env(t)
	w := &world{T: t, server: gittest.New(t)}
	w.repo = w.server.NewRepo("tap", format)
	w.config = gitcommit.Config{
		Name: "commits", URL: w.server.URL("tap"), Branches: []publish.Alias{{Name: "main", Rule: publish.Stable}},
		Files: []string{"homebrew", "winget", "aur"}, Author: "Release <release@example.com>",
		Client: gitsource.Client{Scratch: t.TempDir(), Timeout: 20 * time.Second, Attempts: 1, Backoff: time.Millisecond},
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(w.config.Client.Scratch); err != nil || len(left) > 0 {
			t.Errorf("scratch directory after the test: got %v, %v, want nothing", left, err)
		}
	})
	return w
}

// others commits what has nothing to do with releases.
func (w *world) others(files ...string) string {
	w.Helper()
	all := map[string]gittest.File{}
	for _, f := range files {
		all[f] = gittest.File{Content: "by others: " + f}
	}
	return w.repo.Commit("main", all, "a change of others", releasetest.Time.Add(time.Hour))
}

// contents are the files of a release, as package_manifests makes them.
func contents(version string) map[string]string {
	winget := "packages/tool/winget/manifests/e/Example/tool/" + version + "/Example.tool"
	return map[string]string{
		"packages/tool/homebrew/tool.rb":  fmt.Sprintf("class Tool < Formula\n  version %q\nend\n", version),
		winget + ".yaml":                  "PackageVersion: " + version + "\n",
		winget + ".installer.yaml":        "PackageVersion: " + version + "\nx: y\n",
		"packages/tool/aur/PKGBUILD":      "pkgver=" + strings.ReplaceAll(version, "-", "_") + "\n",
		"packages/tool/aur/.SRCINFO":      "pkgbase = tool\n\tpkgver = " + strings.ReplaceAll(version, "-", "_") + "\n",
		"packages/tool/script/install.sh": "#!/bin/sh\n# Installs tool " + version + ".\n",
		"tool.tar.gz":                     "tool",
	}
}

// release returns the destination for a release.
func (w *world) release(version string) publish.Destination {
	w.Helper()
	return w.destination(releasetest.Args{Version: version, Files: contents(version)})
}

func (w *world) destination(a releasetest.Args) publish.Destination {
	w.Helper()
	d, err := gitcommit.New(w.Context(), w.config, releasetest.Open(w.T, releasetest.Make(w.T, a)))
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// plan returns the items and the states by path.
func (w *world) plan(d publish.Destination) ([]publish.Item, map[string]publish.State) {
	w.Helper()
	w.server.Reset()
	items, err := d.Plan(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	states := map[string]publish.State{}
	for _, i := range items {
		f := strings.Fields(i.Name)
		states[f[3]] = i.State
	}
	for _, r := range w.server.Log() {
		if r.Service == gittest.Push {
			w.Error("planning pushed")
		}
	}
	return items, states
}

// all returns the one state of all items, or what they are.
func all(states map[string]publish.State) publish.State {
	found := slices.Compact(slices.Sorted(maps.Values(states)))
	if len(found) == 1 {
		return found[0]
	}
	return publish.State(fmt.Sprint(states))
}

func changes(items []publish.Item) []publish.Item {
	return slices.DeleteFunc(slices.Clone(items), func(i publish.Item) bool { return i.State != publish.Absent && i.State != publish.Behind })
}

func (w *world) apply(d publish.Destination, items []publish.Item) error {
	w.server.Reset()
	return d.Apply(w.Context(), publish.Reveal, changes(items), nil)
}

// publish publishes a release and returns the items that are there then.
func (w *world) publish(version string) []publish.Item {
	w.Helper()
	d := w.release(version)
	items, _ := w.plan(d)
	if err := w.apply(d, items); err != nil {
		w.Fatal(err)
	}
	items, states := w.plan(d)
	if got := changes(items); len(got) > 0 {
		w.Errorf("after %s: got %v", version, states)
	}
	return items
}

func (w *world) count(rev string) string { w.Helper(); return w.repo.Git("rev-list", "--count", rev) }

func (w *world) show(path string) string { w.Helper(); return w.repo.Git("show", "main:"+path) }

func (w *world) tree(branch string) string {
	w.Helper()
	return strings.ReplaceAll(w.repo.Git("ls-tree", "-r", "--name-only", branch), "\n", " ")
}

// on answers requests of a service by f.
func on(service string, f func(rw http.ResponseWriter, r *http.Request, next http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if service == gittest.Push && strings.HasSuffix(r.URL.Path, "/git-receive-pack") && r.Method == http.MethodPost {
				f(rw, r, next)
				return
			}
			next.ServeHTTP(rw, r)
		})
	}
}

// hook makes a hook of the server's repository.
func (w *world) hook(name, text string) string {
	w.Helper()
	file := filepath.Join(w.repo.Dir, "hooks", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o755)); err != nil {
		w.Fatal(err)
	}
	return file
}
