package bucket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestNothingToDo counts the requests of a run that finds all as it is to be.
func TestNothingToDo(t *testing.T) {
	args := releasetest.Args{Files: map[string]string{}}
	for n := range 500 {
		args.Files[fmt.Sprintf("artifacts/%03d.tar.gz", n)] = fmt.Sprint("artifact ", n)
	}
	tree := releasetest.Open(t, releasetest.Make(t, args))
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		c.Aliases = stable("latest", "stable")
		d := open(t, c, tree)
		_, err := buckettest.Run(t.Context(), d)
		check(t, err)
		s.Reset()
		items := buckettest.Plan(t, d)
		check(t, d.Apply(t.Context(), publish.Upload, buckettest.Missing(items, publish.Upload), nil))
		if n := buckettest.States(items); n[publish.Equal] != len(items) || len(s.Writes()) > 0 || len(s.Reads()) > 4 {
			t.Errorf("got %v, %d writes, %d reads, want 1 listing, 1 record of a yank and 2 aliases", n, len(s.Writes()), len(s.Reads()))
		}
	})
}

// TestMemory publishes what is large, to services that throw it away.
func TestMemory(t *testing.T) {
	const files, size, jobs = 4, 24 << 20, 2
	dir := releasetest.Make(t, releasetest.Args{})
	for n := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("large", n)))
		check(t, err)
		check(t, f.Truncate(size)) // sparse
		check(t, f.Close())
	}
	releasetest.Seal(t, dir)
	tree := releasetest.Open(t, dir)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, scheme := range []string{"gs", "s3", "file"} {
		t.Run(scheme, func(t *testing.T) {
			var got atomic.Int64
			server := httptest.NewServer(discard(&got))
			defer server.Close()
			c := Config{URL: scheme + "://b/p", Endpoint: server.URL}
			if scheme == "file" {
				c = Config{URL: "file://" + t.TempDir()}
			}
			c.Jobs = jobs
			d := open(t, c, tree)
			p := d.(*bucket).Place
			if s, ok := p.store.(*s3Store); ok {
				s.single = chunkSize
			}
			var items []publish.Item
			for n := range files {
				file, _ := tree.Find(fmt.Sprint("large", n))
				item, err := p.item(t.Context(), objectKind, p.prefix+"1.2.0/"+file.Path, file, nil)
				check(t, err)
				items = append(items, item)
			}
			most := watchMemory(t.Context(), func() {
				check(t, d.Apply(t.Context(), publish.Upload, items, nil))
			})
			if scheme != "file" && got.Load() < files*size {
				t.Errorf("got %d bytes, want %d", got.Load(), files*size)
			}
			const limit = jobs*chunkSize + 32<<20
			if most > limit {
				t.Errorf("memory: got %d MiB, want at most %d", most>>20, limit>>20)
			}
			t.Logf("memory: %d MiB", most>>20)
		})
	}
}

// discard answers uploads as both services do, and keeps nothing.
func discard(got *atomic.Int64) http.Handler {
	var mu sync.Mutex
	written := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Add(n)
		q := r.URL.Query()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case q.Get("uploadType") == "resumable" && q.Get("upload_id") == "":
			w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?uploadType=resumable&upload_id=1")
		case q.Get("upload_id") != "":
			if strings.HasSuffix(r.Header.Get("Content-Range"), "/*") {
				w.Header().Set("X-Http-Status-Code-Override", "308")
			}
			fmt.Fprint(w, "{}")
		case q.Has("uploads"):
			fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		case q.Has("partNumber"):
			w.Header().Set("ETag", `"1"`)
		case r.Method == http.MethodPost:
			written[r.URL.Path] = true
			fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`)
		case !written[r.URL.Path]:
			w.WriteHeader(http.StatusNotFound)
		default: // reading back
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", fmt.Sprint(24<<20))
		}
	})
}

// watchMemory returns the most bytes that were in use by f beyond what was before.
func watchMemory(ctx context.Context, f func()) uint64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan uint64)
	go func() {
		most := uint64(0)
		for ctx.Err() == nil {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse-min(now.HeapInuse, before.HeapInuse))
			time.Sleep(5 * time.Millisecond)
		}
		done <- most
	}()
	f()
	cancel()
	return <-done
}
