package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// TestSSH: what ssh says when it cannot connect.
func TestSSH(t *testing.T) {
	gittest.Env(t)
	for _, tt := range []struct {
		says string
		err  error
		hint string
	}{
		{"git@host: Permission denied (publickey).", ErrAuth, "ssh-agent"},
		{"Host key verification failed.", ErrHostKey, "known_hosts"},
		{"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", ErrHostKey, "known_hosts"},
		{"ssh: Could not resolve hostname host: Name or service not known", ErrDNS, "network"},
		{"ssh: connect to host host port 22: Connection refused", ErrDropped, "try again"},
		{"ssh: connect to host host port 22: Connection timed out", ErrSilent, "try again"},
		{"kex_exchange_identification: Connection closed by remote host", ErrDropped, "try again"},
		{"ERROR: Repository not found.", ErrNoRepository, "check the URL"},
	} {
		dir := t.TempDir()
		write(t, dir, "ssh", "#!/bin/sh\necho '"+tt.says+"' >&2\nexit 255\n", 0o755)
		t.Setenv("GIT_SSH", filepath.Join(dir, "ssh"))
		_, err := client(t).Fetch(t.Context(), Want{URL: "git@host:app", Branch: "main"})
		if !errors.Is(err, tt.err) || !strings.Contains(hints(err), tt.hint) {
			t.Errorf("%s: got %v, want %v", tt.says, err, tt.err)
		}
	}
}

// TestOwnership: git refuses repositories of other users.
func TestOwnership(t *testing.T) {
	_, r, _ := server(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	switch repo, err := client(t).Fetch(t.Context(), Want{URL: r.Dir, Branch: "main"}); {
	case err == nil: // later versions of git serve such a repository
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	case !errors.Is(err, ErrOwnership) || !strings.Contains(hints(err), "safe.directory"):
		t.Errorf("fetch: got %v, want %v", err, ErrOwnership)
	}
	if _, err := OpenLocal(t.Context(), "", r.Dir); !errors.Is(err, ErrOwnership) || !strings.Contains(hints(err), "safe.directory") {
		t.Errorf("open: got %v, want %v", err, ErrOwnership)
	}
}

// TestDumb: a plain file server gives no single commits.
func TestDumb(t *testing.T) {
	_, r, commit := server(t)
	r.Git("update-server-info")
	s := httptest.NewServer(http.FileServer(http.Dir(r.Dir)))
	defer s.Close()
	for _, w := range []Want{{Branch: "main"}, {SHA: commit}} {
		w.URL = s.URL
		if _, err := client(t).Fetch(t.Context(), w); !errors.Is(err, ErrDumb) || !strings.Contains(hints(err), "git http-backend") {
			t.Errorf("got %v, want %v", err, ErrDumb)
		}
	}
}

// TestSecrets: credentials in a URL reach the server and no error.
func TestSecrets(t *testing.T) {
	s, _, commit := server(t)
	const secret = "hunter%2B2"
	secrets := []string{secret, "hunter+2"}
	url := strings.Replace(s.URL("app"), "://", "://olduser:"+secret+"@", 1)
	auth := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "olduser" || password != "hunter+2" {
				w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	s.Handle(auth)
	if got := fetch(t, client(t), Want{URL: url, Branch: "main"}); got.Commit != commit {
		t.Errorf("got %s, want %s", got.Commit, commit)
	}
	if _, err := client(t).Fetch(t.Context(), Want{URL: s.URL("app"), Branch: "main"}); !errors.Is(err, ErrAuth) {
		t.Errorf("without credentials: got %v, want %v", err, ErrAuth)
	}
	for name, fault := range map[string]func(http.Handler) http.Handler{
		"refused": status(401), "forbidden": status(403), "missing": status(404), "busy": status(500),
		"drop": on(gittest.InfoRefs, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		"echo": on(gittest.Fetch, say(result, pkt("ERR no access for olduser with hunter+2 at "+url+"\n"))),
	} {
		s.Handle(fault)
		var log []string
		c := client(t)
		c.Log = func(line string) { log = append(log, line) }
		_, err := c.Fetch(t.Context(), Want{URL: url, SHA: commit})
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		said := err.Error() + hints(err) + strings.Join(log, "")
		for _, hidden := range secrets {
			if strings.Contains(said, hidden) {
				t.Errorf("%s: got %q, want it without %q", name, said, hidden)
			}
		}
		if want := strings.Replace(s.URL("app"), "://", "://xxxxx@", 1); !strings.Contains(said, want) {
			t.Errorf("%s: got %q, want it with %s", name, said, want)
		}
	}
	s.Handle(on(gittest.Fetch, say(result, pkt("ERR no access for t0ken\n"))))
	url = strings.Replace(s.URL("app"), "://", "://t0ken@", 1)
	if _, err := client(t).Fetch(t.Context(), Want{URL: url, SHA: commit}); err == nil || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("token: got %v, want an error without it", err)
	}
}

func pkt(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"https://host/a":                           "https://host/a",
		"https://user@host/a":                      "https://xxxxx@host/a",
		"https://user:pass@host/a":                 "https://xxxxx@host/a",
		"https://user:p@ss@host/a":                 "https://xxxxx@host/a",
		"at 'https://u:p@h/' and 'http://u:p@h/b'": "at 'https://xxxxx@h/' and 'http://xxxxx@h/b'",
		"ssh://git@host/a":                         "ssh://git@host/a",
		"ssh://git:pass@host/a":                    "ssh://xxxxx@host/a",
		"git@host:a":                               "git@host:a",
		"https://host/a@b":                         "https://host/a@b",
		"git+ssh://git@host/a":                     "git+ssh://git@host/a",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q): got %q, want %q", in, got, want)
		}
	}
}

