package gitsource

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

const (
	advertisement = "application/x-git-upload-pack-advertisement"
	result        = "application/x-git-upload-pack-result"
)

// say answers with a text.
func say(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, text)
	}
}

// TestFaults: what a server can do wrong, who notices, and how often it is tried.
func TestFaults(t *testing.T) {
	s, _, commit := server(t)
	for _, tt := range []struct {
		name  string
		fault func(http.Handler) http.Handler
		err   error
		tries int
		hint  string
	}{
		{"401", status(401), ErrAuth, 1, "credential helper"},
		{"403", status(403), ErrAuth, 1, "credential helper"},
		{"404", status(404), ErrNoRepository, 1, "check the URL"},
		{"429", status(429), ErrBusy, 2, "try again later"},
		{"500", status(500), ErrBusy, 2, "try again later"},
		{"503", status(503), ErrBusy, 2, "try again later"},
		{"503 at the objects", on(gittest.Fetch, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), ErrBusy, 2, "try again later"},
		{"403 at the objects", on(gittest.Fetch, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }), ErrAuth, 1, "credential"},
		{"drop", on(gittest.InfoRefs, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), ErrDropped, 2, "try again later"},
		{"drop within the greeting", on(gittest.InfoRefs, drop(advertisement, "001e# service=git-upload-pack\n0000")), ErrDropped, 2, "try again later"},
		{"drop at the objects", on(gittest.Fetch, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), ErrDropped, 2, "try again later"},
		{"drop within the objects", on(gittest.Fetch, drop(result, "0011shallow-info\n")), ErrDropped, 2, "try again later"},
		{"drop within the pack", on(gittest.Fetch, drop(result, "000dpackfile\n0012\x01PACK\x00\x00\x00\x02\x00\x00\x00")), ErrDropped, 2, "try again later"},
		{"a page", on(gittest.InfoRefs, say("text/html", "<html>hello</html>")), ErrDumb, 1, "check the URL"},
		{"garbage", on(gittest.InfoRefs, say(advertisement, "garbage that is no packet\n")), ErrGarbage, 1, "it may be a web page"},
		{"garbage for refs", on(gittest.Fetch, say(result, "garbage that is no packet\n")), ErrGarbage, 1, ""},
		{"a page for objects", on(gittest.Fetch, say("text/html", "<html>sorry</html>")), ErrGarbage, 1, ""},
		{"no pack", on(gittest.Fetch, say(result, "000dpackfile\n0015\x01this is no pack0000")), ErrGarbage, 1, ""},
		{"empty answer", on(gittest.Fetch, say(result, "")), ErrGarbage, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Handle(tt.fault)
			s.Reset()
			_, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), SHA: commit})
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), s.URL("app")) {
				t.Errorf("got %v, want %v and the URL", err, tt.err)
			}
			if got := hints(err); !strings.Contains(got, tt.hint) {
				t.Errorf("hint: got %q, want %q", got, tt.hint)
			}
			tries := 0
			for _, service := range s.Services() {
				if service == gittest.InfoRefs {
					tries++
				}
			}
			if tries != tt.tries {
				t.Errorf("tries: got %d, want %d: %v", tries, tt.tries, s.Services())
			}
			t.Log(err)
		})
	}
}

func hints(err error) string {
	var b strings.Builder
	cli.Fail(&b, "x", err)
	_, hints, _ := strings.Cut(b.String(), "x: hint:")
	return hints
}

// TestSilent: a server that accepts, and then says nothing until its client has gone, is
// given up.
func TestSilent(t *testing.T) {
	s, _, commit := server(t)
	for _, service := range []string{gittest.InfoRefs, gittest.LsRefs, gittest.Fetch} {
		t.Run(service, func(t *testing.T) {
			s.Handle(on(service, hang))
			c := client(t)
			c.Timeout, c.Attempts = 300*time.Millisecond, 1
			_, err := c.Fetch(t.Context(), Want{URL: s.URL("app"), Branch: "main"})
			if !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "nothing arrived for 300ms") {
				t.Errorf("got %v, want %v", err, ErrSilent)
			}
		})
	}
	t.Run("cancel", func(t *testing.T) {
		gone := make(chan bool)
		ctx, cancel := context.WithCancel(t.Context())
		s.Handle(on(gittest.Fetch, func(w http.ResponseWriter, r *http.Request) {
			cancel()
			hang(w, r)
			close(gone)
		}))
		_, err := client(t).Fetch(ctx, Want{URL: s.URL("app"), SHA: commit})
		if err == nil || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("got %v, want that the context is cancelled", err)
		}
		<-gone // what git started has ended too
	})
}

