package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

const (
	publishCommand    = "github.com/jasonwzm/release-builder/tools/publish"
	publishFiles      = 400
	publishImages     = 100
	publishTimeGoal   = 1.0 // seconds
	publishReadGoal   = 1.1 // requests a pointer
	publishLarge      = 10  // files
	publishLargeSize  = 1 << 30
	publishMemoryGoal = 256 << 20 // bytes
)

// publishBench runs the publish command against a bucket and a registry in this
// process, which keep little of what they are sent.
type publishBench struct {
	dir, command string
	bucket       *bucketSink
	bucketURL    string
	hub          string
	tags, puts   atomic.Int64 // requests to the registry
	stop         []func()
}

// noopBenchmark publishes a release of many artifacts, and then, which is what it
// measures, again.
func noopBenchmark(files, images int) Benchmark {
	return Benchmark{Name: "noop", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b, err := newPublishBench(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.close()
		if err := b.makeSmall(files, images); err != nil {
			return nil, err
		}
		if _, err := b.publish(ctx); err != nil {
			return nil, err
		}
		e.Notef("%d files in a bucket with an alias, %d images of %d architectures with a tag in a registry, both in this process", files, images, len(imageArchitectures))
		var reads, writes Sample
		times, err := e.Race(ctx, Contender{"publish again", func(ctx context.Context) error {
			b.reset()
			_, err := b.publish(ctx)
			reads = append(reads, math.Round(float64(int64(b.bucket.reads)+b.tags.Load())/float64(images+1)*1000)/1000)
			writes = append(writes, float64(int64(b.bucket.writes)+b.puts.Load()))
			return err
		}})
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("publishing %d artifacts that are there: ", files+images)
		return []Row{
			AtMost(what+"time", seconds, Sample{times[0].Median()}, publishTimeGoal),
			AtMost(what+"requests that read", "a pointer", reads, publishReadGoal),
			AtMost(what+"requests that write", "in all", writes, 0),
		}, nil
	}}
}

// memoryBenchmark publishes large sparse files.
func memoryBenchmark(files int, size int64) Benchmark {
	return Benchmark{Name: "memory", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b, err := newPublishBench(ctx, e)
		if err != nil {
			return nil, err
		}
		defer b.close()
		for i := range files {
			if err := sparse(filepath.Join(b.dir, fmt.Sprintf("large%02d.bin", i)), int64(i), size); err != nil {
				return nil, err
			}
		}
		if err := makeImage(filepath.Join(b.dir, "images", imageName(0)), benchImage{bases: 1, own: 1, layerSize: 4 << 20}); err != nil {
			return nil, err
		}
		e.Logf("hashing %d files of %.1f MiB", files, float64(size)/(1<<20))
		if err := sealRelease(b.dir); err != nil {
			return nil, err
		}
		state, err := b.publish(ctx)
		if err != nil {
			return nil, err
		}
		peak, ok := peakMemory(state)
		if !ok {
			e.Notef("this system does not say how much memory a process had")
			return nil, nil
		}
		what := fmt.Sprintf("publishing %.1f GiB to a bucket and a registry, most memory", float64(files)*float64(size)/(1<<30))
		return []Row{AtMost(what, bytes, Sample{float64(peak)}, publishMemoryGoal)}, nil
	}}
}

// sparse makes a file of zeros, but for its number, that takes no room on disk.
func sparse(name string, number, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d\n", number)
	if err == nil {
		err = f.Truncate(size)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func newPublishBench(ctx context.Context, e *Env) (_ *publishBench, err error) {
	b := &publishBench{dir: filepath.Join(e.Dir, "release"), bucket: newBucketSink()}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return nil, err
	}
	if b.command, err = goBuild(ctx, e.Dir, publishCommand); err != nil {
		return nil, err
	}
	url, stop, err := listen(b.bucket)
	if err != nil {
		return nil, err
	}
	b.bucketURL, b.stop = url, append(b.stop, stop)
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(&blobSink{sizes: map[v1.Hash]int64{}}))
	url, stop, err = listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			b.tags.Add(1)
		} else {
			b.puts.Add(1)
		}
		images.ServeHTTP(w, r)
	}))
	if err != nil {
		b.close()
		return nil, err
	}
	b.hub, b.stop = strings.TrimPrefix(url, "http://")+"/hub", append(b.stop, stop)
	return b, nil
}

func (b *publishBench) close() {
	for _, stop := range b.stop {
		stop()
	}
}

func (b *publishBench) reset() {
	b.bucket.reads, b.bucket.writes = 0, 0
	b.tags.Store(0)
	b.puts.Store(0)
}

func (b *publishBench) makeSmall(files, images int) error {
	for i := range files {
		if err := os.WriteFile(filepath.Join(b.dir, fmt.Sprintf("file%03d.txt", i)), []byte(fmt.Sprintln("file", i)), 0o644); err != nil {
			return err
		}
	}
	for i := range images {
		if err := makeImage(filepath.Join(b.dir, "images", imageName(i)), benchImage{seed: i, bases: 1, own: 1, layerSize: 1 << 10}); err != nil {
			return err
		}
	}
	return sealRelease(b.dir)
}

func (b *publishBench) publish(ctx context.Context) (*os.ProcessState, error) {
	home := filepath.Join(filepath.Dir(b.dir), "home")
	env := environ.Tool("HOME="+home, "STORAGE_EMULATOR_HOST="+b.bucketURL)
	cmd := environ.Command(ctx, env, b.command, "--release", b.dir, "--state", filepath.Join(filepath.Dir(b.dir), "state"),
		"--gcsbucket", "bench/releases", "--gcsaliases", "latest", "--dockerhub", b.hub)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return cmd.ProcessState, nil
}

// blobSink keeps of blobs their sizes, and small ones, which are configs.
type blobSink struct {
	mu    sync.Mutex
	sizes map[v1.Hash]int64
}

// Stat is that of registry.BlobStatHandler.
func (s *blobSink) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, ok := s.sizes[h]
	if !ok {
		return 0, registry.ErrNotFound
	}
	return size, nil
}

// Get is that of registry.BlobHandler.
func (s *blobSink) Get(context.Context, string, v1.Hash) (io.ReadCloser, error) {
	return nil, registry.ErrNotFound
}

// Put is that of registry.BlobPutHandler.
func (s *blobSink) Put(_ context.Context, _ string, h v1.Hash, r io.ReadCloser) error {
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != h.Hex {
		return fmt.Errorf("sha256: got %s, want %s", got, h.Hex)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes[h] = n
	return nil
}
