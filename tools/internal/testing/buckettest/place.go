package buckettest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// A Place is a prefix of a store, all/demo, and how to reach it.
type Place struct {
	*Server
	Name, URL, Endpoint string
}

// Open starts a store: gs, s3 or file.
func Open(t *testing.T, kind string) Place {
	switch kind {
	case "gs":
		s := GCS(t)
		return Place{s, "gcs", "gs://" + Bucket + "/all/demo", s.URL}
	case "s3":
		s := S3(t)
		return Place{s, "s3", "s3://" + Bucket + "/all/demo", s.URL}
	}
	root := t.TempDir()
	return Place{Directory(t, root), "directory", "file://" + root + "/all/demo", ""}
}

// Each runs a test on each kind of store.
func Each(t *testing.T, f func(t *testing.T, p Place)) {
	for _, kind := range []string{"gs", "s3", "file"} {
		t.Run(kind, func(t *testing.T) { f(t, Open(t, kind)) })
	}
}

// Directory is a directory as a server.
func Directory(t testing.TB, root string) *Server {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := func(key string) string { return filepath.Join(root, filepath.FromSlash(key)) }
	return &Server{
		Set: func(key string, o Object) {
			check(os.MkdirAll(filepath.Dir(name(key)), 0o755))
			check(os.WriteFile(name(key), []byte(o.Content), 0o644))
		},
		Get: func(key string) (Object, bool) {
			data, err := os.ReadFile(name(key))
			return Object{Content: string(data)}, err == nil
		},
		Delete: func(key string) { check(os.Remove(name(key))) },
		Keys: func() []string {
			var keys []string
			check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && d.Name() != ".publish.lock" {
					rel, _ := filepath.Rel(root, p)
					keys = append(keys, filepath.ToSlash(rel))
				}
				return err
			}))
			return keys
		},
	}
}

// Content returns the content of an object; empty if there is none.
func (s *Server) Content(key string) string {
	o, _ := s.Get(key)
	return o.Content
}

// Plan returns a destination's plan.
func Plan(t testing.TB, d publish.Destination) []publish.Item {
	t.Helper()
	items, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// Missing are the items of a phase that are to be written.
func Missing(items []publish.Item, phase publish.Phase) []publish.Item {
	var some []publish.Item
	for _, i := range items {
		if i.Phase == phase && (i.State == publish.Absent || i.State == publish.Behind) {
			some = append(some, i)
		}
	}
	return some
}

// Run publishes as the engine does, and returns what is there afterwards.
func Run(ctx context.Context, d publish.Destination) ([]publish.Item, error) {
	items, err := d.Plan(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		if i.State == publish.Conflict {
			return items, fmt.Errorf("conflict: %+v", i)
		}
	}
	for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
		if err := d.Apply(ctx, phase, Missing(items, phase), nil); err != nil {
			return nil, err
		}
	}
	return d.Plan(ctx)
}

// States counts the items in each state.
func States(items []publish.Item) map[publish.State]int {
	n := map[publish.State]int{}
	for _, i := range items {
		n[i.State]++
	}
	return n
}

// A faulty run is one in which a request fails, and with crash all that come later.
type faulty struct {
	at    int
	fault Fault
	crash bool
	place Place
	open  func(ctx context.Context, p Place, web http.RoundTripper) (publish.Destination, error)
}

// EachFault publishes to a new place again and again, with each request in turn failing
// in each way, once and for good, and then runs again.
func EachFault(t *testing.T, begin func() Place, open func(ctx context.Context, p Place, web http.RoundTripper) (publish.Destination, error)) {
	count := &Faults{}
	d, err := open(t.Context(), begin(), count)
	if err == nil {
		_, err = Run(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases []faulty
	for at := 1; at <= count.Requests(); at++ {
		faults := []Fault{Lost, Broken, Cut}
		if at%2 == 0 {
			faults[2] = Short
		}
		for _, fault := range faults {
			cases = append(cases, faulty{at, fault, false, begin(), open})
		}
		cases = append(cases, faulty{at, Lost, true, begin(), open})
	}
	errs := parallel.Do(len(cases), 64, func(n int) error {
		tt := cases[n]
		if err := tt.run(t.Context()); err != nil {
			return fmt.Errorf("request %d, %s, crash %v: %w", tt.at, tt.fault, tt.crash, err)
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	t.Logf("%d requests, %d cases", count.Requests(), len(cases))
}

func (tt faulty) run(ctx context.Context) error {
	crashing, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &Faults{At: tt.at, Fault: tt.fault}
	if tt.crash {
		f.Then = cancel
	}
	if d, err := tt.open(crashing, tt.place, f); err == nil {
		_, err = Run(crashing, d)
		if !tt.crash && err != nil && tt.fault != Short {
			return fmt.Errorf("one fault: %w", err)
		}
	}
	d, err := tt.open(ctx, tt.place, nil)
	if err != nil {
		return err
	}
	items, err := Run(ctx, d)
	if n := States(items); err != nil || n[publish.Equal] != len(items) {
		return fmt.Errorf("again: got %v, %w", n, err)
	}
	return d.Verify(ctx, items, true)
}
