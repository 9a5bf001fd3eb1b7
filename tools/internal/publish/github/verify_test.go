package github

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestVerify alters what was published in each way.
func TestVerify(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	at := func(r *githubtest.Release, name string) *githubtest.Asset {
		return &r.Assets[slices.IndexFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == name })]
	}
	const list = `commit "COMMIT", `
	for _, tt := range []struct {
		name          string
		alter         func(*githubtest.Release) bool
		shallow, deep string // in the error
	}{
		{"content", func(r *githubtest.Release) bool { at(r, "lock.json").Content = []byte("x"); return true },
			`asset "URL/releases/download/1.2.0/lock.json": got 1 bytes, want `, `lock.json": got 1 bytes`},
		{"content of the same size", func(r *githubtest.Release) bool {
			a := at(r, "manifest.yaml")
			a.Content = slices.Clone(a.Content)
			a.Content[0] ^= 1
			return true
		}, `asset "URL/releases/download/1.2.0/manifest.yaml": sha256: got sha256:`, `manifest.yaml": sha256: got sha256:`},
		{"one less", func(r *githubtest.Release) bool {
			r.Assets = slices.DeleteFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == "SHA256SUMS" })
			return true
		}, `SHA256SUMS": got none, want one`, list + "4 assets"},
		{"one more", func(r *githubtest.Release) bool {
			r.Assets = append(r.Assets, githubtest.Asset{Name: "x", Content: []byte("x")})
			return true
		}, list + "6 assets", list + "6 assets"},
		{"title", func(r *githubtest.Release) bool { r.Title = "Mine"; return true }, `it has title "Mine", `, `title "Mine"`},
		{"notes", func(r *githubtest.Release) bool { r.Notes = "Nötes.."; return true }, "7 characters of notes", "7 characters of notes"},
		{"prerelease", func(r *githubtest.Release) bool { r.Prerelease = true; return true }, "prerelease true", "prerelease true"},
		{"content type", func(r *githubtest.Release) bool { at(r, "lock.json").ContentType = "text/html"; return true },
			`lock.json": content type: got "text/html", want "application/json"`, `lock.json": content type: got "text/html"`},
		{"starter", func(r *githubtest.Release) bool { at(r, "lock.json").State = "starter"; return true },
			`lock.json": got state "starter", want uploaded`, `lock.json": got state "starter", want uploaded`},
		{"draft again", func(r *githubtest.Release) bool { r.Draft = true; return true },
			`release "URL/releases/tag/1.2.0": got a draft, want a published release`, "got a draft"},
		{"removed", func(*githubtest.Release) bool { return false }, `lock.json": got no release, want one`, "got no release"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			d := open(t, s, tree)
			if err := run(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			items := mustPlan(t, d)
			s.EditRelease(owner, repo, tag, tt.alter)
			s.ClearLog()
			for _, deep := range []bool{false, true} {
				want := tt.shallow
				if deep {
					want = tt.deep
				}
				contains(t, open(t, s, nil).Verify(t.Context(), items, deep), strings.NewReplacer("URL", s.URL+"/istio/istio", "COMMIT", commit).Replace(want))
			}
			if w := s.Writes(); len(w) > 0 {
				t.Errorf("Verify wrote %q", w)
			}
		})
	}
	t.Run("its tag moved", func(t *testing.T) {
		s := start(t)
		d := open(t, s, tree)
		if err := run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		items := mustPlan(t, d)
		s.AddTag(owner, repo, tag, other, false)
		contains(t, open(t, s, nil).Verify(t.Context(), items, false), `commit "`+other+`"`)
	})
	t.Run("stored otherwise than its digest", func(t *testing.T) {
		s := start(t)
		d := open(t, s, tree)
		if err := run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		items := mustPlan(t, d)
		s.Corrupt(owner, repo, tag, "manifest.yaml")
		if err := open(t, s, nil).Verify(t.Context(), items, false); err != nil {
			t.Errorf("shallow: %v", err)
		}
		contains(t, open(t, s, nil).Verify(t.Context(), items, true), `manifest.yaml": sha256: got sha256:`)
	})
	t.Run("another destination's item", func(t *testing.T) {
		contains(t, open(t, start(t), nil).Verify(t.Context(), []publish.Item{{Kind: "asset", Name: "gs://x/y"}}, false), `item "gs://x/y": want one below`)
	})
}

