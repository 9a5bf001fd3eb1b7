package gitsource

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// The requests of one fetch over http, in protocol v2.
var (
	byRef  = []string{gittest.InfoRefs, gittest.LsRefs, gittest.Fetch}
	byName = []string{gittest.InfoRefs, gittest.Fetch}
	lookup = []string{gittest.InfoRefs, gittest.LsRefs}
)

// TestFetch: every way to name a commit, and what it asks the server.
func TestFetch(t *testing.T) {
	s, r, first := server(t)
	second := r.Commit("main", map[string]gittest.File{"a": {Content: "a"}}, "second", testTime.Add(time.Hour))
	r.Tag("v1", first)
	r.AnnotatedTag("v2", first, "second")
	r.Git("tag", "-a", "-m", "tag of a tag", "v3", "v2")
	r.SetRef("refs/heads/feature/x", first)
	for _, tt := range []struct {
		name        string
		want        Want
		ref, commit string
		asked       []string
	}{
		{"branch", Want{Branch: "main"}, "refs/heads/main", second, byRef},
		{"branch with a slash", Want{Branch: "feature/x"}, "refs/heads/feature/x", first, byRef},
		{"tag", Want{Tag: "v1"}, "refs/tags/v1", first, byRef},
		{"annotated tag", Want{Tag: "v2"}, "refs/tags/v2", first, byRef},
		{"tag of a tag", Want{Tag: "v3"}, "refs/tags/v3", first, byRef},
		{"SHA", Want{SHA: first}, "", first, byName},
		{"SHA in capitals", Want{SHA: strings.ToUpper(first)}, "", first, byName},
		{"SHA and its ref", Want{SHA: first, Ref: "refs/tags/v1"}, "refs/tags/v1", first, byName},
		{"SHA and a ref that moved", Want{SHA: first, Ref: "refs/heads/main"}, "refs/heads/main", first, byName},
		{"SHA and a ref that is gone", Want{SHA: first, Ref: "refs/heads/gone"}, "refs/heads/gone", first, byName},
		{"prefix of a tip", Want{SHA: second[:7]}, "", second, slices.Concat(lookup, byName)},
		{"prefix of a tag's commit", Want{SHA: first[:12]}, "", first, slices.Concat(lookup, byName)},
		{"SHA on a branch", Want{SHA: first, Branch: "main"}, "refs/heads/main", first, slices.Concat(byRef, byName)},
		{"prefix on a branch", Want{SHA: first[:7], Branch: "main"}, "refs/heads/main", first, slices.Concat(byRef, byName)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.URL = s.URL("app")
			s.Reset()
			got := fetch(t, client(t), tt.want)
			if got.Commit != tt.commit || got.Ref != tt.ref {
				t.Errorf("got %s, %q, want %s, %q", got.Commit, got.Ref, tt.commit, tt.ref)
			}
			if asked := s.Services(); !slices.Equal(asked, tt.asked) {
				t.Errorf("requests: got %v, want %v", asked, tt.asked)
			}
			if at, err := got.Time(t.Context()); err != nil || !at.Equal(testTime) && tt.commit == first {
				t.Errorf("time: got %v, %v, want %v", at, err, testTime)
			}
			n := run(t, got.dir, "rev-list", "--count", got.Commit)
			if n != "1" {
				t.Errorf("commits that were fetched: got %s, want 1", n)
			}
		})
	}
}

func TestTip(t *testing.T) {
	s, r, first := server(t)
	r.AnnotatedTag("v1", first, "first")
	r.SetRef("refs/heads/x/refs/heads/main", r.Commit("other", nil, "other", testTime))
	for _, tt := range []struct {
		want Want
		tip  Tip
	}{
		{Want{Branch: "main"}, Tip{"refs/heads/main", first}},
		{Want{Tag: "v1"}, Tip{"refs/tags/v1", first}},
	} {
		tt.want.URL = s.URL("app")
		s.Reset()
		tip, err := client(t).Tip(t.Context(), tt.want)
		if err != nil || tip != tt.tip {
			t.Errorf("got %v, %v, want %v", tip, err, tt.tip)
		}
		if asked := s.Services(); !slices.Equal(asked, lookup) {
			t.Errorf("requests: got %v, want %v", asked, lookup)
		}
	}
	if _, err := client(t).Tip(t.Context(), Want{URL: s.URL("app"), Tag: "v"}); !errors.Is(err, ErrRef) || !strings.Contains(hints(err), `tag "v1"`) {
		t.Errorf("no such tag: got %v, want %v", err, ErrRef)
	}
	if _, err := client(t).Tip(t.Context(), Want{URL: s.URL("app"), SHA: first}); err == nil || !strings.Contains(err.Error(), "want a branch or a tag") {
		t.Errorf("commit: got %v, want an error", err)
	}
}

