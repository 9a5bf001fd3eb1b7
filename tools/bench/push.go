package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	ocirefs "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/registry"
)

const (
	pushTimeGoal    = 0.5  // of the time that remote.MultiWrite takes
	pushBytesGoal   = 1.01 // of the distinct bytes
	pushRequestGoal = 1.25 // of the floor
	pushReadGoal    = 1.1  // requests a tag, where all is there
	pushRoundTrip   = 20 * time.Millisecond
	pushPeerJobs    = 4
	pushImages      = 12
	pushBases       = 3
	pushOwn         = 2 // layers of each manifest
	pushLayerSize   = 64 << 10
)

// pushBench pushes images that share their bases to an empty registry in this
// process, each of whose answers takes a round trip.
type pushBench struct {
	tree      *release.Tree
	dir       string // of the release
	images    int
	layerSize int

	bytes, requests, reads Sample // of our runs
	plan, upload, reveal   Sample // seconds
}

func pushBenchmark(images, layerSize int, roundTrip time.Duration) Benchmark {
	return Benchmark{Name: "push", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b := &pushBench{dir: filepath.Join(e.Dir, "release"), images: images, layerSize: layerSize}
		if err := b.make(ctx); err != nil {
			return nil, err
		}
		distinct, floor := b.distinct(), b.floor()
		e.Notef("%d images of %d architectures on %d bases, %.1f MiB in all; registry in this process, %s a request; floor: %g requests",
			images, len(imageArchitectures), pushBases, distinct/(1<<20), roundTrip, floor)
		times, err := e.Race(ctx,
			Contender{"push", func(ctx context.Context) error { return b.run(ctx, roundTrip, b.push) }},
			Contender{"MultiWrite", func(ctx context.Context) error { return b.run(ctx, roundTrip, b.multiWrite) }})
		if err != nil {
			return nil, err
		}
		e.Notef("of our time %s is the plan, %s the upload, %s the tags", b.plan.text(seconds), b.upload.text(seconds), b.reveal.text(seconds))
		if err := b.run(ctx, 0, b.again); err != nil {
			return nil, err
		}
		for i := range b.requests {
			b.requests[i] = math.Round(b.requests[i]/floor*1000) / 1000
		}
		return []Row{
			AtMostTimes(fmt.Sprintf("plan, upload and tags, against remote.MultiWrite with %d jobs", pushPeerJobs), times[0], times[1], pushTimeGoal),
			Smaller("bytes sent, against the distinct bytes", slices.Max(b.bytes), distinct, pushBytesGoal),
			AtMost("requests, against the floor", "x", b.requests, pushRequestGoal),
			AtMost("requests to plan what is there", "a tag", b.reads, pushReadGoal),
		}, nil
	}}
}

// distinct returns the bytes of all distinct blobs, manifests among them.
func (b *pushBench) distinct() float64 {
	seen := map[digest.Digest]bool{}
	sum := int64(0)
	for _, f := range b.tree.Files {
		if strings.Contains(f.Path, "/blobs/") && !seen[f.Digest] {
			seen[f.Digest], sum = true, sum+f.Size
		}
	}
	return float64(sum)
}

// floor returns how many requests the first push needs: two for each distinct
// layer and config, one for each repository more that has it, one for each
// manifest, index and tag.
func (b *pushBench) floor() float64 {
	manifests := b.images * len(imageArchitectures)
	return float64(2*(pushBases+manifests*(pushOwn+1)) + (b.images-1)*pushBases + manifests + b.images + b.images)
}

// A countingRegistry is an empty registry.
type countingRegistry struct {
	host            string
	bytes, requests atomic.Int64
}

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// run has push fill an empty registry.
func (b *pushBench) run(ctx context.Context, roundTrip time.Duration, push func(context.Context, *countingRegistry, http.RoundTripper) error) error {
	r := new(countingRegistry)
	handler := ociserver.New(ocimem.New(), nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		time.Sleep(roundTrip)
		req.Body = countingBody{req.Body, &r.bytes}
		handler.ServeHTTP(w, req)
	}))
	defer server.Close()
	r.host = strings.TrimPrefix(server.URL, "http://")
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	return push(ctx, r, transport)
}

func (b *pushBench) push(ctx context.Context, r *countingRegistry, t http.RoundTripper) error {
	d, err := registry.New(ctx, registry.Config{Hub: r.host + "/hub", Transport: t}, b.tree)
	if err != nil {
		return err
	}
	start := time.Now()
	lap := func(s *Sample) {
		*s = append(*s, time.Since(start).Seconds())
		start = time.Now()
	}
	items, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	lap(&b.plan)
	if err := d.Apply(ctx, publish.Upload, items[:b.images], nil); err != nil {
		return err
	}
	lap(&b.upload)
	if err := d.Apply(ctx, publish.Reveal, items[b.images:], nil); err != nil {
		return err
	}
	lap(&b.reveal)
	b.bytes, b.requests = append(b.bytes, float64(r.bytes.Load())), append(b.requests, float64(r.requests.Load()))
	return nil
}

// again pushes, and plans anew, as another process does, what is there by then.
func (b *pushBench) again(ctx context.Context, r *countingRegistry, t http.RoundTripper) error {
	if err := b.push(ctx, r, t); err != nil {
		return err
	}
	before := r.requests.Load()
	d, err := registry.New(ctx, registry.Config{Hub: r.host + "/hub", Transport: t}, b.tree)
	if err != nil {
		return err
	}
	items, err := d.Plan(ctx)
	b.reads = Sample{math.Round(float64(r.requests.Load()-before)/float64(b.images)*1000) / 1000}
	for _, i := range items {
		if i.State != publish.Equal {
			err = errors.Join(err, fmt.Errorf("%s %s: got %s, want equal", i.Kind, i.Name, i.State))
		}
	}
	return err
}

func (b *pushBench) multiWrite(ctx context.Context, r *countingRegistry, t http.RoundTripper) error {
	all := map[ocirefs.Reference]remote.Taggable{}
	for i := range b.images {
		ref, err := ocirefs.ParseReference(r.host + "/hub/" + imageName(i) + ":1.2.0")
		if err != nil {
			return err
		}
		p, err := layout.FromPath(filepath.Join(b.dir, "images", imageName(i)))
		if err != nil {
			return err
		}
		top, err := p.ImageIndex()
		if err != nil {
			return err
		}
		m, err := top.IndexManifest()
		if err != nil {
			return err
		}
		if all[ref], err = top.ImageIndex(m.Manifests[0].Digest); err != nil {
			return err
		}
	}
	return remote.MultiWrite(all, remote.WithContext(ctx), remote.WithTransport(t), remote.WithJobs(pushPeerJobs))
}

// make makes the release.
func (b *pushBench) make(ctx context.Context) error {
	for i := range b.images {
		err := makeImage(filepath.Join(b.dir, "images", imageName(i)), benchImage{seed: i, bases: pushBases, own: pushOwn, layerSize: b.layerSize})
		if err != nil {
			return err
		}
	}
	if err := sealRelease(b.dir); err != nil {
		return err
	}
	var err error
	b.tree, err = release.Open(ctx, release.Dir(b.dir))
	return err
}