// TestNoDigests publishes to a service that keeps no digests: content is read.
func TestNoDigests(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	s.OmitDigests()
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	checkPublished(t, s)
	items := mustPlan(t, open(t, s, tree))
	if got := states(items); len(got) != 7 || strings.Count(strings.Join(got, " "), ": equal") != 7 {
		t.Errorf("got %q, want all equal", got)
	}
	s.Corrupt(owner, repo, tag, "manifest.yaml")
	if err := open(t, s, nil).Verify(t.Context(), items, false); err != nil {
		t.Errorf("shallow: %v", err)
	}
	err := open(t, s, nil).Verify(t.Context(), items, true)
	contains(t, err, `manifest.yaml": sha256: got sha256:`)
	if got := states(mustPlan(t, open(t, s, tree))); !strings.Contains(strings.Join(got, "\n"), "asset manifest.yaml: conflict sha256:") {
		t.Errorf("got %q, want a conflict", got)
	}
}

// TestToken looks at who gets the token: the API and the host for uploads, but not
// the storage that a download is redirected to, nor a host that a release names.
func TestToken(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	s.OmitDigests() // so that all is downloaded
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range s.Log() {
		seen[r.Host]++
		got, want := r.Header.Get("Authorization"), "Bearer "+s.Token
		if r.Host == "storage" {
			want = ""
		}
		if got != want || strings.Contains(r.URL, s.Token) || r.Header.Get("Referer") != "" {
			t.Errorf("%s %s %s: got Authorization %q, want %q", r.Host, r.Method, r.URL, got, want)
		}
	}
	if seen["api"] == 0 || seen["uploads"] != 5 || seen["storage"] == 0 {
		t.Errorf("got requests %v", seen)
	}
	for _, tt := range []struct {
		base, upload string
		ok           bool
	}{
		{"https://api.github.com/", "https://uploads.github.com/repos/a/b/releases/1/assets{?name,label}", true},
		{"https://ghe.example.com/api/v3", "https://ghe.example.com/api/uploads/repos/a/b/releases/1/assets{?name,label}", true},
		{"https://ghe.example.com/api/v3/", "https://uploads.ghe.example.com/x", true},
		{"https://api.corp.ghe.com/", "https://uploads.corp.ghe.com/x", true},
		{"https://api.github.com/", "http://uploads.github.com/x", false},
		{"https://api.github.com/", "https://uploads.github.com.example.com/x", false},
		{"https://api.github.com/", "https://evil.example.com/x", false},
		{"https://api.github.com/", "https://notgithub.com/x", false},
		{"https://api.github.com/", "https://user@github.com/x", false},
		{"https://api.github.com/", "", false},
	} {
		c, err := newClient(clientArgs{Token: "x", BaseURL: tt.base})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.trustUploads(tt.upload); (err == nil) != tt.ok {
			t.Errorf("uploads of %s to %q: got %v, want it allowed: %v", tt.base, tt.upload, err, tt.ok)
		}
	}
}

func TestWebURL(t *testing.T) {
	for base, want := range map[string]string{
		"": "https://github.com", "https://api.github.com": "https://github.com", "https://ghe.example.com/api/v3/": "https://ghe.example.com",
		"https://api.corp.ghe.com": "https://corp.ghe.com",
	} {
		if c, err := newClient(clientArgs{BaseURL: base}); err != nil || c.web != want {
			t.Errorf("%s: got %q, %v, want %q", base, c.web, err, want)
		}
	}
}

// TestMemory uploads much and looks at the heap.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends 64 MB")
	}
	s := start(t)
	files := map[string]string{}
	const size = 32 << 20
	content := strings.Repeat("x", size)
	for i := range 2 {
		files[fmt.Sprintf("big-%d.zip", i)] = content
	}
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: files}))
	content, files = "", nil
	_ = content
	runtime.GC()
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	begin := time.Now()
	s.KeepNothing()
	err := run(t.Context(), open(t, s, tree, func(c *Config) { c.Commit = commit }))
	close(stop)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("64 MB in %v, heap at most %d MB", time.Since(begin), peak.Load()>>20)
	if peak.Load() > 32<<20 {
		t.Errorf("heap: got %d MB, want at most 32", peak.Load()>>20)
	}
}
