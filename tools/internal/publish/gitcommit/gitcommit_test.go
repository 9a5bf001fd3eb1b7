package gitcommit_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gitcommit"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestReleases publishes releases one after another, an older one and a pre-release among
// them: winget's stay side by side, the others' files follow the rule. One commit each.
func TestReleases(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t, format)
			w.others("README.md", "Formula/other.rb")
			first := w.publish("1.1.0")
			second := w.publish("1.2.0")
			w.publish("1.1.1")
			if got := w.count("main"); got != "4" {
				t.Errorf("got %s commits, want 4", got)
			}
			if got := w.show("Formula/tool.rb") + w.show(".SRCINFO"); !strings.Contains(got, `version "1.2.0"`) || !strings.Contains(got, "pkgver = 1.2.0") {
				t.Errorf("got %s, want 1.2.0", got)
			}
			tree := w.tree("main")
			for _, want := range []string{"README.md", "Formula/other.rb", "tool/1.1.0/Example.tool.yaml", "tool/1.1.1/Example.tool.yaml", "tool/1.2.0/Example.tool.installer.yaml"} {
				if !strings.Contains(tree, want) {
					t.Errorf("got %s, want %s", tree, want)
				}
			}
			if format == "sha256" {
				return
			}
			d := w.release("1.3.0-rc.1")
			items, states := w.plan(d)
			if all(states) != publish.Kept || !strings.Contains(items[0].Reason, "pre-release") {
				t.Errorf("a pre-release: got %v, %q", states, items[0].Reason)
			}
			if got := w.repo.Git("log", "-1", "--format=%an <%ae> %at %ct %s", "main"); got != "Release <release@example.com> 1709208000 1709211600 demo 1.1.1" {
				t.Errorf("got %s", got)
			}
			for _, items := range [][]publish.Item{first, second} {
				if err := d.Verify(t.Context(), items, true); err != nil {
					t.Error(err)
				}
			}
			w.config.Branches[0].Leaves = "1.1.0" // a yank of another release
			if items, states := w.plan(w.release("1.1.1")); items[0].State != publish.Kept {
				t.Errorf("a yank of another release: got %v", states)
			}
			w.config.Branches[0].Leaves = "1.2.0"
			if items, states := w.plan(w.release("1.1.1")); items[0].State != publish.Behind || items[0].Reason != "1.2.0 is yanked" || items[0].Alias == "" {
				t.Errorf("a yank: got %v, %+v", states, items[0])
			}
			w.config.Branches[0].Leaves = ""
			w.config.Branches[0].Back = true // moved back on purpose
			w.publish("1.1.1")
			if got := w.show("Formula/tool.rb"); !strings.Contains(got, `version "1.1.1"`) {
				t.Errorf("moved back: got %s", got)
			}
			if err := d.Verify(t.Context(), second, false); err == nil || !strings.Contains(err.Error(), "1.1.1 is lower than 1.2.0") {
				t.Errorf("moved back: got %v", err)
			} else if strings.Contains(err.Error(), "winget") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNewRepository begins an empty repository, a branch beside the default one, and a
// repository on this machine.
func TestNewRepository(t *testing.T) {
	w := newWorld(t, "sha1")
	w.config.Files = []string{"homebrew", "packages/*/script=bin/{path}", "packages/tool/aur/PKGBUILD=aur/tool/{path}"}
	w.publish("1.2.0")
	if got := w.repo.Git("ls-tree", "-r", "main"); !strings.Contains(got, "100644 blob") || !strings.Contains(got, "100755 blob") || w.count("main") != "1" ||
		w.tree("main") != "Formula/tool.rb aur/tool/PKGBUILD bin/install.sh" {
		t.Errorf("got %s", got)
	}
	w.config.Branches = []publish.Alias{{Name: "staging", Rule: publish.Highest}}
	w.publish("1.3.0-rc.1")
	if got := w.repo.Git("rev-parse", "staging^"); got != w.repo.Git("rev-parse", "main") {
		t.Errorf("got parent %s, want the default branch", got)
	}
	w.config.Branches[0].Name = "equal" // to the default branch, whose commit it gets, too
	w.publish("1.2.0")
	if got := w.repo.Git("log", "--format=%s", "main..equal"); got != "demo 1.2.0" || w.tree("equal") != w.tree("main") {
		t.Errorf("got commits %q and files %s", got, w.tree("equal"))
	}
	dir := filepath.Join(t.TempDir(), "a", "tap.git")
	w.config.URL, w.config.Branches[0].Name = "file://"+dir, "main"
	items := w.publish("1.2.0")
	w.repo.Dir = dir
	if got := w.tree("HEAD"); got != "Formula/tool.rb aur/tool/PKGBUILD bin/install.sh" || len(items) != 3 {
		t.Errorf("on this machine: got %s", got)
	}
}