// TestPrefix: commits that no ref points to are found without their trees.
func TestPrefix(t *testing.T) {
	s := gittest.New(t)
	gittest.Env(t)
	r := s.Repo("app")
	var history []gittest.Commit
	for i := range 20 {
		history = append(history, gittest.Commit{
			Files:   map[string]gittest.File{fmt.Sprint(i): {Content: strings.Repeat(fmt.Sprint(i), 1000)}},
			Message: fmt.Sprint(i), Time: testTime.AddDate(0, i, 0),
		})
	}
	names := r.Commits("main", history...)
	for _, since := range []time.Time{{}, testTime.AddDate(0, 4, 0)} {
		s.Reset()
		if got := fetch(t, client(t), Want{URL: s.URL("app"), SHA: names[5][:10], Since: since}); got.Commit != names[5] {
			t.Errorf("got %s, want %s", got.Commit, names[5])
		}
		if want, got := slices.Concat(lookup, byRef, byName), s.Services(); !slices.Equal(got, want) {
			t.Errorf("requests: got %v, want %v", got, want)
		}
		body := s.Log()[4].Body
		if !strings.Contains(body, "filter tree:0") || strings.Contains(body, "deepen-since") == since.IsZero() {
			t.Errorf("since %v: what was asked: %q", since, body)
		}
	}
	a, b := twins(r)
	for i, twin := range []string{a, b} {
		r.CommitTree(fmt.Sprint("twin", i), twin+"^{tree}", twin)
	}
	_, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), SHA: a[:7]})
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), b) {
		t.Errorf("got %v, want %v with %s and %s", err, ErrAmbiguous, a, b)
	}
	if got := fetch(t, client(t), Want{URL: s.URL("app"), SHA: a[:7], Branch: "twin0"}); got.Commit != a {
		t.Errorf("the one on the branch: got %s, want %s", got.Commit, a)
	}
	r.SetRef("refs/heads/twin0", a)
	r.SetRef("refs/heads/twin1", b)
	if _, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), SHA: a[:7]}); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two tips: got %v, want %v", err, ErrAmbiguous)
	}
}

// twins makes two commits whose names begin with the same seven digits.
func twins(r *gittest.Repo) (a, b string) {
	tree := r.Tree()
	seen := map[string]string{}
	for i := 0; ; i++ {
		text := fmt.Sprintf("tree %s\nauthor A <a@example.com> 1700000000 +0000\ncommitter A <a@example.com> 1700000000 +0000\n\n%d\n", tree, i)
		name := fmt.Sprintf("%x", sha1.Sum([]byte(fmt.Sprintf("commit %d\x00%s", len(text), text))))
		other, ok := seen[name[:minDigits]]
		if !ok {
			seen[name[:minDigits]] = text
			continue
		}
		return r.Object("commit", other), r.Object("commit", text)
	}
}

