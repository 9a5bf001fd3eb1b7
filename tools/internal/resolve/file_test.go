package resolve

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

// web is a server of files, by path, and its log.
type web struct {
	*httptest.Server
	mu      sync.Mutex
	content map[string]string
	log     []string
	// delay is how long each answer takes; busy and most count what runs at once.
	delay      time.Duration
	busy, most int
}

func newWeb(t *testing.T, content map[string]string) *web {
	t.Helper()
	w := &web{content: content}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (s *web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, r.URL.Path)
	s.busy++
	s.most = max(s.most, s.busy)
	text, ok := s.content[r.URL.Path]
	s.mu.Unlock()
	time.Sleep(s.delay)
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	io.WriteString(w, text)
}

// requests returns the sorted log, and clears it.
func (s *web) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	slices.Sort(log)
	return log
}

// newFiles returns a resolver with an empty store.
func newFiles(t *testing.T) *Files {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return &Files{Kept: &Kept{}, Store: s, Get: func(ctx context.Context, url string) (io.ReadCloser, error) {
		return download.Get(ctx, download.Args{URL: url, Attempts: 1, Timeout: 10 * time.Second})
	}}
}

func sum(text string) digest.Digest { return digest.FromBytes([]byte(text)) }

func TestFiles(t *testing.T) {
	w := newWeb(t, map[string]string{"/a": "file a", "/amd64": "for amd64", "/arm64": "for arm64"})
	m := &manifest.Manifest{Files: []manifest.File{
		{Name: "tool", URLs: map[string]string{"linux-arm64": w.URL + "/arm64", "linux-amd64": w.URL + "/amd64"}, SHA256s: map[string]string{"linux-arm64": sum("for arm64").Hex()}},
		{Name: "a", URL: w.URL + "/a", SHA256: sum("file a").Hex()},
	}}
	r := newFiles(t)
	got, err := r.Resolve(t.Context(), m, nil)
	want := []lock.File{
		{Name: "a", URL: w.URL + "/a", Digest: sum("file a"), Size: 6, Why: "url in manifest"},
		{Name: "tool", Platform: "linux-amd64", URL: w.URL + "/amd64", Digest: sum("for amd64"), Size: 9, Why: "url in manifest"},
		{Name: "tool", Platform: "linux-arm64", URL: w.URL + "/arm64", Digest: sum("for arm64"), Size: 9, Why: "url in manifest"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if log := w.requests(); !slices.Equal(log, []string{"/a", "/amd64", "/arm64"}) {
		t.Errorf("cold: got requests %q", log)
	}
	for _, f := range want {
		if err := r.Store.VerifyBlob(f.Digest); err != nil {
			t.Error(err)
		}
	}

	r.Kept.Lock = &lock.Lock{Files: got}
	for _, tt := range []struct {
		name   string
		change func()
		log    []string
	}{
		{"nothing new", func() {}, nil},
		{"update of another", func() { r.Kept.Update = func(name string) bool { return name == "b" } }, nil},
		{"update", func() { r.Kept.Update = func(name string) bool { return name == "tool" } }, []string{"/amd64"}},
		{"update of what the manifest pins", func() { r.Kept.Update = func(name string) bool { return name == "a" } }, nil},
		{"missing in the store", func() { r.Kept.Update = nil; remove(t, r.Store, sum("for amd64")) }, []string{"/amd64"}},
		{"other URL", func() {
			w.content["/new"] = "for amd64"
			m.Files[0].URLs["linux-amd64"] = w.URL + "/new"
		}, []string{"/new"}},
	} {
		tt.change()
		again, err := r.Resolve(t.Context(), m, nil)
		if err != nil || len(again) != 3 || again[1].Digest != got[1].Digest || again[1].Size != 9 {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, again, err, got)
		}
		if log := w.requests(); !slices.Equal(log, tt.log) {
			t.Errorf("%s: got requests %q, want %q", tt.name, log, tt.log)
		}
	}
}

func remove(t *testing.T, s *store.Store, d digest.Digest) {
	t.Helper()
	if err := os.Remove(s.BlobPath(d)); err != nil {
		t.Fatal(err)
	}
}

// TestFilesChanged checks that what is at a URL now does not get into a lock unasked.
func TestFilesChanged(t *testing.T) {
	w := newWeb(t, map[string]string{"/a": "new"})
	pinned := []lock.File{{Name: "a", URL: w.URL + "/a", Digest: sum("old"), Size: 3, Why: "url in manifest"}}
	for _, tt := range []struct {
		name   string
		sha256 digest.Digest
		lock   []lock.File
		update bool
		want   string // the error, or the new file's size
		hint   string
	}{
		{"since it was pinned", "", pinned, false, `file "a": digest of "%s/a": got %s, want ` + string(sum("old")) + " as in lock.json", "pin it again with --update a"},
		{"updated", "", pinned, true, "", ""},
		{"not pinned", "", nil, false, "", ""},
		{"since the manifest was written", sum("other"), nil, false, `file "a": digest of "%s/a": got %s, want ` + string(sum("other")) + " as in manifest", "correct sha256 only if"},
		{"the manifest goes before the update", sum("other"), pinned, true, `file "a": digest of "%s/a": got %s, want ` + string(sum("other")) + " as in manifest", "correct sha256 only if"},
		{"the manifest goes before the lock", sum("new"), pinned, false, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newFiles(t)
			r.Kept.Lock = &lock.Lock{Files: tt.lock}
			r.Kept.Update = func(string) bool { return tt.update }
			m := &manifest.Manifest{Files: []manifest.File{{Name: "a", URL: w.URL + "/a", SHA256: tt.sha256.Hex()}}}
			got, err := r.Resolve(t.Context(), m, nil)
			if tt.want == "" {
				if err != nil || len(got) != 1 || got[0].Digest != sum("new") || got[0].Size != 3 {
					t.Errorf("got %+v, %v, want the new file", got, err)
				}
				return
			}
			want := fmt.Sprintf(tt.want, w.URL, sum("new"))
			if err == nil || err.Error() != want || got != nil {
				t.Errorf("got %+v, %v, want %q", got, err, want)
			}
			var b strings.Builder
			if cli.Fail(&b, "x", err); !strings.Contains(b.String(), "hint: ") || !strings.Contains(b.String(), tt.hint) {
				t.Errorf("got %q, want the hint %q", b.String(), tt.hint)
			}
			if r.Store.HasBlob(sum("new")) {
				t.Error("the wrong file got into the store")
			}
		})
	}
}