// TestConflicts: nothing is written over what others made.
func TestConflicts(t *testing.T) {
	w := newWorld(t, "sha1")
	w.config.Files = []string{"homebrew", "winget"}
	winget := "manifests/e/Example/tool/1.2.0/Example.tool.yaml"
	for _, tt := range []struct {
		name, path string
		file       gittest.File
		want       string
	}{
		{"other content of the version", "Formula/tool.rb", gittest.File{Content: "  version \"1.2.0\"\n  depends_on \"x\"\n"}, `by A U Thor <author@example.com>: "subject"`},
		{"no version", "Formula/tool.rb", gittest.File{Content: "x\n"}, "its target has no version"},
		{"other content beside", winget, gittest.File{Content: "PackageVersion: 1.1.0\n"}, "other content of the same version"},
		{"a link", "Formula/tool.rb", gittest.File{Link: "other.rb"}, "a symbolic link"},
		{"a directory", "Formula/tool.rb/x", gittest.File{}, "a directory"},
		{"a file above", "manifests", gittest.File{Content: "x"}, `a file at "manifests"`},
		{"a link above", "manifests/e", gittest.File{Link: "f"}, `a symbolic link at "manifests/e"`},
		{"a submodule", "Formula", gittest.File{Submodule: strings.Repeat("a", 40)}, `a submodule at "Formula"`},
	} {
		w.repo.SetRef("refs/heads/main", "")
		before := w.repo.Commit("main", map[string]gittest.File{tt.path: tt.file}, "subject", releasetest.Time)
		d := w.release("1.2.0")
		items, states := w.plan(d)
		plan := publish.Plan{Destinations: []publish.Planned{{Name: "commits", Items: items}}}
		if err := plan.Conflicts(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v, want %s", tt.name, states, err, tt.want)
		}
		for i := range items {
			items[i].State = publish.Absent // as if it had been so at the plan
			items[i].Guard = ""
		}
		if err := w.apply(d, items); !errors.Is(err, publish.ErrChanged) {
			t.Errorf("%s: got %v, want %v", tt.name, err, publish.ErrChanged)
		}
		if got := w.repo.Git("rev-parse", "main"); got != before {
			t.Errorf("%s: the branch moved", tt.name)
		}
	}
}

