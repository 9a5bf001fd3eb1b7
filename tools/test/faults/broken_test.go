package faults_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A hasty destination moves its pointers as soon as it may write.
type hasty struct {
	publish.Destination
	pointers []publish.Item
}

func (h *hasty) Plan(ctx context.Context) ([]publish.Item, error) {
	items, err := h.Destination.Plan(ctx)
	h.pointers = nil
	for _, i := range items {
		if i.Phase == publish.Reveal && (i.State == publish.Absent || i.State == publish.Behind) {
			h.pointers = append(h.pointers, i)
		}
	}
	return items, err
}

func (h *hasty) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	early := func() error { return h.Destination.Apply(ctx, publish.Reveal, h.pointers, func(publish.Progress) {}) }
	if phase != publish.Upload {
		return h.Destination.Apply(ctx, phase, items, report)
	}
	refused := early()
	err := h.Destination.Apply(ctx, phase, items, report)
	if err == nil && refused != nil { // by a registry that has no such manifest
		err = early()
	}
	return err
}

// insistent sends a write again that got no answer, and reads nothing before.
type insistent struct{ base http.RoundTripper }

func (i insistent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && r.ContentLength > 0 {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(data))
		if resp, err := i.base.RoundTrip(r); err == nil {
			return resp, nil
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(data))
	}
	return i.base.RoundTrip(r)
}

// TestBroken breaks the publisher. The matrix has to see that.
func TestBroken(t *testing.T) {
	m := newMatrix(t)
	all := m.statesOf("cloud", m.releaser.release(0), m.releaser.release(1))
	for _, tt := range []struct {
		name, destination string
		insistent         bool
		request           string
		want              string
	}{
		{"a tag before the receipt", "registry", false, "", "registry "},
		{"an alias before its objects", "gcs", false, "", "gcs demo/latest is there"},
		{"an index of charts before the charts", "charts", false, "", "gcs charts/index.yaml is there"},
		{"a git tag before all else", "tags", false, "", "tag"},
		{"a write again without a look", "", true, "registry PUT /v2/demo/app/manifests/latest #1", "latest #2 came again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "cloud")
			w.layer.Begin(version(0), "", "")
			if err := m.publish(w, 0, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
				t.Fatal(err)
			}
			var problems []string
			w.watch(all[0], all[1], func(_ string, args ...any) { problems = append(problems, args[len(args)-1].(string)) })
			w.layer.Begin(version(1), tt.request, faulttest.Lost)
			base := w.transport()
			if tt.insistent {
				base = insistent{base}
			}
			err := m.publish(w, 1, w.home).broken(t.Context(), base, func(d publish.Destination) publish.Destination {
				if d.Name() == tt.destination {
					return &hasty{Destination: d}
				}
				return d
			})
			if tt.insistent {
				problems = append(problems, repeated(w.layer.Log(), tt.request)+" came again")
			}
			if text := strings.Join(problems, "\n"); !strings.Contains(text, tt.want) {
				t.Errorf("got %q and %v, want %q", text, err, tt.want)
			} else {
				t.Log(problems[0])
			}
		})
	}
}

// broken publishes with destinations that change replaces.
func (r run) broken(ctx context.Context, base http.RoundTripper, change func(publish.Destination) publish.Destination) error {
	tree, err := release.Open(ctx, release.Dir(r.Release))
	if err != nil {
		return err
	}
	p, err := destinations.All().Schema().Read(r.File, r.Profile)
	if err != nil {
		return err
	}
	kinds := destinations.All()
	expanded, err := kinds.Expand(*p, filepath.Dir(r.File), tree.Lock)
	if err != nil {
		return err
	}
	all, err := destinations.Open(ctx, destinations.Args{
		Profile: expanded, Tree: tree, Env: r.env, Transport: web.New(web.Config{Base: base, Idle: r.idle()}),
	})
	if err != nil {
		return err
	}
	for n := range all {
		all[n] = change(all[n])
	}
	publisher := &publish.Publisher{Tree: tree, Line: "demo", Profile: kinds.Recorded(expanded), Destinations: all}
	plan, err := publisher.Plan(ctx)
	if err != nil {
		return err
	}
	_, err = publisher.Apply(ctx, plan)
	return err
}
