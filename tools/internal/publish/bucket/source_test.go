package bucket

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestSource(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		want := releasetest.Open(t, releasetest.Make(t, demo))
		_, err := buckettest.Run(t.Context(), open(t, c, want))
		check(t, err)
		source, err := NewSource(t.Context(), c, "1.2.0")
		check(t, err)
		tree, err := release.Open(t.Context(), source)
		check(t, err)
		check(t, tree.Check(t.Context()))
		if tree.Version != want.Version || tree.Digest != want.Digest || len(tree.Files) != len(want.Files) {
			t.Errorf("got %+v, want %+v", tree.Files, want.Files)
		}
		if _, err := source.Open(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no such file: got %v, want %v", err, fs.ErrNotExist)
		}
		for _, bad := range []string{"../1.2.0", ".", "/x", ""} {
			if _, err := NewSource(t.Context(), c, bad); err == nil {
				t.Errorf("version %q: got no error", bad)
			}
		}
		none, err := NewSource(t.Context(), c, "9.9.9")
		check(t, err)
		if _, err := release.Open(t.Context(), none); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no such version: got %v, want %v", err, fs.ErrNotExist)
		}
		s.Put("all/demo/1.2.0/manifest.yaml", "version: 1.3.0\n")
		if err := tree.Check(t.Context()); err == nil {
			t.Error("altered: got no error")
		}
	})
}

// TestBrokenStream has each answer break within, once, while a release is read.
func TestBrokenStream(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		t.Run(name, func(t *testing.T) {
			place := buckettest.Open(t, name)
			c := configOf(place)
			args := releasetest.Args{Files: map[string]string{"large": strings.Repeat("0123456789", 100_000)}}
			_, err := buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, args))))
			check(t, err)
			for at := 2; at < 8; at++ { // the first is the listing
				c.Transport = &buckettest.Faults{At: at, Fault: buckettest.Short}
				source, err := NewSource(t.Context(), c, "1.2.0")
				check(t, err)
				if tree, err := release.Open(t.Context(), source); err != nil {
					t.Errorf("request %d: %v", at, err)
				} else if err := tree.Check(t.Context()); err != nil {
					t.Errorf("request %d: %v", at, err)
				}
			}
		})
	}
}

// TestPromotion publishes from one bucket to another of the same service.
func TestPromotion(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		t.Run(name, func(t *testing.T) {
			place := buckettest.Open(t, name)
			s, c := place.Server, configOf(place)
			staging := c
			staging.URL = strings.Replace(c.URL, buckettest.Bucket, buckettest.Other, 1)
			_, err := buckettest.Run(t.Context(), open(t, staging, releasetest.Open(t, releasetest.Make(t, demo))))
			check(t, err)
			source, err := NewSource(t.Context(), staging, "1.2.0")
			check(t, err)
			tree, err := release.Open(t.Context(), source)
			check(t, err)
			c.Aliases = stable("latest")
			s.Reset()
			items, err := buckettest.Run(t.Context(), open(t, c, tree))
			check(t, err)
			if n := buckettest.States(items); n[publish.Equal] != len(tree.Files)+1 {
				t.Errorf("got %v", n)
			}
			copied := 0
			for _, line := range s.Writes() {
				if strings.Contains(line, "/rewriteTo/") || name == "s3" && !strings.Contains(line, "latest") {
					copied++
				}
			}
			if copied != len(tree.Files) || len(s.Writes()) != copied+1 {
				t.Errorf("got %d copies of %d files, and %q", copied, len(tree.Files), s.Writes())
			}
			check(t, open(t, c, nil).Verify(t.Context(), items, true))
			if name == "gs" {
				attributes(t, s)
			}
			// To another service, and of an object that lost its metadata, it streams.
			other := buckettest.Open(t, name)
			to := configOf(other)
			to.Aliases = nil
			_, err = buckettest.Run(t.Context(), open(t, to, tree))
			check(t, err)
			if got := other.Content("all/demo/1.2.0/manifest.yaml"); !strings.HasPrefix(got, "version: 1.2.0\n") {
				t.Errorf("another service: got %q", got)
			}
			// Somebody else is faster.
			again := c
			again.URL += "/again"
			d := open(t, again, tree)
			todo := buckettest.Missing(buckettest.Plan(t, d), publish.Upload)
			s.Put("all/demo/again/1.2.0/manifest.yaml", "theirs")
			if err := d.Apply(t.Context(), publish.Upload, todo, nil); !errors.Is(err, publish.ErrChanged) {
				t.Errorf("got %v, want %v", err, publish.ErrChanged)
			}
			if got := s.Content("all/demo/again/1.2.0/manifest.yaml"); got != "theirs" {
				t.Errorf("got %q, want theirs", got)
			}
		})
	}
}