// TestRaces: others push between the plan and our push, and while we push.
func TestRaces(t *testing.T) {
	for _, tt := range []struct {
		name    string
		push    func(w *world)
		changed string
		commits string
	}{
		{"another file", func(w *world) { w.others("Formula/other.rb") }, "", "4"},
		{"our file", func(w *world) {
			w.repo.Commit("main", map[string]gittest.File{"Formula/tool.rb": {Content: "  version \"9.0.0\"\n"}}, "nine", releasetest.Time)
		}, `by A U Thor <author@example.com>: "nine"`, "3"},
		{"our file, in between", func(w *world) {
			w.repo.Commit("main", map[string]gittest.File{"Formula/tool.rb": {Content: "  version \"9.0.0\"\n"}}, "nine", releasetest.Time)
			w.others("x")
		}, `: "nine"`, "4"},
		{"the same files", func(w *world) {
			files := map[string]gittest.File{}
			for name, content := range contents("1.2.0") {
				if _, at, ok := strings.Cut(name, "/homebrew/"); ok {
					files["Formula/"+at] = gittest.File{Content: content}
				} else if _, at, ok := strings.Cut(name, "/winget/"); ok {
					files[at] = gittest.File{Content: content}
				} else if _, at, ok := strings.Cut(name, "/aur/"); ok {
					files[at] = gittest.File{Content: content}
				}
			}
			w.repo.Commit("main", files, "the same", releasetest.Time)
		}, "", "3"},
		{"a forced push", func(w *world) { w.repo.ForceBranch("main", "main^") }, "it has changed", "1"},
	} {
		for _, racing := range []bool{false, true} {
			if !racing && tt.name != "our file" && tt.name != "another file" {
				continue
			}
			w := newWorld(t, "sha1")
			w.others("README.md")
			w.publish("1.1.0")
			d := w.release("1.2.0")
			items, _ := w.plan(d)
			if racing {
				var once sync.Once
				w.server.Handle(on(gittest.Push, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
					once.Do(func() { tt.push(w) })
					next.ServeHTTP(rw, r)
				}))
			} else {
				tt.push(w)
			}
			err := w.apply(d, items)
			w.server.Handle(nil)
			if errors.Is(err, publish.ErrChanged) != (tt.changed != "") || err != nil && !strings.Contains(err.Error(), tt.changed) {
				t.Errorf("%s, racing %v: got %v, want %q", tt.name, racing, err, tt.changed)
			}
			if got := w.count("main"); got != tt.commits {
				t.Errorf("%s, racing %v: got %s commits, want %s", tt.name, racing, got, tt.commits)
			}
			if err != nil {
				t.Log(err)
				continue
			}
			if _, states := w.plan(d); all(states) != publish.Equal {
				t.Errorf("%s: got %v", tt.name, states)
			}
		}
	}
}

// TestFaults breaks each request in turn; running again finishes the work with one commit.
func TestFaults(t *testing.T) {
	w := newWorld(t, "sha1")
	base := w.others("README.md")
	d := w.release("1.2.0")
	items, _ := w.plan(d)
	if err := w.apply(d, items); err != nil {
		t.Fatal(err)
	}
	requests := w.server.Services()
	want := w.repo.Git("rev-parse", "main")
	drop := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	late := func(_ http.ResponseWriter, r *http.Request, next http.Handler) { // the answer gets lost
		next.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	for i := range requests {
		faults := []func(http.ResponseWriter, *http.Request, http.Handler){drop}
		if requests[i] == gittest.Push {
			faults = append(faults, late)
		}
		for _, fault := range faults {
			w.repo.SetRef("refs/heads/main", base)
			var n atomic.Int32
			w.server.Handle(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if int(n.Add(1)) == i+1 {
						fault(rw, r, next)
					} else {
						next.ServeHTTP(rw, r)
					}
				})
			})
			err := w.apply(d, items)
			w.server.Handle(nil)
			if err != nil {
				t.Logf("%s %d: %v", requests[i], i, err)
				items, _ := w.plan(d)
				if err := w.apply(d, items); err != nil {
					t.Error(err)
				}
			}
			if got := w.repo.Git("rev-parse", "main"); got != want {
				t.Errorf("%s %d: got %s, want the same commit %s", requests[i], i, got, want)
			}
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// TestRefused: a push that the server refuses is tried once, and the error says why.
func TestRefused(t *testing.T) {
	w := newWorld(t, "sha1")
	w.others("README.md")
	d := w.release("1.2.0")
	items, _ := w.plan(d)
	hook := w.hook("pre-receive", "echo 'not on Sundays' >&2; exit 1\n")
	if err := w.apply(d, items); err == nil || !strings.Contains(err.Error(), "not on Sundays") {
		t.Errorf("got %v", err)
	}
	pushes := 0
	for _, s := range w.server.Services() {
		if s == gittest.Push {
			pushes++
		}
	}
	if pushes != 1 {
		t.Errorf("got %d pushes", pushes)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	w.publish("1.2.0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Apply(ctx, publish.Reveal, items, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestToken: the token goes to its server, and nowhere else.
func TestToken(t *testing.T) {
	w := newWorld(t, "sha1")
	w.others("README.md")
	other := gittest.New(t)
	redirect := ""
	var seen []string
	w.server.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if redirect != "" {
				http.Redirect(rw, r, redirect+strings.TrimPrefix(r.URL.String(), "/tap"), http.StatusFound)
				return
			}
			if user, got, _ := r.BasicAuth(); got != "s3cr3t" || user != "x-access-token" {
				rw.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(rw, r)
		})
	})
	other.Handle(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Authorization"))
			rw.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			rw.WriteHeader(http.StatusUnauthorized)
		})
	})
	// The user's own helper has a wrong password.
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "credential.helper")
	t.Setenv("GIT_CONFIG_VALUE_0", "!echo username=bot; echo password=wrong; :")
	if _, err := w.release("1.2.0").Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "the server denies access") {
		t.Errorf("without the token: got %v", err)
	}
	w.config.Client.Token, w.config.Client.TokenFor = "s3cr3t", strings.TrimSuffix(w.config.URL, "/tap")
	w.publish("1.2.0")
	w.config.Client.Token = "wr0ng"
	if _, err := w.release("1.3.0").Plan(t.Context()); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("a wrong token: got %v", err)
	}
	w.config.Client.Token = "s3cr3t"
	redirect = other.URL("tap")
	if _, err := w.release("1.3.0").Plan(t.Context()); err == nil {
		t.Error("redirected: got no error")
	}
	for _, got := range seen {
		if got != "" && !strings.HasSuffix(got, "Ym90Ondyb25n") { // bot:wrong, the user's own helper
			t.Errorf("the other server got %q", got)
		}
	}
	if len(seen) == 0 {
		t.Error("the other server was not asked")
	}
}