// TestErrors: what can be wrong with what is wanted.
func TestErrors(t *testing.T) {
	s, r, first := server(t)
	second := r.Commit("main", map[string]gittest.File{"a": {Content: "a"}}, "second", testTime)
	lost := r.Commit("main", map[string]gittest.File{"a": {Content: "b"}}, "lost", testTime)
	r.ForceBranch("main", second)
	other := r.Commit("release-1.2", map[string]gittest.File{"b": {Content: "b"}}, "other", testTime)
	r.Tag("v1.2.0", first)
	r.Tag("blob", r.Blob("no commit"))
	tag := r.AnnotatedTag("v1.3.0", first, "third")
	s.Repo("empty")
	missing := t.TempDir()
	for _, tt := range []struct {
		name       string
		want       Want
		err        error
		text, hint string
	}{
		{"nothing wanted", Want{}, nil, "want a branch, a tag or a commit", ""},
		{"no URL", Want{URL: " ", Branch: "main"}, nil, "does not appear to be a git repository", ""},
		{"option as URL", Want{URL: "--upload-pack=evil", Branch: "main"}, nil, "want a URL, HOST:PATH, or a path", ""},
		{"helper as URL", Want{URL: "ext::sh -c evil", Branch: "main"}, nil, "want a URL, HOST:PATH, or a path", ""},
		{"git protocol", Want{URL: "git://127.0.0.1:1/app", Branch: "main"}, nil, "transport 'git' not allowed", "want http, https, ssh or file"},
		{"bad branch", Want{Branch: "a:b"}, nil, `branch "a:b": not a valid name of a branch`, ""},
		{"pattern as branch", Want{Branch: "*"}, nil, `branch "*": not a valid name`, ""},
		{"bad tag", Want{Tag: "a..b"}, nil, `tag "a..b": not a valid name of a tag`, ""},
		{"bad ref", Want{SHA: first, Ref: "main"}, nil, `ref "main": want the full name`, ""},
		{"tag and branch", Want{Branch: "main", Tag: "v1.2.0"}, nil, "not both", ""},
		{"short SHA", Want{SHA: "abcdef"}, nil, `commit "abcdef": want 7 to 40 hexadecimal digits, or 64`, ""},
		{"no hexadecimal SHA", Want{SHA: "abcdefgh"}, nil, `commit "abcdefgh": want 7 to 40`, ""},

		{"no branch", Want{Branch: "man"}, ErrRef, "refs/heads/man", `did you mean branch "main"?`},
		{"case", Want{Branch: "Main"}, ErrRef, "refs/heads/Main", `did you mean branch "main"?`},
		{"part of a branch", Want{Branch: "1.2"}, ErrRef, "refs/heads/1.2", `did you mean branch "release-1.2"?`},
		{"no v", Want{Tag: "1.2.0"}, ErrRef, "refs/tags/1.2.0", `did you mean tag "v1.2.0"`},
		{"tag as branch", Want{Branch: "v1.2.0"}, ErrRef, "refs/heads/v1.2.0", `tag "v1.2.0"`},
		{"nothing near", Want{Branch: "something-else"}, ErrRef, "", "run git ls-remote to see the 5 branches and tags"},
		{"empty repository", Want{URL: "empty", Branch: "main"}, ErrRef, "", "the repository has no branches and tags"},
		{"branch of a commit", Want{Branch: "man", SHA: first}, ErrRef, "refs/heads/man", `did you mean branch "main"?`},
		{"tag of a blob", Want{Tag: "blob"}, nil, "refs/tags/blob points to no commit", ""},
		{"SHA of a tag", Want{SHA: tag}, nil, "names a tag: got commit " + first, ""},

		{"gone", Want{SHA: lost}, ErrGone, lost, "the history was rewritten"},
		{"gone from its branch", Want{SHA: lost, Ref: "refs/heads/main"}, ErrGone, lost, "the history was rewritten"},
		{"gone, of a branch", Want{SHA: lost, Branch: "main"}, ErrNotOnBranch, lost, "name a commit of the branch"},
		{"gone, by its prefix", Want{SHA: lost[:9]}, ErrGone, lost[:9], "give its full name"},
		{"not on the branch", Want{SHA: other, Branch: "main"}, ErrNotOnBranch, "", "name a commit of the branch"},
		{"all younger", Want{SHA: first[:9], Branch: "main", Since: testTime.AddDate(1, 0, 0)}, ErrNotOnBranch, "no commit is that recent", ""},

		{"no repository", Want{URL: "none", Branch: "main"}, ErrNoRepository, "not found", "check the URL"},
		{"no directory", Want{URL: missing + "/none", Branch: "main"}, ErrNoRepository, "does not appear to be a git repository", "check the URL"},
		{"plain directory", Want{URL: "file://" + missing, Branch: "main"}, ErrNoRepository, "does not appear to be a git repository", "check the URL"},
		{"no server", Want{URL: "http://127.0.0.1:1/app", Branch: "main"}, ErrDropped, "", "try again later"},
		{"no such host", Want{URL: "http://host.invalid/app", Branch: "main"}, ErrDNS, "host.invalid", "check the host's name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			switch {
			case tt.want.URL == "":
				tt.want.URL = s.URL("app")
			case !strings.ContainsAny(tt.want.URL, "/:- "):
				tt.want.URL = s.URL(tt.want.URL)
			}
			repo, err := client(t).Fetch(t.Context(), tt.want)
			if err == nil {
				t.Fatalf("got commit %s, want an error; %v", repo.Commit, repo.Close())
			}
			if tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), tt.want.URL) {
				t.Errorf("got %v, want %v, %q and the URL", err, tt.err, tt.text)
			}
			if got := hints(err); !strings.Contains(got, tt.hint) {
				t.Errorf("hint: got %q, want %q", got, tt.hint)
			}
			t.Log(err)
		})
	}
}