// TestTokens has the service redirect to another host.
func TestTokens(t *testing.T) {
	var seen []string
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req.URL.Host+" "+req.Header.Get("Authorization"))
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: req}, nil
	})
	b := &bearer{base: base, host: gcsHost, tokens: tokens{}}
	for _, u := range []string{"https://" + gcsHost + "/x", "https://other.example.com/x", "http://" + gcsHost + "/x"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
		check(t, err)
		_, err = b.RoundTrip(req)
		check(t, err)
	}
	if want := []string{gcsHost + " Bearer secret", "other.example.com ", gcsHost + " "}; strings.Join(seen, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", seen, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+gcsHost, nil)
	check(t, err)
	b.tokens = slowTokens(t.Context().Done())
	if _, err := b.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow: got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestEmulator(t *testing.T) {
	place := buckettest.Open(t, "gs")
	s, c := place.Server, configOf(place)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(c.Endpoint, "http://"))
	c.Endpoint = ""
	_, err := buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, demo))))
	check(t, err)
	if len(s.Keys()) == 0 {
		t.Error("got no objects")
	}
}

// TestFolder has what is particular to directories: links that lead out, what a crash
// left behind, and a directory in the place of a file.
func TestFolder(t *testing.T) {
	place := buckettest.Open(t, "file")
	s, c := place.Server, configOf(place)
	c.Aliases = stable("latest")
	dir := strings.TrimPrefix(c.URL, "file://")
	d := open(t, c, releasetest.Open(t, releasetest.Make(t, demo)))
	s.Put("all/demo/1.2.0/.empty.0123456789abcdef.publishing", "part")
	items, err := buckettest.Run(t.Context(), d)
	check(t, err)
	for _, k := range s.Keys() {
		if strings.HasSuffix(k, ".publishing") {
			t.Errorf("got %q", k)
		}
	}
	info, err := os.Stat(dir + "/1.2.0/empty")
	check(t, err)
	if info.Mode().Perm()&0o444 != 0o444 {
		t.Errorf("mode: got %v", info.Mode())
	}
	outside := t.TempDir() + "/outside"
	check(t, os.WriteFile(outside, []byte("1.1.0"), 0o644))
	check(t, errors.Join(os.Remove(dir+"/latest"), os.Symlink(outside, dir+"/latest")))
	check(t, errors.Join(os.Remove(dir+"/1.2.0/empty"), os.Symlink("/dev/null", dir+"/1.2.0/empty")))
	if err := d.Verify(t.Context(), items, false); err == nil || !strings.Contains(err.Error(), "want a file") || !strings.Contains(err.Error(), `empty": got`) {
		t.Errorf("links: got %v", err)
	}
	if items, err := d.Plan(t.Context()); err == nil {
		t.Errorf("an alias that is a link: got %+v and no error", items)
	}
	check(t, os.Remove(dir+"/latest"))
	if n := buckettest.States(buckettest.Plan(t, d)); n[publish.Conflict] != 1 {
		t.Errorf("an object that is a link: got %v", n)
	}
	elsewhere := t.TempDir()
	check(t, errors.Join(os.RemoveAll(dir+"/1.2.0"), os.Symlink(elsewhere, dir+"/1.2.0")))
	if _, err := buckettest.Run(t.Context(), d); err == nil {
		t.Error("a directory that is a link: got no error")
	}
	if entries, _ := os.ReadDir(elsewhere); len(entries) > 0 {
		t.Errorf("a directory that is a link: got %v in it", entries)
	}
}

func TestContentType(t *testing.T) {
	for path, want := range map[string]string{
		"demo.tar.gz": "application/gzip", "helm/a.tgz": "application/gzip", "a.zip": "application/zip", "sbom.spdx.json": "application/json",
		"profile.yaml": "application/yaml", "a.sha256": plainText, "SHA256SUMS": plainText, "deb/a.DEB": "application/vnd.debian.binary-package",
		"rpm/a.rpm": "application/x-rpm", "images/a/blobs/sha256/00.json": octets, "images/a/oci-layout": "application/json",
		"images/a/index.json": "application/json", "istioctl": octets,
	} {
		if got := contentType(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type tokens struct{}

func (tokens) Token() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "secret"}, nil }

type slowTokens <-chan struct{}

func (s slowTokens) Token() (*oauth2.Token, error) {
	<-s
	return nil, errors.New("late")
}
