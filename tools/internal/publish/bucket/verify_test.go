package bucket

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestVerify alters what was published and looks for what is said.
func TestVerify(t *testing.T) {
	const at = "all/demo/1.2.0/"
	alter := map[string]func(s *buckettest.Server){
		`object "URL1.2.0/empty": got 1 bytes, want 0`:                                               func(s *buckettest.Server) { s.Put(at+"empty", "x") },
		`object "URL1.2.0/manifest.yaml": got none, want sha256:`:                                    func(s *buckettest.Server) { s.Delete(at + "manifest.yaml") },
		`object "URL1.2.0/demo-1.2.0-linux-amd64.tar.gz": got sha256:`:                               func(s *buckettest.Server) { s.Put(at+"demo-1.2.0-linux-amd64.tar.gz", "ARCHIVE") },
		`alias "URLlatest": got "1.1.0", want "1.2.0" or a later release: 1.1.0 is lower than 1.2.0`: func(s *buckettest.Server) { s.Put("all/demo/latest", "1.1.0") },
		`alias "URLstable": got none, want "1.2.0"`:                                                  func(s *buckettest.Server) { s.Delete("all/demo/stable") },
		`object "URL1.2.0/x/more": got an object that is not in the release, want none`:              func(s *buckettest.Server) { s.Put(at+"x/more", "x") },
	}
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		c.Aliases = stable("latest", "stable")
		items, err := buckettest.Run(t.Context(), open(t, c, releasetest.Open(t, releasetest.Make(t, demo))))
		check(t, err)
		d := open(t, c, nil)
		o, _ := s.Get(at + "lock.json")
		s.Set(at+"lock.json", o) // another version, the same content
		check(t, d.Verify(t.Context(), items, false))
		for _, f := range alter {
			f(s)
		}
		for _, deep := range []bool{false, true} {
			err := d.Verify(t.Context(), items, deep)
			if err == nil || strings.Count(err.Error(), "\n") != len(alter)-1 {
				t.Errorf("deep %v: got %v, want %d errors", deep, err, len(alter))
			}
			for want := range alter {
				if want = strings.ReplaceAll(want, "URL", c.URL+"/"); err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("deep %v: got\n%v\nwant %s", deep, err, want)
				}
			}
		}
	})
}

// TestCancel cancels while the service does not answer, and will not until this has ended.
func TestCancel(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		t.Run(name, func(t *testing.T) {
			place := buckettest.Open(t, name)
			s, c := place.Server, configOf(place)
			d := open(t, c, releasetest.Open(t, releasetest.Make(t, demo)))
			items := buckettest.Plan(t, d)
			release := make(chan struct{})
			started := make(chan struct{}, 100)
			s.Before(func(*http.Request) { started <- struct{}{}; <-release })
			defer close(release)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-started; cancel() }()
			if err := d.Apply(ctx, publish.Upload, buckettest.Missing(items, publish.Upload), nil); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		})
	}
}