func TestFilesParallel(t *testing.T) {
	w := newWeb(t, map[string]string{})
	w.delay = 50 * time.Millisecond
	m := &manifest.Manifest{}
	for i := range 12 {
		name := fmt.Sprintf("/f%02d", i)
		if i != 3 && i != 7 {
			w.content[name] = name
		}
		m.Files = append(m.Files, manifest.File{Name: name[1:], URL: w.URL + name})
	}
	_, err := newFiles(t).Resolve(t.Context(), m, nil)
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `file "f03": downloading `) || !strings.HasPrefix(lines[1], `file "f07": downloading `) {
		t.Errorf("got %v, want an error of f03 and one of f07", err)
	}
	if w.most != filesAtOnce || len(w.requests()) != 12 {
		t.Errorf("got %d requests at once, want %d", w.most, filesAtOnce)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFiles(t).Resolve(ctx, m, nil); err == nil || len(w.requests()) != 0 {
		t.Errorf("cancelled: got %v, want an error and no request", err)
	}
}

func TestProxyOverride(t *testing.T) {
	commit := "0123456789abcdef0123456789abcdef01234567"
	w := newWeb(t, map[string]string{
		"/p/envoy-alpha-" + commit + ".tar.gz": "amd64", "/p/envoy-alpha-" + commit + "-arm64.tar.gz": "arm64", "/a": "a", "/z": "z",
	})
	git := func(commit string) []lock.Dependency {
		return []lock.Dependency{{Name: "istio"}, {Name: "proxy", Git: &lock.Git{Commit: commit}}}
	}
	local := func(commit string, dirty bool) []lock.Dependency {
		return []lock.Dependency{{Name: "proxy", Local: &lock.Local{Path: "../proxy", Commit: commit, Dirty: dirty}}}
	}
	both := []string{"linux/arm64", "linux/amd64"}
	for _, tt := range []struct {
		name          string
		override      string
		architectures []string
		deps          []lock.Dependency
		want          []string // the platforms
		err           string
	}{
		{"both", "/p", both, git(commit), []string{"linux-amd64", "linux-arm64"}, ""},
		{"slash", "/p/", both, git(commit), []string{"linux-amd64", "linux-arm64"}, ""},
		{"one", "/p", []string{"linux/arm64"}, git(commit), []string{"linux-arm64"}, ""},
		{"directory", "/p", []string{"linux/amd64"}, local(commit, false), []string{"linux-amd64"}, ""},
		{"changed directory", "/p", both, local(commit, true), nil, `proxyOverride: dependency "proxy": directory "../proxy" differs from its commit`},
		{"plain directory", "/p", both, local("", false), nil, `proxyOverride: dependency "proxy" has no commit`},
		{"module", "/p", both, []lock.Dependency{{Name: "proxy", Module: &lock.Module{}}}, nil, `proxyOverride: dependency "proxy" has no commit`},
		{"short commit", "/p", both, git("0123456"), nil, `proxyOverride: dependency "proxy" has no commit`},
		{"no proxy", "/p", both, git(commit)[:1], nil, `proxyOverride: no dependency "proxy"`},
		{"architecture", "/p", []string{"linux/amd64", "linux/arm/v7"}, git(commit), nil, `proxyOverride: got architecture "linux/arm/v7", want linux/amd64 or linux/arm64`},
		{"not built", "/q", both, git(commit), nil, `file "envoy" for linux-amd64: downloading "` + w.URL + "/q/envoy-alpha-" + commit + `.tar.gz": status: got 404 Not Found`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &manifest.Manifest{
				ProxyOverride: w.URL + tt.override, Architectures: tt.architectures,
				Files: []manifest.File{{Name: "a", URL: w.URL + "/a"}, {Name: "z", URL: w.URL + "/z"}},
			}
			got, err := newFiles(t).Resolve(t.Context(), m, tt.deps)
			if tt.err != "" {
				var b strings.Builder
				if cli.Fail(&b, "x", err); got != nil || !strings.HasPrefix(err.Error(), tt.err) || !strings.Contains(b.String(), "hint: ") {
					t.Errorf("got %+v, %q, want %q and a hint", got, b.String(), tt.err)
				}
				return
			}
			if err != nil || len(got) != len(tt.want)+2 || got[0].Name != "a" || got[len(got)-1].Name != "z" {
				t.Fatalf("got %+v, %v, want the proxy between a and z", got, err)
			}
			for i, platform := range tt.want {
				suffix := map[string]string{"linux-amd64": "", "linux-arm64": "-arm64"}[platform]
				want := lock.File{
					Name: "envoy", Platform: platform, URL: w.URL + "/p/envoy-alpha-" + commit + suffix + ".tar.gz",
					Digest: sum(platform[len("linux-"):]), Size: 5, Why: "proxyOverride in manifest, proxy@0123456789ab",
				}
				if got[i+1] != want {
					t.Errorf("got  %+v\nwant %+v", got[i+1], want)
				}
			}
		})
	}
	if got, err := newFiles(t).Resolve(t.Context(), &manifest.Manifest{}, nil); len(got) != 0 || err != nil {
		t.Errorf("no files: got %+v, %v", got, err)
	}
}
