package resolve

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// table resolves by a table, each entry in a second.
type table struct {
	pins map[string]*lock.Dependency

	mu      sync.Mutex
	seen    []string
	running int
	most    int
}

func (r *table) Resolve(ctx context.Context, ask *Request) (*lock.Dependency, error) {
	r.mu.Lock()
	r.seen = append(r.seen, ask.Name+" by "+ask.Why)
	r.running++
	r.most = max(r.most, r.running)
	r.mu.Unlock()
	defer func() { r.mu.Lock(); r.running--; r.mu.Unlock() }()
	time.Sleep(time.Second)
	if d := r.pins[ask.Name]; d != nil {
		copied := *d
		return &copied, ctx.Err()
	}
	return nil, errors.New("not in the table")
}

func pin(day int) *lock.Dependency {
	return &lock.Dependency{
		Module: &lock.Module{Path: "example.com/x", Version: "v1.0.0"}, Digest: "h1:x",
		Time: time.Date(2024, 1, day, 0, 0, 0, 0, time.UTC),
	}
}

// dep returns a module, primary if it is called p, that reads the named
// dependency's go.mod if one is named.
func dep(name, reads string) manifest.Dependency {
	d := manifest.Dependency{Name: name, Primary: name == "p", Module: "example.com/plain", Version: "v1.0.0"}
	if reads != "" {
		d.Version, d.Auto, d.From = "", manifest.AutoModules, reads
	}
	return d
}

func arguments(r *table, deps ...manifest.Dependency) Args {
	return Args{
		Manifest: &manifest.Manifest{
			Version: "1.0.0", Docker: "docker.io/x", Platforms: []string{"win-amd64", "linux-amd64"},
			Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"}, Dependencies: deps,
			SkipGenerateBillOfMaterials: true,
		},
		Digest: digest.FromBytes([]byte("manifest")), Product: "p", Toolchain: lock.Toolchain{Bazel: "7.7.1"},
		Resolvers: Resolvers{Module: r, Local: r, Git: r, Open: func(d *lock.Dependency) (*Source, error) {
			s := source(autoFiles)
			s.Name, s.Revision = d.Name, d.Name+"@1"
			return s, nil
		}},
		Progress: func(string, ...any) {},
	}
}

func TestResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &table{pins: map[string]*lock.Dependency{"c": pin(1), "p": pin(2), "a": pin(3)}}
		a := arguments(r, dep("c", "a"), dep("p", ""), dep("a", "p"))
		l, err := Resolve(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		want := &lock.Lock{
			Schema: lock.Schema, Manifest: a.Digest, Version: "1.0.0", Product: "p", Docker: "docker.io/x",
			Platforms: []string{"win-amd64", "linux-amd64"}, Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"},
			SkipSBOM: true, Time: pin(2).Time, Toolchain: a.Toolchain,
		}
		for i, name := range []string{"a", "c", "p"} {
			d := *pin([]int{3, 1, 2}[i])
			d.Name, d.Primary, d.Why = name, name == "p", []string{"go.mod of p@1", "go.mod of a@1", "version in manifest"}[i]
			want.Dependencies = append(want.Dependencies, d)
		}
		want.Seal()
		if !reflect.DeepEqual(l, want) {
			t.Errorf("got\n%+v\nwant\n%+v", l, want)
		}
		if order := []string{"p by version in manifest", "a by go.mod of p@1", "c by go.mod of a@1"}; !slices.Equal(r.seen, order) {
			t.Errorf("order: got %q, want %q", r.seen, order)
		}
	})
}

// TestResolveAtOnce: what does not wait for each other is resolved at the same
// time, though not everything at once.
func TestResolveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &table{pins: map[string]*lock.Dependency{"p": pin(1)}}
		deps := []manifest.Dependency{dep("p", "")}
		for i := range 3*atOnce - 1 {
			name := fmt.Sprintf("d%d", i)
			r.pins[name] = pin(1)
			deps = append(deps, dep(name, ""))
		}
		start := time.Now()
		if _, err := Resolve(t.Context(), arguments(r, deps...)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Second || r.most != atOnce {
			t.Errorf("%d dependencies: got %v, %d at once, want 3s, %d at once", len(deps), took, r.most, atOnce)
		}
	})
}

