package bucket

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func configOf(p buckettest.Place) Config {
	return Config{Name: p.Name, URL: p.URL, Endpoint: p.Endpoint}
}

// each runs a test on each kind of store.
func each(t *testing.T, f func(t *testing.T, s *buckettest.Server, c Config)) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) { f(t, p.Server, configOf(p)) })
}

var demo = releasetest.Args{
	Files: map[string]string{
		"demo-1.2.0-linux-amd64.tar.gz": "archive", "demo-1.2.0-linux-amd64.tar.gz.sha256": "sum", "docs/a b+c#1%.txt": "text", "empty": "",
	},
	Charts: []string{"web"},
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func open(t testing.TB, c Config, tree *release.Tree) publish.Destination {
	t.Helper()
	d, err := New(t.Context(), c, tree)
	check(t, err)
	return d
}

func TestPublish(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		c.Aliases = stable("latest", "channels/stable")
		tree := releasetest.Open(t, releasetest.Make(t, demo))
		d := open(t, c, tree)
		items := buckettest.Plan(t, d)
		if n := buckettest.States(items); len(n) != 1 || n[publish.Absent] != len(tree.Files)+2 {
			t.Errorf("empty: got %v, want %d absent", n, len(tree.Files)+2)
		}
		if w := s.Writes(); len(w) > 0 {
			t.Errorf("planning wrote: %q", w)
		}
		last := items[len(tree.Files)-1]
		if !strings.HasSuffix(last.Name, "/all/demo/1.2.0/SHA256SUMS") || last.Phase != publish.Upload {
			t.Errorf("last object: got %+v, want SHA256SUMS", last)
		}
		var sent int64
		done := map[string]bool{}
		report := make(chan publish.Progress, 1000)
		for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
			check(t, d.Apply(t.Context(), phase, buckettest.Missing(items, phase), func(p publish.Progress) { report <- p }))
		}
		close(report)
		for p := range report {
			sent += p.Bytes
			if p.Done != nil {
				done[p.Done.Name] = true
			}
		}
		want := int64(0)
		for _, i := range items {
			want += i.Size
		}
		if sent != want || len(done) != len(items) {
			t.Errorf("progress: got %d bytes and %d items, want %d and %d", sent, len(done), want, len(items))
		}
		s.Reset()
		items = buckettest.Plan(t, d)
		for _, i := range items {
			if i.State != publish.Equal || i.Version == "" || i.URL == "" || i.Found != "" || i.Guard != "" {
				t.Errorf("published: got %+v", i)
			}
		}
		for _, deep := range []bool{false, true} {
			check(t, open(t, c, nil).Verify(t.Context(), items, deep))
		}
		if w := s.Writes(); len(w) > 0 {
			t.Errorf("wrote again: %q", w)
		}
		if got, want := len(s.Keys()), len(items); got != want {
			t.Errorf("objects: got %d, want %d: %q", got, want, s.Keys())
		}
		if o, _ := s.Get("all/demo/latest"); o.Content != "1.2.0" {
			t.Errorf("alias: got %q", o.Content)
		}
		contents(t, items, tree)
		if c.Endpoint != "" {
			attributes(t, s)
		}
	})
}

// contents fetches each object from its URL.
func contents(t *testing.T, items []publish.Item, tree *release.Tree) {
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	client.Transport.(*http.Transport).RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	for _, i := range items {
		if i.Kind != objectKind {
			continue
		}
		res, err := client.Get(i.URL)
		check(t, err)
		got, err := io.ReadAll(res.Body)
		check(t, err)
		res.Body.Close()
		want, err := tree.ReadFile(t.Context(), i.Path)
		check(t, err)
		if string(got) != string(want) {
			t.Errorf("%s: got %.100q, want %.100q", i.URL, got, want)
		}
	}
}