// TestSHA256: repositories of the other object format need no word.
func TestSHA256(t *testing.T) {
	gittest.Env(t)
	s := gittest.New(t)
	r := s.NewRepo("new", "sha256")
	files := map[string]gittest.File{"a": {Content: "a"}, "b/c": {Link: "../a"}}
	first := r.Commit("main", files, "first", testTime)
	r.Commit("main", map[string]gittest.File{"a": {Content: "b"}}, "second", testTime)
	old := s.Repo("old")
	old.Commit("main", files, "first", testTime)
	want, _ := pack(t, fetch(t, client(t), Want{URL: s.URL("old"), Branch: "main"}))
	for _, w := range []Want{
		{SHA: first}, {SHA: first[:8]}, {SHA: first[:40]}, {SHA: first[:50]}, {SHA: first, Branch: "main"}, {SHA: first[:7], Branch: "main"},
	} {
		w.URL = s.URL("new")
		got := fetch(t, client(t), w)
		if got.Commit != first {
			t.Errorf("%s: got %s, want %s", w.SHA, got.Commit, first)
		}
		if data, _ := pack(t, got); !bytes.Equal(data, want) {
			t.Errorf("%s: the tar differs from that of a SHA-1 repository", w.SHA)
		}
	}
	tip, err := client(t).Tip(t.Context(), Want{URL: s.URL("new"), Branch: "main"})
	if err != nil || len(tip.Commit) != 64 {
		t.Errorf("tip: got %v, %v, want 64 digits", tip, err)
	}
	if got := fetch(t, client(t), Want{URL: s.URL("new"), Branch: "main"}); got.Commit != tip.Commit {
		t.Errorf("branch: got %s, want %s", got.Commit, tip.Commit)
	}
	if _, err := client(t).Fetch(t.Context(), Want{URL: s.URL("old"), SHA: first}); !errors.Is(err, ErrFormat) {
		t.Errorf("64 digits for a SHA-1 repository: got %v, want %v", err, ErrFormat)
	}
}

// TestOldServer: servers of protocol v0, and servers that give nothing by name.
func TestOldServer(t *testing.T) {
	s, r, first := server(t)
	second := r.Commit("main", nil, "second", testTime)
	r.Git("config", "uploadpack.allowAnySHA1InWant", "false")
	s.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Git-Protocol")
			next.ServeHTTP(w, r)
		})
	})
	for _, w := range []Want{{Branch: "main"}, {SHA: second}, {SHA: second[:7]}, {SHA: second, Ref: "refs/heads/main"}} {
		w.URL = s.URL("app")
		if got := fetch(t, client(t), w); got.Commit != second {
			t.Errorf("%+v: got %s, want %s", w, got.Commit, second)
		}
	}
	for _, w := range []Want{{SHA: first}, {SHA: first, Ref: "refs/heads/main"}, {SHA: first, Branch: "main"}} {
		w.URL = s.URL("app")
		if _, err := client(t).Fetch(t.Context(), w); !errors.Is(err, ErrRefused) || !strings.Contains(hints(err), "name the commit by a branch or tag") {
			t.Errorf("%+v: got %v, want %v", w, err, ErrRefused)
		}
	}

	// One that answers a name only to those who asked for the refs.
	asked := false
	s.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch kind(r) {
			case gittest.LsRefs:
				asked = true
			case gittest.Fetch:
				if !asked {
					say(result, "0036ERR upload-pack: not our ref "+second[:17]+"\n")(w, r)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	})
	if got := fetch(t, client(t), Want{URL: s.URL("app"), SHA: second, Ref: "refs/heads/main"}); got.Commit != second {
		t.Errorf("by its ref: got %s, want %s", got.Commit, second)
	}
	asked = false
	if _, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), SHA: second}); !errors.Is(err, ErrGone) {
		t.Errorf("without a ref: got %v, want %v", err, ErrGone)
	}
}