func TestResolveErrors(t *testing.T) {
	workspace := manifest.Dependency{Name: "envoy", Git: "https://example.com/envoy", Auto: manifest.AutoProxyWorkspace}
	for _, tt := range []struct {
		name string
		deps []manifest.Dependency
		pins string
		want []string
		seen int
	}{
		{"no primary", []manifest.Dependency{dep("a", "")}, "a", []string{"the manifest has no primary dependency"}, 0},
		{
			"all that fail", []manifest.Dependency{dep("c", ""), dep("p", ""), dep("a", ""), dep("d", "")}, "p d",
			[]string{`dependency "c": not in the table`, `dependency "a": not in the table`}, 4,
		},
		{
			"what waits for what fails", []manifest.Dependency{dep("c", "b"), dep("b", "p"), dep("p", ""), dep("a", "")}, "a",
			[]string{`dependency "p": not in the table`}, 2,
		},
		{
			"auto", []manifest.Dependency{dep("p", ""), {Name: "g", Git: "https://example.com/g", Auto: manifest.AutoDeps}}, "p",
			[]string{`dependency "g": reading p.deps of p@1: file does not exist`}, 1,
		},
		{"no proxy", []manifest.Dependency{dep("p", ""), workspace}, "p", []string{`dependency "envoy": auto: proxy_workspace reads dependency "proxy", which is not in the manifest`}, 0},
		{"not a lock", []manifest.Dependency{dep("p", ""), dep("p", "")}, "p", []string{`duplicate dependency "p"`, "dependencies: 2 are primary, want 1"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &table{pins: map[string]*lock.Dependency{}}
				for name := range strings.FieldsSeq(tt.pins) {
					r.pins[name] = pin(1)
				}
				_, err := Resolve(t.Context(), arguments(r, tt.deps...))
				if err == nil || !slices.Equal(strings.Split(err.Error(), "\n"), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if len(r.seen) != tt.seen {
					t.Errorf("resolved %q, want %d dependencies", r.seen, tt.seen)
				}
			})
		})
	}
}

func TestResolveOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := arguments(&table{pins: map[string]*lock.Dependency{"p": pin(1)}}, dep("p", ""), dep("a", "p"))
		a.Resolvers.Open = func(*lock.Dependency) (*Source, error) { return nil, errors.New("cannot be opened") }
		if _, err := Resolve(t.Context(), a); err == nil || err.Error() != `dependency "a": cannot be opened` {
			t.Errorf("got %v, want that the primary cannot be opened", err)
		}
	})
}

func TestResolveCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &table{pins: map[string]*lock.Dependency{"p": pin(1), "b": pin(1), "c": pin(1)}}
		a := arguments(r, dep("p", ""), dep("b", "p"), dep("c", "b"))
		ctx, cancel := context.WithCancel(t.Context())
		open := a.Resolvers.Open
		a.Resolvers.Open = func(d *lock.Dependency) (*Source, error) {
			if d.Name == "b" {
				cancel()
			}
			return open(d)
		}
		if l, err := Resolve(ctx, a); l != nil || err == nil || err.Error() != context.Canceled.Error() {
			t.Errorf("got %v, %v, want no lock and %v, once", l, err, context.Canceled)
		}
		cancelled, stop := context.WithCancel(t.Context())
		stop()
		r.seen = nil
		if _, err := Resolve(cancelled, a); !errors.Is(err, context.Canceled) || len(r.seen) > 0 {
			t.Errorf("cancelled before: got %v, resolved %q, want %v and nothing", err, r.seen, context.Canceled)
		}
	})
}

// TestResolveOthers: images and files are pinned, files after what they may need.
func TestResolveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := digest.FromBytes(nil)
		a := arguments(&table{pins: map[string]*lock.Dependency{"p": pin(1)}}, dep("p", ""))
		a.Manifest.Images = []manifest.Image{{Name: "app", Base: "example.com/base"}}
		a.Manifest.ProxyOverride = "https://example.com"
		images := []lock.Image{{Name: "app", Digest: d, Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: d}}}}
		a.Resolvers.Images = func(context.Context, *manifest.Manifest) ([]lock.Image, error) { return images, nil }
		a.Resolvers.Files = func(_ context.Context, _ *manifest.Manifest, pinned []lock.Dependency) ([]lock.File, error) {
			return []lock.File{{Name: pinned[0].Name, Digest: d}}, nil
		}
		l, err := Resolve(t.Context(), a)
		if err != nil || !reflect.DeepEqual(l.Images, images) || len(l.Files) != 1 || l.Files[0].Name != "p" {
			t.Errorf("got %+v, %v, want the images and a file", l, err)
		}
		a.Resolvers.Images = func(context.Context, *manifest.Manifest) ([]lock.Image, error) { return nil, errors.New("no base") }
		if _, err := Resolve(t.Context(), a); err == nil || err.Error() != "no base" {
			t.Errorf("got %v, want that there is no base", err)
		}
	})
}