func attributes(t *testing.T, s *buckettest.Server) {
	for key, want := range map[string][2]string{
		"1.2.0/demo-1.2.0-linux-amd64.tar.gz":        {"application/gzip", immutable},
		"1.2.0/demo-1.2.0-linux-amd64.tar.gz.sha256": {"text/plain; charset=utf-8", immutable},
		"1.2.0/SHA256SUMS":                           {"text/plain; charset=utf-8", immutable},
		"1.2.0/lock.json":                            {"application/json", immutable},
		"1.2.0/manifest.yaml":                        {"application/yaml", immutable},
		"1.2.0/helm/web-1.2.0.tgz":                   {"application/gzip", immutable},
		"1.2.0/empty":                                {"application/octet-stream", immutable},
		"latest":                                     {"text/plain; charset=utf-8", "no-cache, max-age=0"},
	} {
		o, ok := s.Get("all/demo/" + key)
		if got := [2]string{o.ContentType, o.CacheControl}; !ok || got != want || o.ContentEncoding != "" || len(o.SHA256) != 64 {
			t.Errorf("%s: got %q, encoding %q, sha256 %q, want %q", key, got, o.ContentEncoding, o.SHA256, want)
		}
	}
}

func TestConflict(t *testing.T) {
	const at = "all/demo/1.2.0/"
	for _, tt := range []struct {
		name, key, content, found string
	}{
		{"same size", at + "demo-1.2.0-linux-amd64.tar.gz", "ARCHIVE", "other content of 7 bytes|sha256:"},
		{"longer", at + "demo-1.2.0-linux-amd64.tar.gz", "archive2", "other content of 8 bytes"},
		{"empty", at + "lock.json", "", "other content of 0 bytes"},
		{"an object more", at + "docs/more", "x", "an object that is not in the release"},
		{"alias that is no version", "all/demo/latest", "hello", "hello"},
		{"large alias", "all/demo/latest", strings.Repeat("1", 2000), "more than 1024 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				c.Aliases = stable("latest")
				d := open(t, c, releasetest.Open(t, releasetest.Make(t, demo)))
				s.Put(tt.key, tt.content)
				var got []publish.Item
				for _, i := range buckettest.Plan(t, d) {
					if i.State == publish.Conflict {
						got = append(got, i)
					}
				}
				if len(got) != 1 || !strings.HasSuffix(got[0].Name, "/"+tt.key) ||
					!slices.ContainsFunc(strings.Split(tt.found, "|"), func(f string) bool { return strings.HasPrefix(got[0].Found, f) }) {
					t.Errorf("got %+v, want one conflict at %q with %q", got, tt.key, tt.found)
				}
			})
		})
	}
}

// TestEqual finds what somebody else uploaded, without metadata, to be the same.
func TestEqual(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		tree := releasetest.Open(t, releasetest.Make(t, demo))
		for _, f := range tree.Files {
			data, err := tree.ReadFile(t.Context(), f.Path)
			check(t, err)
			s.Put("all/demo/1.2.0/"+f.Path, string(data))
		}
		items := buckettest.Plan(t, open(t, c, tree))
		if n := buckettest.States(items); n[publish.Equal] != len(tree.Files) || len(n) != 1 {
			t.Errorf("got %v, want %d equal", n, len(tree.Files))
		}
		for _, deep := range []bool{false, true} {
			err := open(t, c, nil).Verify(t.Context(), items, deep)
			if strings.HasPrefix(c.URL, "file:") {
				check(t, err)
			} else if err == nil || strings.Count(err.Error(), "\n") != 2*len(tree.Files)-1 || !strings.Contains(err.Error(), `got Cache-Control "", want "public, `) {
				t.Errorf("got %v, want an error for each header of each object", err)
			}
		}
	})
}

