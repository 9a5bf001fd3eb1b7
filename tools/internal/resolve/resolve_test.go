package resolve

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
)

// table resolves by a table, and notes who was the primary.
type table struct {
	pins map[string]*lock.Dependency
	seen []string
}

func (r *table) Resolve(_ context.Context, dep *manifest.Dependency, primary *Primary) (*lock.Dependency, error) {
	note := dep.Name
	if primary != nil {
		note += " after " + primary.Name
	}
	r.seen = append(r.seen, note)
	if d := r.pins[dep.Name]; d != nil {
		copied := *d
		return &copied, nil
	}
	return nil, errors.New("not in the table")
}

func pin(day int) *lock.Dependency {
	return &lock.Dependency{
		Module: &lock.Module{Path: "example.com/x", Version: "v1.0.0"}, Digest: "h1:x", Why: "version in manifest",
		Time: time.Date(2024, 1, day, 0, 0, 0, 0, time.UTC),
	}
}

func named(name string, primary bool) manifest.Dependency {
	return manifest.Dependency{Name: name, Primary: primary, Module: "example.com/" + name, Version: "v1.0.0"}
}

func arguments(t *testing.T, r *table, deps ...manifest.Dependency) (Args, *[]string) {
	t.Helper()
	var progress []string
	return Args{
		Manifest: &manifest.Manifest{
			Version: "1.0.0", Docker: "docker.io/x", Platforms: []string{"win-amd64", "linux-amd64"},
			Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"}, Dependencies: deps,
		},
		Digest: digest.FromBytes([]byte("manifest")), Product: "fallback", Toolchain: lock.Toolchain{Bazel: "7.7.1"},
		Resolvers: Resolvers{Module: r, Local: r, OpenPrimary: func(d *lock.Dependency) (*Primary, error) {
			return &Primary{Name: d.Name}, nil
		}},
		Progress: func(format string, args ...any) { progress = append(progress, fmt.Sprintf(format, args...)) },
	}, &progress
}

func TestResolve(t *testing.T) {
	r := &table{pins: map[string]*lock.Dependency{"c": pin(1), "b": pin(2), "a": pin(3)}}
	a, progress := arguments(t, r, named("c", false), named("b", true), named("a", false))
	l, err := Resolve(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	want := &lock.Lock{
		Schema: lock.Schema, Manifest: a.Digest, Version: "1.0.0", Product: "fallback", Docker: "docker.io/x",
		Platforms: []string{"win-amd64", "linux-amd64"}, Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"},
		Time: pin(2).Time, Toolchain: a.Toolchain,
	}
	for i, name := range []string{"a", "b", "c"} {
		d := *pin(3 - i)
		d.Name, d.Primary = name, name == "b"
		want.Dependencies = append(want.Dependencies, d)
	}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("got\n%+v\nwant\n%+v", l, want)
	}
	if order := []string{"b", "c after b", "a after b"}; !slices.Equal(r.seen, order) {
		t.Errorf("order: got %q, want %q", r.seen, order)
	}
	if lines := []string{"resolving b", "resolving c", "resolving a"}; !slices.Equal(*progress, lines) {
		t.Errorf("progress: got %q, want %q", *progress, lines)
	}
	a.Manifest.Product = "own"
	if l, err = Resolve(t.Context(), a); err != nil || l.Product != "own" {
		t.Errorf("product: got %q, %v, want the manifest's own", l.Product, err)
	}
}

func TestResolveErrors(t *testing.T) {
	git := manifest.Dependency{Name: "g", Git: "https://example.com/g", SHA: "0123456"}
	for _, tt := range []struct {
		name string
		deps []manifest.Dependency
		pins string
		want []string
		seen int
	}{
		{"no primary", []manifest.Dependency{named("a", false)}, "a", []string{"the manifest has no primary dependency"}, 0},
		{"primary", []manifest.Dependency{named("a", false), named("b", true)}, "a", []string{`dependency "b": not in the table`}, 1},
		{
			"all that fail", []manifest.Dependency{named("c", false), named("b", true), named("a", false), named("d", false)}, "b d",
			[]string{`dependency "c": not in the table`, `dependency "a": not in the table`}, 4,
		},
		{"git", []manifest.Dependency{named("a", true), git}, "a", []string{`dependency "g": sources of kind git cannot be resolved yet`}, 1},
		{"not a lock", []manifest.Dependency{named("a", true), named("a", false)}, "a", []string{`dependency "a" stands twice`}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &table{pins: map[string]*lock.Dependency{}}
			for name := range strings.FieldsSeq(tt.pins) {
				r.pins[name] = pin(1)
			}
			a, _ := arguments(t, r, tt.deps...)
			_, err := Resolve(t.Context(), a)
			if err == nil || !slices.Equal(strings.Split(err.Error(), "\n"), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(r.seen) != tt.seen {
				t.Errorf("resolved %q, want %d dependencies", r.seen, tt.seen)
			}
		})
	}
}

func TestResolveOpenPrimary(t *testing.T) {
	a, _ := arguments(t, &table{pins: map[string]*lock.Dependency{"a": pin(1)}}, named("a", true))
	a.Resolvers.OpenPrimary = func(*lock.Dependency) (*Primary, error) { return nil, errors.New("cannot be opened") }
	if _, err := Resolve(t.Context(), a); err == nil || err.Error() != "cannot be opened" {
		t.Errorf("got %v, want that the primary cannot be opened", err)
	}
}

func TestResolveCancelled(t *testing.T) {
	r := &table{pins: map[string]*lock.Dependency{"a": pin(1), "b": pin(1), "c": pin(1)}}
	a, _ := arguments(t, r, named("a", true), named("b", false), named("c", false))
	ctx, cancel := context.WithCancel(t.Context())
	a.Resolvers.OpenPrimary = func(d *lock.Dependency) (*Primary, error) {
		cancel()
		return &Primary{Name: d.Name}, nil
	}
	if l, err := Resolve(ctx, a); l != nil || !errors.Is(err, context.Canceled) || err.Error() != context.Canceled.Error() {
		t.Errorf("got %v, %v, want no lock and %v, once", l, err, context.Canceled)
	}
	if len(r.seen) != 1 {
		t.Errorf("resolved %q, want nothing more once cancelled", r.seen)
	}
}