// TestRetry: what passes by is tried again, in a repository that is new.
func TestRetry(t *testing.T) {
	s, _, commit := server(t)
	var failed atomic.Int32
	s.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kind(r) == gittest.Fetch && failed.Add(1) < 3 {
				drop(result, "000dpackfile\n0012\x01PACK\x00\x00\x00\x02\x00\x00\x00")(w, r)
			}
			next.ServeHTTP(w, r)
		})
	})
	c := client(t)
	c.Attempts = 3
	var log []string
	c.Log = func(line string) { log = append(log, line) }
	if got := fetch(t, c, Want{URL: s.URL("app"), SHA: commit}); got.Commit != commit {
		t.Errorf("got %s, want %s", got.Commit, commit)
	}
	if len(log) != 2 || !strings.Contains(log[0], "trying again in") {
		t.Errorf("log: got %q, want two lines", log)
	}
	failed.Store(-100)
	c.Backoff = time.Hour
	s.Handle(status(503))
	ctx, cancel := context.WithCancel(t.Context())
	c.Log = func(string) { cancel() }
	if _, err := c.Fetch(ctx, Want{URL: s.URL("app"), SHA: commit}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("cancelled in a pause: got %v, want that", err)
	}
}

// TestTooLarge: a server cannot fill the disk.
func TestTooLarge(t *testing.T) {
	s, r, _ := server(t)
	r.Commit("main", map[string]gittest.File{"big": {Content: random(1 << 20)}}, "big", testTime)
	c := client(t)
	c.MaxFetch = 500_000
	if _, err := c.Fetch(t.Context(), Want{URL: s.URL("app"), Branch: "main"}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	// One that does not end.
	s.Handle(on(gittest.Fetch, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", result)
		fmt.Fprint(w, pkt("packfile\n"), pkt("\x01PACK\x00\x00\x00\x02\x00\x00\xff\xff"))
		// Blobs of 60,000 bytes, stored and not compressed.
		for i := 0; r.Context().Err() == nil; i++ {
			fmt.Fprint(w, pkt("\x01"+storedBlob(i)))
		}
	}))
	c = client(t)
	c.MaxFetch = 10 << 20
	if _, err := c.Fetch(t.Context(), Want{URL: s.URL("app"), Branch: "main"}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("endless: got %v, want %v", err, ErrTooLarge)
	}
}

// storedBlob is a blob of 60,000 bytes as packs have it.
func storedBlob(n int) string {
	const size = 60_000
	content := append([]byte(strconv.Itoa(n)), make([]byte, size)...)[:size]
	a, b := uint32(1), uint32(0) // Adler-32
	for _, c := range content {
		a = (a + uint32(c)) % 65521
		b = (b + a) % 65521
	}
	var out bytes.Buffer
	out.Write([]byte{0x80 | 3<<4 | size&15, 0x80 | size>>4&0x7f, size >> 11})
	out.Write([]byte{0x78, 0x01, 0x01, size & 0xff, size >> 8, 0xff &^ (size & 0xff), 0xff &^ (size >> 8)})
	out.Write(content)
	out.Write([]byte{byte(b >> 8), byte(b), byte(a >> 8), byte(a)})
	return out.String()
}

func TestProgress(t *testing.T) {
	s, r, _ := server(t)
	r.Commit("main", map[string]gittest.File{"big": {Content: random(1 << 20)}}, "big", testTime)
	c := client(t)
	var last Progress
	c.Progress = func(p Progress) { last = p }
	fetch(t, c, Want{URL: s.URL("app"), Branch: "main"})
	if last.Done == 0 || last.Done != last.Total {
		t.Errorf("got %+v, want all objects", last)
	}
	for line, want := range map[string]Progress{
		"Receiving objects:  45% (450/1000), 1.50 MiB | 500.00 KiB/s":           {450, 1000, 3 << 19},
		"Receiving objects: 100% (3/3), 210 bytes | 210.00 KiB/s, done.":        {3, 3, 210},
		"Receiving objects: 100% (3/3), done.":                                  {3, 3, 0},
		"Receiving objects:   1% (1/99999999), 2.00 GiB | 3.00 MiB/s":           {1, 99999999, 2 << 30},
		"remote: Counting objects:   1% (1/5)":                                  {},
		"Receiving objects: 100% (9999999999999/9999999999999999999999), done.": {},
	} {
		if got, _ := parseProgress(line); got != want {
			t.Errorf("%s: got %+v, want %+v", line, got, want)
		}
	}
}

// TestNoGit: the command's own absence.
func TestNoGit(t *testing.T) {
	c := client(t)
	c.Command = filepath.Join(t.TempDir(), "git")
	if _, err := c.Fetch(t.Context(), Want{URL: "app", Branch: "main"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}