// TestHeaders changes the headers of an object, of a receipt and of an alias.
func TestHeaders(t *testing.T) {
	for _, kind := range []string{"gs", "s3"} {
		t.Run(kind, func(t *testing.T) {
			place := buckettest.Open(t, kind)
			c := configOf(place)
			c.Aliases = stable("latest")
			items, err := buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, demo))))
			check(t, err)
			d := open(t, c, nil)
			check(t, d.Verify(t.Context(), items, false))
			for _, key := range []string{"all/demo/1.2.0/lock.json", "all/demo/latest"} {
				o, _ := place.Get(key)
				for _, change := range []func(o *buckettest.Object){
					func(o *buckettest.Object) { o.ContentType = "text/html" },
					func(o *buckettest.Object) { o.CacheControl = "max-age=60" },
				} {
					changed := o
					change(&changed)
					place.Set(key, changed)
					if err := d.Verify(t.Context(), items, false); err == nil || !strings.Contains(err.Error(), "latest\": got C") && !strings.Contains(err.Error(), "lock.json\": got C") {
						t.Errorf("%s with %+v: got %v, want an error about the header", key, changed, err)
					}
				}
				place.Set(key, o)
			}
			check(t, d.Verify(t.Context(), items, false))
		})
	}
}

// TestChanged has somebody write between plan and apply.
func TestChanged(t *testing.T) {
	const object, alias = "all/demo/1.2.0/empty.txt", "all/demo/latest"
	for _, tt := range []struct {
		name, before, key, content string
		want                       error
	}{
		{"other object", "", object, "HELLO", publish.ErrChanged},
		{"longer object", "", object, "hello, world", publish.ErrChanged},
		{"equal object", "", object, "hello", nil},
		{"new alias", "", alias, "1.1.0", publish.ErrChanged},
		{"other alias", "1.0.0", alias, "1.1.0", publish.ErrChanged},
		{"alias gone", "1.0.0", alias, "", publish.ErrChanged},
		{"equal alias", "1.0.0", alias, "1.2.0", nil},
		{"equal alias with a line feed", "1.0.0", alias, "1.2.0\n", publish.ErrChanged},
		{"large alias", "1.0.0", alias, strings.Repeat("1", 2000), publish.ErrChanged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				c.Aliases = stable("latest")
				if tt.before != "" {
					s.Put(alias, tt.before)
				}
				d := open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"empty.txt": "hello"}})))
				items := buckettest.Plan(t, d)
				if tt.content == "" {
					s.Delete(tt.key)
				} else {
					s.Put(tt.key, tt.content)
				}
				phase := publish.Upload
				if tt.key == alias {
					phase = publish.Reveal
				}
				if err := d.Apply(t.Context(), phase, buckettest.Missing(items, phase), nil); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if o, _ := s.Get(tt.key); o.Content != tt.content {
					t.Errorf("after that: got %q, want %q", o.Content, tt.content)
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct{ url, endpoint, alias, want string }{
		{"http://x/y", "", "", `reading bucket URL "http://x/y": want gs://`},
		{"gs:///y", "", "", `reading bucket URL "gs:///y": want gs://`},
		{"gs://b/../x", "", "", "want gs://"},
		{"s3://user:secret@b/x", "", "", `reading bucket URL "s3://user:xxxxx@b/x"`},
		{"file://host/x", "", "", "want gs://"},
		{"file:relative", "", "", "want gs://"},
		{"s3://b/x", "localhost", "", `reading endpoint "localhost": want a URL`},
		{"gs://b/x", "localhost", "", `reading endpoint "localhost": want a URL`},
		{"file:///x", "", "../x", `alias "../x": want a path beside the versions`},
		{"file:///x", "", "1.2.0", `alias "1.2.0": want a path beside the versions`},
		{"file:///x", "", "1.2.0/a", `alias "1.2.0/a": want a path beside the versions`},
	} {
		c := Config{URL: tt.url, Endpoint: tt.endpoint}
		if tt.alias != "" {
			c.Aliases = stable(tt.alias)
		}
		_, err := New(t.Context(), c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{})))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: got %v, want %q", tt, err, tt.want)
		}
	}
}