// TestURLs: other ways to a repository than http.
func TestURLs(t *testing.T) {
	s, r, commit := server(t)
	want, _ := pack(t, fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"}))
	folder := filepath.Dir(r.Dir)
	ssh := filepath.Join(t.TempDir(), "ssh")
	write(t, filepath.Dir(ssh), "ssh", "#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n", 0o755)
	t.Setenv("GIT_SSH", ssh)
	t.Setenv("GIT_SSH_VARIANT", "simple")
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url."+folder+"/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "https://example.com/")
	t.Chdir(folder)
	for _, url := range []string{
		r.Dir, "file://" + r.Dir, "app", "./app", "../" + filepath.Base(folder) + "/app",
		"ssh://git@host" + r.Dir, "git@host:" + r.Dir, "host:" + r.Dir, "https://example.com/app",
	} {
		for _, dir := range []string{"", folder} {
			c := client(t)
			c.Dir = dir
			for _, w := range []Want{{Branch: "main"}, {SHA: commit}} {
				w.URL = url
				if data, _ := pack(t, fetch(t, c, w)); !bytes.Equal(data, want) {
					t.Errorf("%s: the tar differs", url)
				}
			}
		}
	}
	c := client(t)
	c.Dir = t.TempDir()
	if _, err := c.Fetch(t.Context(), Want{URL: "./app", Branch: "main"}); !errors.Is(err, ErrNoRepository) {
		t.Errorf("relative to another directory: got %v, want %v", err, ErrNoRepository)
	}
	if _, err := client(t).Fetch(t.Context(), Want{URL: "https://example.com/none", Branch: "main"}); err == nil ||
		!strings.HasPrefix(err.Error(), `reading branch "main" of "https://example.com/none"`) {
		t.Errorf("insteadOf: got %v, want an error with the URL as given", err)
	}
}

// TestEnvironment: nothing in the environment or the configuration leads elsewhere.
func TestEnvironment(t *testing.T) {
	s, _, commit := server(t)
	home := t.TempDir()
	other := filepath.Join(t.TempDir(), "other")
	for _, name := range []string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
		"GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_TEMPLATE_DIR", "GIT_DEFAULT_HASH", "GIT_TRACE", "GIT_REPLACE_REF_BASE", "GIT_PREFIX",
	} {
		t.Setenv(name, other)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "config"))
	write(t, home, "evil", "#!/bin/sh\necho hook ran >"+other+"\n", 0o755)
	write(t, home, "hooks/reference-transaction", "#!/bin/sh\necho hook ran >"+other+"\n", 0o755)
	write(t, home, "attributes", "* text eol=crlf ident export-subst filter=evil\n", 0o644)
	write(t, home, "config", `[core]
	hooksPath = `+home+`/hooks
	autocrlf = true
	eol = crlf
	attributesFile = `+home+`/attributes
	fsmonitor = `+home+`/evil
[filter "evil"]
	smudge = `+home+`/evil
	clean = `+home+`/evil
[fetch]
	fsckObjects = true
	prune = true
	pruneTags = true
	writeCommitGraph = true
	recurseSubmodules = true
	unpackLimit = 100000
[gc]
	auto = 1
[safe]
	bareRepository = explicit
[log]
	showSignature = true
[color]
	ui = always
`, 0o644)
	got := fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"})
	if got.Commit != commit {
		t.Errorf("got %s, want %s", got.Commit, commit)
	}
	if at, err := got.Time(t.Context()); err != nil || !at.Equal(testTime) {
		t.Errorf("time: got %v, %v, want %v", at, err, testTime)
	}
	pack(t, got)
	if _, err := os.Lstat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: got %v, want that it is not there", other, err)
	}
}

// TestShallow: a commit comes without its history.
func TestShallow(t *testing.T) {
	gittest.Env(t)
	s := gittest.New(t)
	var history []gittest.Commit
	for i := range 5000 {
		content := fmt.Sprintf("%x\n", sha1.Sum(fmt.Append(nil, i)))
		history = append(history, gittest.Commit{
			Files:   map[string]gittest.File{fmt.Sprintf("d%d/f%d", i%7, i%50): {Content: strings.Repeat(content, 10)}},
			Message: fmt.Sprint(i), Time: testTime.Add(time.Duration(i) * time.Minute),
		})
	}
	r := s.Repo("app")
	r.Commits("main", history...)
	r.Git("repack", "-a", "-d", "-q")
	run(t, t.TempDir(), "clone", "--quiet", "--bare", s.URL("app"), "full")
	full := s.Sent()
	s.Reset()
	fetch(t, client(t), Want{URL: s.URL("app"), Branch: "main"})
	if sent := s.Sent(); sent*20 > full {
		t.Errorf("bytes: got %d, want at most 5 %% of %d", sent, full)
	} else {
		t.Logf("%d bytes, %.2f %% of a clone's %d", sent, float64(sent)/float64(full)*100, full)
	}
}
