package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func newObjects(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	c.Aliases = stable("latest")
	d, err := New(ctx, c, tree)
	if err == nil {
		small(d, 1000)
	}
	return d, err
}

// small has a destination send small parts to Amazon, and the smallest to Google.
func small(d publish.Destination, chunk int64) {
	switch s := d.(*bucket).store.(type) {
	case *s3Store:
		s.single, s.chunk = 1000, chunk
	case *gcsStore:
		s.chunk = chunkUnit
	}
}

// TestFaults has each request in turn fail, in each way, once and for good, and then
// runs again.
func TestFaults(t *testing.T) {
	for name, large := range map[string]int{"gs": chunkUnit + 10, "s3": 2010} {
		args := releasetest.Args{Files: map[string]string{"large": strings.Repeat("x", large)}, Charts: []string{"web"}}
		tree := releasetest.Open(t, releasetest.Make(t, args))
		begin := func() buckettest.Place {
			p := buckettest.Open(t, name)
			p.Put("all/demo/latest", "1.1.0")
			return p
		}
		t.Run(name, func(t *testing.T) {
			buckettest.EachFault(t, begin, func(ctx context.Context, p buckettest.Place, web http.RoundTripper) (publish.Destination, error) {
				c := configOf(p)
				c.Jobs, c.Transport = 1, web
				return newObjects(ctx, c, tree)
			})
		})
	}
}

// TestAltered alters the release after it was planned. Nothing of it becomes visible.
func TestAltered(t *testing.T) {
	for _, size := range []int{10, 5000, chunkUnit + 100, 2 * chunkUnit} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				dir := releasetest.Make(t, releasetest.Args{Files: map[string]string{"x": strings.Repeat("x", size)}})
				d := open(t, c, releasetest.Open(t, dir))
				small(d, chunkUnit)
				items := buckettest.Plan(t, d)
				check(t, os.WriteFile(filepath.Join(dir, "x"), []byte(strings.Repeat("x", size-1)+"y"), 0o644))
				err := d.Apply(t.Context(), publish.Upload, buckettest.Missing(items, publish.Upload), nil)
				if err == nil || !strings.Contains(err.Error(), `sha256 of "x": got sha256:`) {
					t.Errorf("got %v, want the sha256", err)
				}
				if keys := s.Keys(); slices.ContainsFunc(keys, func(k string) bool {
					return strings.HasSuffix(k, "/x") || strings.HasSuffix(k, release.Checksums) || strings.HasSuffix(k, ".publishing")
				}) {
					t.Errorf("got %q, want neither x nor %s", keys, release.Checksums)
				}
			})
		})
	}
}

// TestDamaged has content change between the disk and the service.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		for _, size := range []int{10, 5000, 2*chunkUnit + 100} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				place := buckettest.Open(t, name)
				s, c := place.Server, configOf(place)
				c.Transport = damaging{}
				d := open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"x": strings.Repeat("X", size)}})))
				small(d, chunkUnit)
				if err := d.Apply(t.Context(), publish.Upload, buckettest.Missing(buckettest.Plan(t, d), publish.Upload), nil); err == nil {
					t.Error("got no error")
				}
				if _, ok := s.Get("all/demo/1.2.0/x"); ok {
					t.Error("got an object of damaged content")
				}
			})
		}
	}
}

type damaging struct{}

func (damaging) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Method != http.MethodGet {
		req = req.Clone(req.Context())
		req.Body = damagedBody{req.Body}
	}
	return http.DefaultTransport.RoundTrip(req)
}

type damagedBody struct{ io.ReadCloser }

func (b damagedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if i := strings.Index(string(p[:n]), "XXXXXXXX"); i >= 0 {
		p[i] = 'Y'
	}
	return n, err
}

// TestLarge sends files in chunks and parts, and reads them back.
func TestLarge(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		args := releasetest.Args{Files: map[string]string{}}
		for _, n := range []int{chunkUnit - 1, chunkUnit, chunkUnit + 1, 2*chunkUnit + 7, 2*chunkSize + 7} {
			args.Files[fmt.Sprint(n)] = strings.Repeat(fmt.Sprint(n), n/len(fmt.Sprint(n))+1)[:n]
		}
		d := open(t, c, releasetest.Open(t, releasetest.Make(t, args)))
		if s, ok := d.(*bucket).store.(*s3Store); ok {
			s.single, s.chunk = chunkUnit, chunkSize/3
		}
		items, err := buckettest.Run(t.Context(), d)
		check(t, err)
		for _, i := range items {
			if i.State != publish.Equal {
				t.Errorf("got %+v", i)
			}
		}
		check(t, d.Verify(t.Context(), items, true))
	})
}

// TestRace has somebody write at the very moment of each write.
func TestRace(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		for _, key := range []string{"all/demo/1.2.0/x", "all/demo/1.2.0/large", "all/demo/latest"} {
			t.Run(name+" "+key, func(t *testing.T) {
				place := buckettest.Open(t, name)
				s, c := place.Server, configOf(place)
				c.Jobs = 1
				args := releasetest.Args{Files: map[string]string{"x": "x", "large": strings.Repeat("large", 1000)}}
				d, err := newObjects(t.Context(), c, releasetest.Open(t, releasetest.Make(t, args)))
				check(t, err)
				s.Before(func(r *http.Request) {
					if name == "s3" && strings.HasSuffix(r.URL.Path, key) || r.URL.Query().Get("name") == key {
						s.Put(key, "theirs")
					}
				})
				if _, err := buckettest.Run(t.Context(), d); !errors.Is(err, publish.ErrChanged) {
					t.Errorf("got %v, want %v", err, publish.ErrChanged)
				}
				if got := s.Content(key); got != "theirs" {
					t.Errorf("got %.100q, want theirs", got)
				}
			})
		}
	}
}

// TestLax publishes to a service that ignores conditions. What somebody else did
// between plan and apply is still found.
func TestLax(t *testing.T) {
	place := buckettest.Open(t, "s3")
	s, c := place.Server, configOf(place)
	c.Aliases = stable("latest")
	s.Lax(true)
	s.Put("all/demo/latest", "1.0.0")
	tree := releasetest.Open(t, releasetest.Make(t, demo))
	d := open(t, c, tree)
	items := buckettest.Plan(t, d)
	s.Put("all/demo/latest", "1.1.0")
	if err := d.Apply(t.Context(), publish.Reveal, buckettest.Missing(items, publish.Reveal), nil); !errors.Is(err, publish.ErrChanged) || s.Content("all/demo/latest") != "1.1.0" {
		t.Errorf("got %v and %q, want %v and no change", err, s.Content("all/demo/latest"), publish.ErrChanged)
	}
	items, err := buckettest.Run(t.Context(), d)
	if n := buckettest.States(items); err != nil || n[publish.Equal] != len(tree.Files)+1 {
		t.Errorf("got %v, %v", n, err)
	}
}

// TestGivesUp publishes to a service that stays out of order.
func TestGivesUp(t *testing.T) {
	for _, name := range []string{"gs", "s3"} {
		t.Run(name, func(t *testing.T) {
			place := buckettest.Open(t, name)
			c := configOf(place)
			d := open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{})))
			items := buckettest.Missing(buckettest.Plan(t, d), publish.Upload)
			c.Transport = unavailable{}
			d = open(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{})))
			if err := d.Apply(t.Context(), publish.Upload, items[:1], nil); err == nil {
				t.Error("got no error")
			}
			if _, err := d.Plan(t.Context()); err == nil {
				t.Error("planning: got no error")
			}
		})
	}
}

type unavailable struct{}

func (unavailable) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	return &http.Response{
		Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}, nil
}