// TestNew: what is wrong is an error before any request.
func TestNew(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: "1.2.0", Files: contents("1.2.0")}))
	for _, tt := range []struct {
		url   string
		files []string
		want  string
	}{
		{"https://a@git.example/x", nil, "credentials"},
		{"ftp://git.example/x", nil, "unknown scheme"},
		{"https://git.example/x", []string{"krew"}, `no file for "krew"`},
		{"https://git.example/x", []string{"none"}, "want PATTERN=PATH"},
		{"https://git.example/x", []string{"*=../{path}"}, "not a path"},
		{"https://git.example/x", []string{"*=.GIT/{path}"}, "not a path"},
		{"https://git.example/x", []string{"[=x"}, "not a pattern"},
		{"https://git.example/x", []string{"packages/*/winget/manifests/e/Example/tool/*/*=x"}, "cannot both be"},
		{"https://git.example/x", []string{"homebrew=x", "packages/*/homebrew=a", "aur", "packages/*/aur=PKGBUILD/x"}, "no file"},
		{"https://git.example/x", []string{"packages/*/aur/PKGBUILD=a", "packages/*/homebrew=a/{path}"}, "cannot both be"},
	} {
		_, err := gitcommit.New(t.Context(), gitcommit.Config{URL: tt.url, Files: tt.files}, tree)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: got %v, want %s", tt.url, tt.files, err, tt.want)
		}
	}
	d, err := gitcommit.New(t.Context(), gitcommit.Config{Name: "c", URL: "https://git.example/x"}, nil)
	if err != nil || d.Name() != "c" {
		t.Fatal(err)
	}
	if _, err := d.Plan(t.Context()); err == nil {
		t.Error("plan without a release: got no error")
	}
	if err := d.Apply(t.Context(), publish.Reveal, nil, nil); err == nil {
		t.Error("apply without a release: got no error")
	}
	if err := d.Verify(t.Context(), []publish.Item{{Name: "https://other.example/x branch main a 1.2.0"}}, true); err == nil {
		t.Error("verify of another repository: got no error")
	}
}
