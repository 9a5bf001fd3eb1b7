package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	ocirefs "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/registry"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	pushTimeGoal  = 0.5 // of the time that remote.MultiWrite takes
	pushRoundTrip = 20 * time.Millisecond
	pushPeerJobs  = 4
	pushImages    = 12
	pushBases     = 3
	pushOwn       = 2 // layers of each manifest
	pushLayerSize = 64 << 10
)

// pushBench pushes images that share their bases to an empty registry in this process. Each of
// its answers takes a round trip.
type pushBench struct {
	tree      *release.Tree
	dir       string // of the release
	images    int
	layerSize int
}

func pushBenchmark(images, layerSize int, roundTrip time.Duration) Benchmark {
	return Benchmark{Name: "push", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b := &pushBench{dir: filepath.Join(e.Dir, "release"), images: images, layerSize: layerSize}
		if err := b.make(ctx); err != nil {
			return nil, err
		}
		e.Notef("%d images of %d architectures on %d bases; registry in this process, %s a request", images, len(imageArchitectures), pushBases, roundTrip)
		times, err := e.Race(ctx,
			Contender{"push", func(ctx context.Context) error { return b.run(ctx, roundTrip, b.push) }},
			Contender{"MultiWrite", func(ctx context.Context) error { return b.run(ctx, roundTrip, b.multiWrite) }})
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("plan, upload and tags, against remote.MultiWrite with %d jobs", pushPeerJobs)
		return []Row{AtMostTimes(what, times[0], times[1], pushTimeGoal)}, nil
	}}
}

// run calls push with an empty registry at host.
func (b *pushBench) run(ctx context.Context, roundTrip time.Duration, push func(ctx context.Context, host string, t http.RoundTripper) error) error {
	handler := ociserver.New(ocimem.New(), nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(roundTrip)
		handler.ServeHTTP(w, req)
	}))
	defer server.Close()
	transport := web.NewTransport()
	defer transport.CloseIdleConnections()
	return push(ctx, strings.TrimPrefix(server.URL, "http://"), transport)
}

func (b *pushBench) push(ctx context.Context, host string, t http.RoundTripper) error {
	d, err := registry.New(ctx, registry.Config{Hub: host + "/hub", Transport: t}, b.tree)
	if err != nil {
		return err
	}
	items, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	if err := d.Apply(ctx, publish.Upload, items[:b.images], nil); err != nil {
		return err
	}
	return d.Apply(ctx, publish.Reveal, items[b.images:], nil)
}

func (b *pushBench) multiWrite(ctx context.Context, host string, t http.RoundTripper) error {
	all := map[ocirefs.Reference]remote.Taggable{}
	for i := range b.images {
		ref, err := ocirefs.ParseReference(host + "/hub/" + imageName(i) + ":1.2.0")
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
